// The few numbers a noisy measurement can bear: a median, and the two values furthest from it.
//
// Means and standard deviations are not used: one stolen time slice makes an outlier that is many times the rest, and the
// distribution is one-sided. A ratio between two servers is formed inside each round, where both ran within seconds of
// each other, and only then is the median taken: the drift of the machine cancels, which it does not in a ratio of medians.

/**
 * @typedef {{ median: number, min: number, max: number, count: number }} Summary
 */

/**
 * @param {readonly number[]} values
 * @returns {Summary | null} null where there is nothing to summarise
 */
export function summarise(values) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1], count: sorted.length };
}

/**
 * The ratio of two series, round by round; rounds in which either has no value are left out.
 * @param {readonly (number | undefined)[]} values
 * @param {readonly (number | undefined)[]} references
 * @returns {Summary | null}
 */
export function ratio(values, references) {
  const ratios = [];
  for (const [round, value] of values.entries()) {
    const reference = references[round];
    if (value !== undefined && reference !== undefined && reference > 0) ratios.push(value / reference);
  }
  return summarise(ratios);
}

/**
 * A copy in random order (Fisher-Yates): no server always runs after the same neighbour.
 * @template T
 * @param {readonly T[]} items
 * @returns {T[]}
 */
export function shuffled(items) {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}
