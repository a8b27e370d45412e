/**
 * Secrets of cookies: a new one every 30 seconds, and the one before counts, too. A cookie so lives 30 to 60 seconds.
 *
 * They are derived from one secret and the number of the period, so nothing has to be stored or handed over: servers that
 * share the secret and roughly the time accept each other's cookies. Without a shared one the secret is random and
 * the endpoint's own.
 */
import type { SecretKey } from '../core/crypto-provider.ts';
import { nodeCrypto } from '../platform/crypto.ts';
import type { CookieSecrets } from '../protocols/dtls/cookie.ts';

const PERIOD_MS = 30_000;
export const MIN_COOKIE_SECRET_BYTES = 32;

export class CookieKeys {
  readonly #master: SecretKey;
  readonly #now: () => number;
  #period = NaN;
  #secrets: CookieSecrets | undefined;

  /** @param now milliseconds; where a fleet shares the secret, since 1970 */
  constructor(secret: Uint8Array, now: () => number) {
    this.#master = nodeCrypto.secretKey(secret);
    this.#now = now;
  }

  get current(): CookieSecrets {
    const period = Math.floor(this.#now() / PERIOD_MS);
    if (this.#secrets === undefined || period !== this.#period) {
      this.#period = period;
      this.#secrets = { current: this.#derive(period), previous: this.#derive(period - 1) };
    }
    return this.#secrets;
  }

  #derive(period: number): SecretKey {
    const seed = new TextEncoder().encode(`bowline dtls cookie ${period}`);
    return nodeCrypto.secretKey(nodeCrypto.hmac('sha256', this.#master, [seed]));
  }
}
