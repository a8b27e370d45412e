import assert from 'node:assert/strict';
import { channel } from 'node:diagnostics_channel';
import { test } from 'node:test';

import { inetAddress } from 'bowline/core';
import { publishAccept, publishConnect } from 'bowline/observe';

test('no message is made where nobody listens', () => {
  publishConnect(() => assert.fail('made a message for nobody'));
});

test('connections made and accepted are published to who listens', (t) => {
  const seen: unknown[] = [];
  const subscriber = (message: unknown): void => void seen.push(message);
  for (const name of ['bowline.connect', 'bowline.accept']) {
    channel(name).subscribe(subscriber);
    t.after(() => channel(name).unsubscribe(subscriber));
  }
  const made = { target: 'example.org:443', durationMs: 12, remoteAddress: inetAddress('192.0.2.1', 443) };
  publishConnect(() => made);
  publishAccept({ localAddress: inetAddress('127.0.0.1', 80), remoteAddress: undefined });
  assert.deepEqual(seen, [made, { localAddress: inetAddress('127.0.0.1', 80), remoteAddress: undefined }]);
});
