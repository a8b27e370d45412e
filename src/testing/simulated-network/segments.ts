/**
 * How the segments of one end of a connection get to the other: again and again until one arrives, or until it is
 * pointless.
 *
 * Retransmission after Linux: 200 ms or twice the round trip, doubling up to 120 s, 15 times (tcp_retries2), which makes
 * about a quarter of an hour until ETIMEDOUT.
 */
import type { InetAddress } from '../../core/address.ts';
import type { Fabric } from './fabric.ts';
import type { SimulatedHost } from './simulated-host.ts';

const SHORTEST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 120_000;
const RETRIES = 15;
const HEADER_BYTES = { 4: 40, 6: 60 } as const;

export interface SegmentHandlers {
  /** Whether to try on. */
  readonly isWanted: () => boolean;
  readonly arrived: () => void;
  readonly givenUp: (code: string) => void;
}

export interface SegmentsOptions {
  readonly from: SimulatedHost;
  readonly to: SimulatedHost;
  /** For the record. */
  readonly fromAddress: InetAddress;
  readonly toAddress: InetAddress;
}

export class Segments {
  readonly #fabric: Fabric;
  readonly #options: SegmentsOptions;
  /** The NATs on the way were in this state when the connection was made. */
  readonly #generations: readonly number[];

  constructor(fabric: Fabric, options: SegmentsOptions) {
    this.#fabric = fabric;
    this.#options = options;
    this.#generations = this.#natGenerations();
  }

  /** Most data in one segment. */
  get maxBytes(): number {
    const { from, to, toAddress } = this.#options;
    return Math.max(1, this.#fabric.link(from, to).settings.mtuBytes - HEADER_BYTES[toAddress.family]);
  }

  sendReliably(kind: string, bytes: number, handlers: SegmentHandlers): void {
    this.#attempt(kind, bytes, handlers, 0);
  }

  /** Tried once. */
  sendReset(arrived: () => void): void {
    this.#once('RST', 0, arrived, () => undefined);
  }

  /** A bare acknowledgement: late, but never lost for good. */
  acknowledge(arrived: () => void): void {
    const { from, to } = this.#options;
    const link = this.#fabric.link(from, to);
    const tryIt = (): void => {
      if (this.#fabric.isCut(from, to)) this.#fabric.timeline.after(SHORTEST_RETRY_MS, link.name, tryIt);
      else arrived();
    };
    this.#fabric.timeline.after(link.settings.latencyMs, link.name, tryIt);
  }

  #attempt(kind: string, bytes: number, handlers: SegmentHandlers, tries: number): void {
    if (!handlers.isWanted()) return;
    if (this.#isForgotten) {
      // Whoever has the old port now, or nobody, answers with a reset.
      this.#fabric.timeline.after(this.#retryMs(0), this.#lane, () => handlers.givenUp('ECONNRESET'));
      return;
    }
    this.#once(kind, bytes, handlers.arrived, () => {
      this.#fabric.timeline.after(this.#retryMs(tries), this.#lane, () => {
        if (tries >= RETRIES) handlers.givenUp('ETIMEDOUT');
        else this.#attempt(kind, bytes, handlers, tries + 1);
      });
    });
  }

  #once(kind: string, bytes: number, arrived: () => void, lost: () => void): void {
    const fabric = this.#fabric;
    const { from, to, fromAddress, toAddress } = this.#options;
    const link = fabric.link(from, to);
    const fate = link.send(fabric.timeline.now(), bytes, bytes + HEADER_BYTES[toAddress.family]);
    const packet = link.packets;
    fabric.record(link, packet, 'send', 'tcp', fromAddress, toAddress, bytes, kind);
    const drop = (reason: string): void => {
      fabric.record(link, packet, 'drop', 'tcp', fromAddress, toAddress, bytes, reason);
      lost();
    };
    if (fabric.isCut(from, to)) {
      drop('partition');
      return;
    }
    if (fate.kind === 'lost') {
      drop(fate.reason);
      return;
    }
    const [{ delayMs, flippedBit }] = fate.copies as [(typeof fate.copies)[0]];
    if (flippedBit !== undefined) {
      drop('corrupted');
      return;
    }
    fabric.timeline.after(delayMs, link.name, () => {
      if (fabric.isCut(from, to)) {
        drop('partition');
        return;
      }
      fabric.record(link, packet, 'deliver', 'tcp', fromAddress, toAddress, bytes, kind);
      arrived();
    });
  }

  #retryMs(tries: number): number {
    const { latencyMs, jitterMs } = this.#fabric.link(this.#options.from, this.#options.to).settings;
    const first = Math.max(SHORTEST_RETRY_MS, 4 * (latencyMs + jitterMs));
    return Math.min(first * 2 ** tries, LONGEST_RETRY_MS);
  }

  get #lane(): string {
    return `${this.#options.from.name}>${this.#options.to.name}`;
  }

  get #isForgotten(): boolean {
    return this.#natGenerations().some((generation, i) => generation !== this.#generations[i]);
  }

  #natGenerations(): readonly number[] {
    return [this.#options.from.nat?.generation ?? 0, this.#options.to.nat?.generation ?? 0];
  }
}
