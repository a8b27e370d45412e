/**
 * What is wrong with a message, and what a server answers to that.
 *
 * Every refusal cites its rule and carries the status that RFC 9110 gives it, so that a server need not guess and a test can
 * name both. After any of them the connection cannot be used further: where the next message would begin is no longer known.
 */
import { ProtocolError } from '../../core/errors.ts';
import type { ErrorCode } from '../../core/errors.ts';

/** 400 malformed · 413 body too large · 414 target too long · 417 unknown expectation · 431 head too large · 501 unknown coding · 505 version */
export type RefusalStatus = 400 | 413 | 414 | 417 | 431 | 501 | 505;

export class MessageError extends ProtocolError {
  override readonly code: ErrorCode = 'ERR_BOWLINE_HTTP_MESSAGE';
  /** What a server answers. Of a response it says how far a request of this kind would have been wrong. */
  readonly status: RefusalStatus;

  constructor(status: RefusalStatus, message: string, rule: string) {
    super(message, rule);
    this.status = status;
  }
}
