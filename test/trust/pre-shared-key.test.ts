import assert from 'node:assert/strict';
import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { test } from 'node:test';

import { clientContext, insecureAcceptAnyone, preSharedKey, serverContext } from 'bowline/trust';
import { settingsOf } from '#src/trust/context.js';

const key = new Uint8Array(16).fill(0x5a);
const verify = insecureAcceptAnyone();

test('keys are at least 128 bits, unless the program says that it knows', () => {
  for (const length of [0, 1, 15, 257])
    assert.throws(() => preSharedKey({ identity: 'a', key: new Uint8Array(length) }), RangeError);
  assert.throws(() => preSharedKey({ identity: 'a', key: createSecretKey(Buffer.from('secretPSK')) }), RangeError);
  preSharedKey({ identity: 'a', key: Buffer.from('secretPSK'), insecureAllowShortKey: true });
  assert.throws(() => preSharedKey({ identity: 'a', key: new Uint8Array(0), insecureAllowShortKey: true }), RangeError);
  assert.throws(() => preSharedKey({ identity: 'a', key: 'secret' as never }), TypeError);
  const { privateKey } = generateKeyPairSync('ed25519');
  assert.throws(() => preSharedKey({ identity: 'a', key: privateKey }), TypeError);
});

test('identities are 1 to 128 bytes of UTF-8 without NUL', () => {
  for (const identity of ['', 'x'.repeat(129), 'é'.repeat(65), 'a\0b', '\udc00'])
    assert.throws(() => preSharedKey({ identity, key }), RangeError);
  assert.throws(() => preSharedKey({ identity: 7 as never, key }), TypeError);
  preSharedKey({ identity: 'é'.repeat(64), key });
});

test('the key is a copy, and is not shown', () => {
  const bytes = new Uint8Array(16).fill(0x41);
  const made = preSharedKey({ identity: 'device', key: bytes });
  bytes.fill(0);
  assert.deepEqual(new Uint8Array(made.key.export()), new Uint8Array(16).fill(0x41));
  assert.ok(!`${inspect(made, { depth: 9 })}${JSON.stringify(made)}`.includes('AAAA'));
});

test('a context takes what preSharedKey made, or a function', () => {
  const psk = preSharedKey({ identity: 'device', key });
  for (const wrong of [{ ...psk }, 'device', 7, {}, { find: 7 }]) {
    assert.throws(() => clientContext({ verify, psk: wrong as never }), TypeError);
    assert.throws(() => serverContext({ psk: wrong as never }), TypeError);
  }
  assert.throws(() => serverContext({ psk: { hint: '', find: () => psk } }), RangeError);
  const client = settingsOf(clientContext({ verify, psk }));
  assert.equal(client.psk?.(null), psk);
  const server = settingsOf(serverContext({ psk }));
  assert.equal(server.psk?.find('device'), psk);
  assert.equal(server.psk?.find('another'), null);
});
