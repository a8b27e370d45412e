/** What a proxy's refusal looks like: a failed attempt to connect, with the proxy's own words for it as a number. */
import { ConnectError } from '../core/errors.ts';
import type { ErrorCode, ErrorOptionsWithCause } from '../core/errors.ts';

/** The proxy understood what it was asked for, and said no. Shows neither credentials nor what the proxy wrote about it. */
export class ProxyRefusedError extends ConnectError {
  override readonly code: ErrorCode = 'ERR_BOWLINE_PROXY_REFUSED';
  /** `'authentication'`: it wants other credentials, or some; another target would not help. */
  readonly reason: 'authentication' | 'refused';
  /** The SOCKS5 reply code (1 to 255), the SOCKS4 reply code (91 and up) or the HTTP status; `undefined` for a refused method or password. */
  readonly status: number | undefined;

  constructor(
    message: string,
    reason: 'authentication' | 'refused',
    status: number | undefined,
    options?: ErrorOptionsWithCause,
  ) {
    super(message, [], options);
    this.reason = reason;
    this.status = status;
  }
}
