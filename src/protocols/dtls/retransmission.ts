/**
 * When to send a flight again (RFC 6347 §4.2.4.1).
 *
 * One second at first (settable), doubled each time up to sixty. The value goes back to the first one only after a flight
 * that was answered without a loss. Partial progress of the peer's flight neither stops nor restarts the timer. After two
 * losses of one flight its messages are cut smaller, for the datagrams may be too long for the path (RFC 6347 §4.1.1.1).
 *
 * When the peer sends its flight again, ours got lost, most likely: it is sent at once and not only when the timer fires,
 * but not if it was sent within half of the first timeout. Otherwise both sides, each answering the other's
 * retransmission, would storm (pion#478).
 */
export interface RetransmissionSettings {
  /** Until a flight is sent for the second time. */
  readonly initialTimeoutMs: number;
  readonly maxTimeoutMs: number;
}

/** Losses of one flight after which datagrams get smaller. */
const LOSSES_UNTIL_SMALLER = 2;

export class RetransmissionTimer {
  readonly #settings: RetransmissionSettings;
  #timeoutMs: number;
  #losses = 0;
  #sentAt = -Infinity;
  /** When to send again; `null`: nothing awaits an answer. */
  #deadline: number | null = null;

  constructor(settings: RetransmissionSettings) {
    this.#settings = settings;
    this.#timeoutMs = settings.initialTimeoutMs;
  }

  get deadline(): number | null {
    return this.#deadline;
  }

  get wantsSmallerDatagrams(): boolean {
    return this.#losses >= LOSSES_UNTIL_SMALLER;
  }

  /** A new flight goes out. @param awaitsAnswer the last flight of a handshake does not */
  flightSent(now: number, awaitsAnswer: boolean): void {
    if (this.#losses === 0) this.#timeoutMs = this.#settings.initialTimeoutMs;
    this.#losses = 0;
    this.#sentAt = now;
    this.#deadline = awaitsAnswer ? now + this.#timeoutMs : null;
  }

  /** The deadline passed and the flight goes out again. */
  expired(now: number): void {
    this.#losses += 1;
    this.#timeoutMs = Math.min(this.#timeoutMs * 2, this.#settings.maxTimeoutMs);
    this.#sentAt = now;
    this.#deadline = now + this.#timeoutMs;
  }

  /** The peer sent its flight again. Whether ours must go out again now. */
  peerRepeated(now: number): boolean {
    if (now - this.#sentAt < this.#settings.initialTimeoutMs / 2) return false;
    this.#losses += 1;
    this.#sentAt = now;
    if (this.#deadline !== null) this.#deadline = now + this.#timeoutMs;
    return true;
  }

  /** A decision of this side took its time, which is not the peer's: the timer runs from now. */
  resume(now: number): void {
    if (this.#deadline !== null) this.#deadline = now + this.#timeoutMs;
  }

  /** The answer is there: nothing is sent again by time. */
  answered(): void {
    this.#deadline = null;
  }
}
