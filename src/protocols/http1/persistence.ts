/**
 * Whether a connection goes on after a message (RFC 9112 §9.3), and whether it becomes something else (RFC 9110 §7.8).
 */
import type { Fields } from './fields.ts';

/** HTTP/1.1 stays open unless told otherwise, HTTP/1.0 closes unless told otherwise; `close` beats `keep-alive`. */
export function isPersistent(head: { readonly minorVersion: 0 | 1; readonly fields: Fields }): boolean {
  if (!head.fields.has('connection')) return head.minorVersion === 1;
  if (head.fields.lists('connection', 'close')) return false;
  return head.minorVersion === 1 || head.fields.lists('connection', 'keep-alive');
}

/** The protocols a request asks to upgrade to, in lower case and its order of preference; none unless Connection says so too. */
export function upgradesOf(head: { readonly minorVersion: 0 | 1; readonly fields: Fields }): string[] {
  const upgrade = head.fields.combined('upgrade');
  if (upgrade === undefined || head.minorVersion === 0 || !head.fields.lists('connection', 'upgrade')) return [];
  return upgrade
    .split(',')
    .map((one) => one.trim().toLowerCase())
    .filter((one) => one !== '');
}
