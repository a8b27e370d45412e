/** Facts as people read them: a column of labels, a column of values. What a peer has said is made safe to print. */
import { escapeText } from '../core/quote.ts';

export type LabelledRow = readonly [label: string, value: string];

const MAX_VALUE_CHARACTERS = 2000;

/** Each row on a line; a row with the label of the one above it goes without. */
export function labelTable(rows: readonly LabelledRow[]): string {
  const width = Math.max(0, ...rows.map(([label]) => label.length)) + 2;
  return rows
    .map(([label, value], i) => {
      const shown = label === rows[i - 1]?.[0] ? '' : label;
      return `${shown.padEnd(width)}${escapeText(value, MAX_VALUE_CHARACTERS)}`.trimEnd() + '\n';
    })
    .join('');
}
