import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { clientContext, insecureAcceptAnyone, keyLogFromEnv } from 'bowline/trust';
import { settingsOf } from '#src/trust/context.js';

const folder = mkdtempSync(join(tmpdir(), 'bowline-keylog-'));
after(() => rmSync(folder, { recursive: true }));

test('without the variable there is no key log, and a context never looks for it', () => {
  assert.equal(keyLogFromEnv({}), undefined);
  assert.equal(keyLogFromEnv({ SSLKEYLOGFILE: '' }), undefined);
  process.env['SSLKEYLOGFILE'] = join(folder, 'ambient');
  try {
    assert.equal(settingsOf(clientContext({ verify: insecureAcceptAnyone() })).keyLog, undefined);
  } finally {
    delete process.env['SSLKEYLOGFILE'];
  }
});

test('lines are appended to a file that only its owner can read', () => {
  const path = join(folder, 'keys.log');
  keyLogFromEnv({ SSLKEYLOGFILE: path })?.('CLIENT_RANDOM 00 11');
  keyLogFromEnv({ SSLKEYLOGFILE: path })?.('CLIENT_RANDOM 22 33');
  assert.equal(readFileSync(path, 'utf8'), 'CLIENT_RANDOM 00 11\nCLIENT_RANDOM 22 33\n');
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('a file that cannot be written does not break the connection', () => {
  const keyLog = keyLogFromEnv({ SSLKEYLOGFILE: join(folder, 'absent', 'keys.log') });
  assert.throws(() => keyLog?.('x'), { code: 'ENOENT' });
  settingsOf(clientContext({ verify: insecureAcceptAnyone(), keyLog })).keyLog?.('x');
});
