import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { channel } from 'node:diagnostics_channel';
import { afterEach, test } from 'node:test';

import { inetAddress } from 'bowline/core';
import type { ReportEvent } from 'bowline/observe';
import { describeReport, isReportWanted, report, setReporter } from 'bowline/observe';

declare module 'bowline/observe' {
  interface ReportEvents {
    'test-pigeon-lost': { readonly message: string; readonly pigeon: number };
  }
}

interface Warning {
  readonly text: string;
  readonly type: string;
  readonly code: string;
  readonly detail?: string;
}

/** Process warnings that are given out from now on, instead of on stderr. */
function catchWarnings(t: TestContext): Warning[] {
  const warnings: Warning[] = [];
  t.mock.method(process, 'emitWarning', (text: string, options: Omit<Warning, 'text'>) => {
    warnings.push({ text, ...options });
  });
  return warnings;
}

const backoff: ReportEvent = {
  kind: 'accept-backoff',
  address: inetAddress('::1', 80),
  error: new Error('EMFILE'),
  retryMs: 100,
};
const dropped = (count: number): ReportEvent => ({
  kind: 'datagram-dropped',
  address: inetAddress('127.0.0.1', 53),
  reason: 'the receive queue is full',
  dropped: count,
});

afterEach(() => {
  setReporter(null);
});

test('a reporter that throws or rejects never disturbs who reports, and is told of once', async (t) => {
  const warnings = catchWarnings(t);
  setReporter(() => {
    throw new Error('broken reporter');
  });
  report(backoff);
  report(backoff);
  assert.equal(warnings.length, 1);
  assert.equal(warnings[0]?.code, 'BOWLINE_REPORTER');
  assert.match(warnings[0].detail ?? '', /broken reporter/);

  const asynchronous: () => unknown = async () => Promise.reject(new Error('broken promise'));
  setReporter(asynchronous);
  report(backoff);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(warnings.length, 2);
  assert.match(warnings[1]?.detail ?? '', /broken promise/);
});

test('what is no reporter is a TypeError and changes nothing', (t) => {
  const seen: ReportEvent[] = [];
  const reporter = (event: ReportEvent): void => void seen.push(event);
  setReporter(reporter);
  for (const wrong of [undefined, 'x', {}]) assert.throws(() => setReporter(wrong as unknown as null), TypeError);
  report(backoff);
  assert.deepEqual(seen, [backoff]);
  assert.equal(setReporter(null), reporter);
  assert.equal(catchWarnings(t).length, 0);
});

test('without a reporter each kind is one BowlineWarning', (t) => {
  const warnings = catchWarnings(t);
  report(backoff);
  report(backoff);
  report(dropped(1));
  report(dropped(2));
  assert.deepEqual(
    warnings.map(({ type, code }) => [type, code]),
    [
      ['BowlineWarning', 'BOWLINE_ACCEPT_BACKOFF'],
      ['BowlineWarning', 'BOWLINE_DATAGRAM_DROPPED'],
    ],
  );
  assert.match(
    warnings[0]?.text ?? '',
    /cannot accept connections on \[::1\]:80 \(EMFILE\); trying again every 100 ms/,
  );
});

test('going back to the default counts anew', (t) => {
  const warnings = catchWarnings(t);
  report(backoff);
  setReporter(null);
  report(backoff);
  assert.equal(warnings.length, 2);
});

test('a warning repeats no control characters of an error', (t) => {
  const warnings = catchWarnings(t);
  report({ kind: 'handler-error', error: new Error('\u001b[2Jgone\nINFO all is well') });
  const [warning] = warnings;
  assert.match(warning?.text ?? '', /^[ -~]*$/);
  assert.match(warning?.detail ?? '', /\n {4}at /);
  assert.equal(warning?.detail?.includes('\u001b'), false);
});

test('every event goes to bowline.report and to the channel of its kind', (t) => {
  catchWarnings(t);
  const seen: [string, unknown][] = [];
  for (const name of ['bowline.report', 'bowline.report.datagram-dropped']) {
    const subscriber = (message: unknown): void => void seen.push([name, message]);
    channel(name).subscribe(subscriber);
    t.after(() => channel(name).unsubscribe(subscriber));
  }
  const event = dropped(1);
  report(event);
  report(backoff);
  assert.deepEqual(seen, [
    ['bowline.report', event],
    ['bowline.report.datagram-dropped', event],
    ['bowline.report', backoff],
  ]);
});

test('a kind is wanted until it was told once, and by every reporter and channel', (t) => {
  catchWarnings(t);
  assert.equal(isReportWanted('datagram-dropped'), true);
  report(dropped(1));
  assert.equal(isReportWanted('datagram-dropped'), false);
  assert.equal(isReportWanted('accept-backoff'), true);
  const subscriber = (): void => {};
  channel('bowline.report.datagram-dropped').subscribe(subscriber);
  assert.equal(isReportWanted('datagram-dropped'), true);
  channel('bowline.report.datagram-dropped').unsubscribe(subscriber);
  assert.equal(isReportWanted('datagram-dropped'), false);
  setReporter(() => {});
  assert.equal(isReportWanted('datagram-dropped'), true);
});

test('a kind from elsewhere is typed by declaration merging and describes itself', (t) => {
  const warnings = catchWarnings(t);
  report({ kind: 'test-pigeon-lost', message: 'pigeon 7\nis late', pigeon: 7 });
  assert.equal(warnings[0]?.code, 'BOWLINE_TEST_PIGEON_LOST');
  assert.match(warnings[0].text, /^pigeon 7\\u\{a\}is late/);
  // @ts-expect-error a field of the wrong type does not compile
  describeReport({ kind: 'test-pigeon-lost', message: 'x', pigeon: 'seven' });
  // @ts-expect-error nor does a kind that nobody declared
  assert.equal(describeReport({ kind: 'no-such-kind' }).text, 'no-such-kind');
});

test('every kind of the library has a line for people', () => {
  const address = inetAddress('192.0.2.1', 80);
  const lines = (
    [
      { kind: 'accept-refused', address, reason: 'maxConnections', refused: 4 },
      { kind: 'handler-error', error: new TypeError('no'), remoteAddress: address },
      { kind: 'handler-error', error: 'text' },
      { kind: 'handler-error', error: { password: 'hunter2' } },
      { kind: 'cancellation-swallowed', deliveries: 1000 },
      { kind: 'descriptor-budget', address, connections: 90, maxConnections: 100 },
      { kind: 'key-file-exposed', path: '/etc/key\n', mode: 0o644 },
      { kind: 'leak', resource: 'SocketStream 192.0.2.1:80' },
    ] satisfies ReportEvent[]
  ).map((event) => describeReport(event).text);
  assert.deepEqual(lines, [
    'new connections on 192.0.2.1:80 are closed at once because maxConnections is reached (4 so far)',
    'the handler of a connection from 192.0.2.1:80 failed: TypeError: no',
    'the handler of a connection failed: text',
    'the handler of a connection failed: a thrown object',
    'a cancelled task goes on waiting: it was told 1000 times that it is cancelled; does it catch the error?',
    '90 of at most 100 connections on 192.0.2.1:80 are open',
    'the private key in "/etc/key\\u{a}" can be read by every user of this machine (mode 0644)',
    'SocketStream 192.0.2.1:80 was lost without being closed',
  ]);
});
