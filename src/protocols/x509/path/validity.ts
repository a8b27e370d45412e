/**
 * The time (RFC 5280 §4.1.2.5): valid "from notBefore through notAfter, inclusive", both to the second.
 */
import type { Certificate } from '../certificate.ts';
import { formatTime } from '../der-time.ts';
import { finding } from './refusal.ts';
import type { Finding } from './refusal.ts';

/** @param now in ms since 1970 */
export function checkValidity({ notBefore, notAfter }: Certificate, now: number): Finding | undefined {
  const second = Math.floor(now / 1000) * 1000;
  if (second < notBefore) return finding('not-yet-valid', `it is valid only from ${formatTime(notBefore)}`);
  if (second > notAfter) return finding('expired', `it expired on ${formatTime(notAfter)}`);
  return undefined;
}
