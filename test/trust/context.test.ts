import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';

import { clientContext, insecureAcceptAnyone, preSharedKey, serverContext, TicketKeys } from 'bowline/trust';
import { clientSettingsOf, serverSettingsOf, settingsOf } from '#src/trust/context.js';

const verify = insecureAcceptAnyone();
const psk = preSharedKey({ identity: 'device-1', key: new Uint8Array(16).fill(7) });

test('a verifier that is undefined is an error, not a default', () => {
  assert.throws(() => clientContext({ verify: undefined as never }), TypeError);
  assert.throws(() => clientContext({ verify: null as never }), TypeError);
});

test('a server with neither identity nor pre-shared key is an error', () => {
  assert.throws(() => serverContext({}), { name: 'TypeError', message: /identity or a pre-shared key/ });
  assert.throws(() => serverContext(undefined as never), TypeError);
});

test('asking clients for certificates needs a verifier, and a verifier needs that they are asked', () => {
  for (const clientAuth of ['request', 'require'] as const) {
    assert.throws(() => serverContext({ psk, clientAuth }), TypeError);
    assert.throws(() => serverContext({ psk, clientAuth, verify: undefined }), TypeError);
  }
  assert.throws(() => serverContext({ psk, verify }), { name: 'TypeError', message: /clientAuth/ });
  assert.throws(() => serverContext({ psk, clientAuth: 'maybe' as never }), RangeError);
});

test('no version below 1.2, and not the wrong way round', () => {
  assert.throws(() => clientContext({ verify, minVersion: '1.1' as never }), RangeError);
  assert.throws(() => clientContext({ verify, maxVersion: 'TLSv1' as never }), RangeError);
  assert.throws(() => clientContext({ verify, minVersion: '1.3', maxVersion: '1.2' }), RangeError);
});

test('names of application protocols have 1 to 255 bytes and occur once', () => {
  for (const alpnProtocols of [[''], ['x'.repeat(256)], ['é'.repeat(128)], ['h2', 'h2'], ['\ud800']])
    assert.throws(() => clientContext({ verify, alpnProtocols }), RangeError);
  const many = Array.from({ length: 300 }, (_, i) => `${i}-`.padEnd(255, 'x'));
  assert.throws(() => clientContext({ verify, alpnProtocols: many }), RangeError);
  assert.throws(() => clientContext({ verify, alpnProtocols: 'h2' as never }), TypeError);
  assert.throws(() => clientContext({ verify, alpnProtocols: [2] as never }), TypeError);
});

test('weak, unknown and OpenSSL-named suites are refused with the reason', () => {
  const refusals: readonly (readonly [string, RegExp])[] = [
    ['TLS_RSA_WITH_AES_128_GCM_SHA256', /forward secrecy/],
    ['TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256', /CBC/],
    ['TLS_ECDHE_RSA_WITH_RC4_128_SHA', /broken or obsolete/],
    ['TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA', /broken or obsolete/],
    ['TLS_ECDHE_RSA_WITH_NULL_SHA', /does not encrypt/],
    ['TLS_ECDH_anon_WITH_AES_128_CBC_SHA', /nobody is authenticated/],
    ['TLS_DHE_RSA_WITH_AES_128_GCM_SHA256', /finite-field/],
    ['TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256', /static/],
    ['TLS_RSA_EXPORT_WITH_RC4_40_MD5', /short enough/],
    ['TLS_EMPTY_RENEGOTIATION_INFO_SCSV', /signal/],
    ['ECDHE-RSA-AES128-GCM-SHA256', /TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256/],
    ['HIGH', /not known/],
  ];
  for (const [name, message] of refusals)
    assert.throws(() => clientContext({ verify, cipherSuites: [name] }), { name: 'RangeError', message });
  assert.throws(() => clientContext({ verify, cipherSuites: [] }), RangeError);
  assert.throws(() => clientContext({ verify, cipherSuites: 'HIGH' as never }), TypeError);
  const twice = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_128_GCM_SHA256'];
  assert.throws(() => clientContext({ verify, cipherSuites: twice }), RangeError);
});

test('suites that need a pre-shared key need one in the context', () => {
  const cipherSuites = ['TLS_PSK_WITH_AES_128_GCM_SHA256'];
  assert.throws(() => clientContext({ verify, cipherSuites }), { name: 'RangeError', message: /psk/ });
  const settings = settingsOf(clientContext({ verify, cipherSuites, psk }));
  assert.deepEqual(
    settings.cipherSuites.map(({ id }) => id),
    [0x00a8],
  );
});

test('what the list of suites does not name is not offered, whole versions included', () => {
  const only12 = settingsOf(clientContext({ verify, cipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'] }));
  assert.deepEqual([only12.minVersion, only12.maxVersion], ['1.2', '1.2']);
  const only13 = settingsOf(clientContext({ verify, cipherSuites: ['TLS_AES_128_GCM_SHA256'] }));
  assert.deepEqual([only13.minVersion, only13.maxVersion], ['1.3', '1.3']);
  const cipherSuites = ['TLS_AES_128_GCM_SHA256'];
  assert.throws(() => clientContext({ verify, cipherSuites, maxVersion: '1.2' }), RangeError);
});

test('the default suites are AEAD with ephemeral keys, those with a pre-shared key only where there is one', () => {
  const without = settingsOf(clientContext({ verify })).cipherSuites.map(({ name }) => name);
  assert.ok(without.every((name) => /_(GCM|CHACHA20_POLY1305)_/.test(name)));
  assert.ok(without.every((name) => /^TLS_(AES|CHACHA20|ECDHE_(RSA|ECDSA))/.test(name)));
  const withPsk = settingsOf(serverContext({ psk })).cipherSuites.map(({ name }) => name);
  assert.ok(withPsk.includes('TLS_PSK_WITH_AES_128_GCM_SHA256'));
  assert.ok(withPsk.every((name) => !name.endsWith('_CCM_8')));
});

test('groups are checked by name', () => {
  assert.throws(() => clientContext({ verify, groups: ['ffdhe2048'] }), { name: 'RangeError', message: /x25519/ });
  assert.throws(() => clientContext({ verify, groups: [] }), RangeError);
  assert.throws(() => clientContext({ verify, groups: ['x25519', 'x25519'] }), RangeError);
  assert.throws(() => clientContext({ verify, groups: 'x25519' as never }), TypeError);
  const { groups } = settingsOf(clientContext({ verify, groups: ['secp256r1'] }));
  assert.deepEqual(
    groups?.map(({ openssl }) => openssl),
    ['prime256v1'],
  );
});

test('contexts are frozen, opaque, and of one side', () => {
  const client = clientContext({ verify });
  const server = serverContext({ psk });
  assert.ok(Object.isFrozen(client) && Object.isFrozen(server));
  assert.deepEqual(Reflect.ownKeys(client), []);
  assert.equal(inspect(client), 'ClientContext {}');
  assert.equal(inspect(server), 'ServerContext {}');
  assert.equal(clientSettingsOf(client).side, 'client');
  assert.equal(serverSettingsOf(server).side, 'server');
  assert.throws(() => clientSettingsOf(server as never), { name: 'TypeError', message: /serve/ });
  assert.throws(() => serverSettingsOf(client as never), { name: 'TypeError', message: /client/ });
  assert.throws(() => settingsOf({} as never), TypeError);
  assert.throws(() => settingsOf(Object.create(client as object) as never), TypeError);
  assert.ok(Object.isFrozen(settingsOf(client)));
});

test('changing the options afterwards does not change the context', () => {
  const alpnProtocols = ['h2'];
  const context = clientContext({ verify, alpnProtocols });
  alpnProtocols.push('spdy/1');
  assert.deepEqual(settingsOf(context).alpnProtocols, ['h2']);
});

test('a key log that throws does not reach the connection', () => {
  const lines: string[] = [];
  const keyLog = (line: string): void => {
    lines.push(line);
    throw new Error('disk full');
  };
  settingsOf(clientContext({ verify, keyLog })).keyLog?.('CLIENT_RANDOM 00 11');
  assert.deepEqual(lines, ['CLIENT_RANDOM 00 11']);
  assert.throws(() => clientContext({ verify, keyLog: 'file' as never }), TypeError);
});

test('ticket keys must be TicketKeys; a context that is given none has its own', () => {
  assert.throws(() => serverContext({ psk, ticketKeys: new Uint8Array(48) as never }), TypeError);
  const ticketKeys = TicketKeys.generate();
  assert.equal(settingsOf(serverContext({ psk, ticketKeys })).ticketKeys, ticketKeys);
  const [one, two] = [settingsOf(serverContext({ psk })), settingsOf(serverContext({ psk }))];
  assert.notEqual(one.ticketKeys, two.ticketKeys);
});
