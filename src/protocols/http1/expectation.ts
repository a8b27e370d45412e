/**
 * Whether the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1). From an HTTP/1.0 client it is ignored, and
 * so it is without a body: there is nothing to wait for.
 */
import type { BodyFraming } from './body-framing.ts';
import { MessageError } from './message-error.ts';
import type { RequestHead } from './request-head.ts';

/** @throws MessageError 417, it expects something else */
export function expectsContinue(head: RequestHead, framing: BodyFraming): boolean {
  const expected = head.fields.combined('expect');
  if (expected === undefined || head.minorVersion === 0) return false;
  if (expected.toLowerCase() !== '100-continue')
    throw new MessageError(417, 'an expectation other than 100-continue', 'RFC 9110 §10.1.1');
  return framing.kind !== 'none';
}
