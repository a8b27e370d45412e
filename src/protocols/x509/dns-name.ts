/**
 * DNS names as certificates hold them: labels in lower case, ASCII, with at most one `*` in front.
 *
 * RFC 5280 §4.2.1.6 wants the preferred syntax of RFC 1034 §3.5; underscores, and hyphens at the ends of labels, are let through,
 * because hosts with such names are in use. Internationalised names come as A-labels (`xn--…`, RFC 9549), which are compared like any other label: nothing
 * here converts. A wildcard is one whole label, the first (RFC 9525 §6.3): `f*.example.org` and `www.*.org` are no names at all.
 */

export interface DnsPattern {
  /** Without the wildcard. */
  readonly labels: readonly string[];
  readonly wildcard: boolean;
}

/** The labels of a name without wildcards, or `undefined` where it is not one. No trailing dot: names are absolute as they are. */
export function parseDnsName(text: string): readonly string[] | undefined {
  if (text.length === 0 || text.length > 253) return undefined;
  const labels = text.toLowerCase().split('.');
  return labels.every((label) => /^[a-z0-9_-]{1,63}$/.test(label)) ? labels : undefined;
}

export function parseDnsPattern(text: string): DnsPattern | undefined {
  const wildcard = text.startsWith('*.');
  const labels = parseDnsName(wildcard ? text.slice(2) : text);
  return labels === undefined ? undefined : { labels, wildcard };
}

/** Whether `labels` is `base`, or `base` with labels in front. */
export function endsWithLabels(labels: readonly string[], base: readonly string[]): boolean {
  const offset = labels.length - base.length;
  return offset >= 0 && base.every((label, i) => label === labels[offset + i]);
}
