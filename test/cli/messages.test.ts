import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Messages } from '#src/cli/messages.js';
import { noTotals } from '#src/cli/statistics.js';
import { rateOf, showThroughput, throughputLine } from '#src/cli/throughput-line.js';

function terminal(isTTY: boolean): { written: string[]; isTTY: boolean; columns: number; write(text: string): void } {
  const written: string[] = [];
  return { written, isTTY, columns: 60, write: (text) => void written.push(text) };
}

test('a line that stays goes above the live line, which is drawn again', () => {
  const sink = terminal(true);
  const messages = new Messages(sink);
  messages.live('12 MB/s');
  messages.say('trouble');
  assert.equal(sink.written.join(''), '\r\x1b[2K12 MB/s\r\x1b[2Kbowline: trouble\n12 MB/s');
});

test('a terminal that does not know its width has 80 columns', () => {
  assert.equal(new Messages({ ...terminal(true), columns: 0 }).columns, 80);
  assert.equal(new Messages({ write: () => undefined }).columns, 80);
});

test('without a terminal there is no live line and no control sequence', () => {
  const sink = terminal(false);
  const messages = new Messages(sink);
  messages.live('12 MB/s');
  showThroughput(
    messages,
    () => noTotals,
    () => 0,
  )();
  messages.say('trouble');
  assert.equal(sink.written.join(''), 'bowline: trouble\n');
});

test('the live line is cut so that the terminal does not wrap it', () => {
  const totals = { ...noTotals, connections: 512, open: 500, forwardBytes: 67_108_864, backwardBytes: 12 };
  const line = throughputLine(totals, 12_345, 61_200_000, 200);
  assert.equal(line, ' 12.3 s  → 67.1 MB   ← 12 B       61.2 MB/s  500 open of 512');
  assert.equal(throughputLine(totals, 12_345, 0, 20).length, 19);
});

test('the rate is that between the first and the last sample, and nothing where there is no time between them', () => {
  assert.equal(rateOf([]), 0);
  assert.equal(rateOf([{ atMs: 5, bytes: 9 }]), 0);
  assert.equal(
    rateOf([
      { atMs: 0, bytes: 100 },
      { atMs: 250, bytes: 0 },
      { atMs: 500, bytes: 1100 },
    ]),
    2000,
  );
});
