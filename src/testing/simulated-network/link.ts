/**
 * One direction between two hosts, and what it does to what is sent over it.
 *
 * A packet waits its turn at the bandwidth, and is then lost, or arrives once or twice, late, out of order, or changed.
 * Each packet draws the same number of random numbers whatever the options are, so turning one fault up does not move
 * the others to different packets.
 */
import { Random } from './random.ts';

export interface LinkOptions {
  /** How long a packet is under way, at least. Default 1. */
  readonly latencyMs?: number | undefined;
  /** Up to so much more, evenly distributed; packets may overtake each other by it. Default 0. */
  readonly jitterMs?: number | undefined;
  /** Share of packets that get lost, 0 to 1. Default 0. */
  readonly loss?: number | undefined;
  /** Share that arrives twice. Default 0. */
  readonly duplicate?: number | undefined;
  /** Share that is held back for `reorderDelayMs`, so that later ones overtake it. Default 0. */
  readonly reorder?: number | undefined;
  /** Default 100. */
  readonly reorderDelayMs?: number | undefined;
  /** Share in which one bit is turned over. Default 0. On TCP these are lost, because its checksum finds them. */
  readonly corrupt?: number | undefined;
  /** Default Infinity. */
  readonly bytesPerSecond?: number | undefined;
  /** What waits for its turn at the bandwidth, at most; what comes beyond is lost. Default 262,144. */
  readonly queueBytes?: number | undefined;
  /** Largest packet, IP header included. Default 1,500. */
  readonly mtuBytes?: number | undefined;
  /**
   * What becomes of a datagram larger than that: it goes in fragments, each of which may get lost (`fragment`, the default),
   * or vanishes, as with the don't-fragment bit behind a firewall (`drop`), or its send fails with EMSGSIZE (`refuse`).
   */
  readonly oversize?: 'fragment' | 'drop' | 'refuse' | undefined;
}

export type LinkSettings = { readonly [K in keyof LinkOptions]-?: Exclude<LinkOptions[K], undefined> };

export const PERFECT_LINK: LinkSettings = Object.freeze({
  latencyMs: 1,
  jitterMs: 0,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  reorderDelayMs: 100,
  corrupt: 0,
  bytesPerSecond: Infinity,
  queueBytes: 262_144,
  mtuBytes: 1500,
  oversize: 'fragment',
});

/** Inside one host. */
export const LOOPBACK_LINK: LinkSettings = Object.freeze({ ...PERFECT_LINK, latencyMs: 0, mtuBytes: 65_536 });

/** @throws TypeError, RangeError an option is none */
export function linkSettings(base: LinkSettings, options: LinkOptions): LinkSettings {
  const settings = { ...base } as Record<string, unknown>;
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(base, name)) throw new TypeError(`a link has no option ${name}`);
    checkOption(name, value);
    settings[name] = value;
  }
  return settings as unknown as LinkSettings;
}

/** A copy of a packet that will arrive. */
export interface Arrival {
  readonly delayMs: number;
  /** Which bit is turned over, counted from the start of the data; `undefined`: none. */
  readonly flippedBit: number | undefined;
}

export type Fate =
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'arrives'; readonly copies: readonly Arrival[] };

export class Link {
  /** `a>b`: also the lane of its packets. */
  readonly name: string;
  settings: LinkSettings;
  readonly #random: Random;
  #busyUntil = 0;
  /** How many packets were sent. */
  packets = 0;

  constructor(name: string, settings: LinkSettings, seed: number) {
    this.name = name;
    this.settings = settings;
    this.#random = new Random(seed, name);
  }

  /**
   * Decides about one packet, and takes its turn.
   *
   * @param dataBytes what can be corrupted; @param packetBytes with its headers
   */
  send(now: number, dataBytes: number, packetBytes: number): Fate {
    this.packets++;
    const random = this.#random;
    const [lost, twice, late, changed, bit, jitter, secondJitter] = Array.from({ length: 7 }, () => random.next()) as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const { settings } = this;
    const waitMs = this.#takeTurn(now, packetBytes);
    if (waitMs === undefined) return { kind: 'lost', reason: 'queue full' };
    const fragments = Math.max(1, Math.ceil(packetBytes / settings.mtuBytes));
    if (fragments > 1 && settings.oversize === 'drop') return { kind: 'lost', reason: 'larger than the mtu' };
    if (lost < 1 - (1 - settings.loss) ** fragments) return { kind: 'lost', reason: 'loss' };
    const delayMs = waitMs + settings.latencyMs;
    const heldMs = late < settings.reorder ? settings.reorderDelayMs : 0;
    const flippedBit = changed < settings.corrupt && dataBytes > 0 ? Math.floor(bit * dataBytes * 8) : undefined;
    const copies = [{ delayMs: delayMs + heldMs + jitter * settings.jitterMs, flippedBit }];
    if (twice < settings.duplicate) copies.push({ delayMs: delayMs + secondJitter * settings.jitterMs, flippedBit });
    return { kind: 'arrives', copies };
  }

  /** When the last byte is on its way, from now; `undefined` where too much is waiting. */
  #takeTurn(now: number, packetBytes: number): number | undefined {
    const { bytesPerSecond, queueBytes } = this.settings;
    if (bytesPerSecond === Infinity) return 0;
    const start = Math.max(now, this.#busyUntil);
    if (((start - now) / 1000) * bytesPerSecond > queueBytes) return undefined;
    this.#busyUntil = start + (packetBytes / bytesPerSecond) * 1000;
    return this.#busyUntil - now;
  }
}

const SHARES = ['loss', 'duplicate', 'reorder', 'corrupt'];

function checkOption(name: string, value: unknown): void {
  if (name === 'oversize') {
    if (!['fragment', 'drop', 'refuse'].includes(value as string)) {
      throw new TypeError("oversize is 'fragment', 'drop' or 'refuse'");
    }
    return;
  }
  if (typeof value !== 'number') throw new TypeError(`${name} is a number, not ${typeof value}`);
  const isShare = SHARES.includes(name);
  if (isShare && !(value >= 0 && value <= 1)) throw new RangeError(`${name} is a share from 0 to 1, not ${value}`);
  if (name.endsWith('Ms') && !(value >= 0 && value < Infinity)) {
    throw new RangeError(`${name} is 0 or more milliseconds, not ${value}`);
  }
  if (name === 'mtuBytes' && !(Number.isInteger(value) && value >= 68)) {
    throw new RangeError(`mtuBytes is an integer of at least 68 (RFC 791), not ${value}`);
  }
  if ((name === 'bytesPerSecond' || name === 'queueBytes') && !(value > 0)) {
    throw new RangeError(`${name} is more than 0, not ${value}`);
  }
}
