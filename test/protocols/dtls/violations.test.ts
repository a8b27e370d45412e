/**
 * Peers that break the rules: for each check that stands between a stranger and a connected state, one that would pass if
 * the check were not there. They are real associations with one primitive or one message bent.
 */
import assert from 'node:assert/strict';
import test from 'node:test';

import type { CryptoProvider } from '#src/core/crypto-provider.js';
import { nodeCrypto } from '#src/platform/crypto.js';
import { alertDescription, HandshakeFailure, PeerAlertError } from '#src/protocols/dtls/alert.js';
import { looksLikeHello } from '#src/protocols/dtls/cookie.js';
import { alpnExtension } from '#src/protocols/dtls/extensions/alpn.js';
import { certificateTypeExtension } from '#src/protocols/dtls/extensions/certificate-type.js';
import { connectionIdExtension } from '#src/protocols/dtls/extensions/connection-id.js';
import { emptyExtension } from '#src/protocols/dtls/extensions/extension-list.js';
import type { Extension } from '#src/protocols/dtls/extensions/extension-list.js';
import { extensionType } from '#src/protocols/dtls/extensions/extension-type.js';
import { maxFragmentLengthExtension } from '#src/protocols/dtls/extensions/max-fragment-length.js';
import { recordSizeLimitExtension } from '#src/protocols/dtls/extensions/record-size-limit.js';
import { renegotiationInfoExtension } from '#src/protocols/dtls/extensions/renegotiation-info.js';
import { useSrtpExtension } from '#src/protocols/dtls/extensions/use-srtp.js';
import { firstHello } from '#src/protocols/dtls/flights/client-hello.js';
import type { ClientHello } from '#src/protocols/dtls/handshake/client-hello.js';
import { encodeWhole } from '#src/protocols/dtls/handshake/fragment.js';
import type { ServerHello } from '#src/protocols/dtls/handshake/server-hello.js';
import { encodeServerHello, parseServerHello } from '#src/protocols/dtls/handshake/server-hello.js';
import { keyBlock } from '#src/protocols/dtls/key-schedule.js';
import { MalformedMessage } from '#src/protocols/dtls/malformed.js';
import { contentType } from '#src/protocols/dtls/record/content-type.js';
import { RecordLayer } from '#src/protocols/dtls/record/layer.js';
import { noConnectionId, RecordProtection } from '#src/protocols/dtls/record/protection.js';
import { judgeServerHello } from '#src/protocols/dtls/states/client-negotiation.js';
import { readOffer } from '#src/protocols/dtls/states/server-negotiation.js';
import { clientSettings, LATENCY_MS, Pair, perfect, pskSettings, serverSettings } from './pair.js';
import type { PairOptions, SideName } from './pair.js';

/** One side finds out, with this alert; neither is connected, and the other is told. */
function refused(pair: Pair, by: SideName, alert: number): void {
  pair.run(5000);
  const other = by === 'client' ? pair.server : pair.client;
  assert.equal(pair[by].established, null);
  const { closed } = pair[by];
  assert.ok(closed instanceof HandshakeFailure, String(closed));
  assert.equal(closed.description, alert, closed.message);
  assert.ok(other.closed instanceof PeerAlertError, `the other side: ${String(other.closed)}`);
  assert.equal(other.closed.description, alert);
}

/** Bends what is computed over a label of the key schedule. */
function bentLabel(label: string): CryptoProvider {
  const wanted = [...label].map((character) => character.charCodeAt(0)).join();
  return {
    ...nodeCrypto,
    hmac(name, key, parts) {
      const output = nodeCrypto.hmac(name, key, parts);
      if (parts.some((part) => part.join() === wanted)) output[0] = (output[0] ?? 0) ^ 1;
      return output;
    },
  };
}

const bentSignature: CryptoProvider = {
  ...nodeCrypto,
  sign(algorithm, key, data) {
    return nodeCrypto.sign(algorithm, key, Uint8Array.of(...data, 0));
  },
};

const mutual: PairOptions = { client: { hasIdentity: true }, server: { clientAuth: 'require' } };

test('pitfall 25: a server whose Finished is wrong is not connected to', () => {
  const pair = new Pair({ server: { crypto: bentLabel('server finished') } }).handshake(5000);
  assert.equal(pair.client.established, null);
  assert.ok(pair.client.closed instanceof HandshakeFailure);
  assert.equal(pair.client.closed.description, alertDescription.decryptError);
  pair.run(1000);
  // The server had everything it needs; the client's protected alert ends it at once.
  assert.ok(pair.server.closed instanceof PeerAlertError);
});

test('pitfall 25: a client whose Finished is wrong is refused', () => {
  const pair = new Pair({ client: { crypto: bentLabel('client finished') } }).handshake(5000);
  refused(pair, 'server', alertDescription.decryptError);
});

test('pitfall 26: a forged ServerKeyExchange is refused though the verifier would accept anybody', () => {
  const pair = new Pair({ server: { crypto: bentSignature } }).handshake(5000);
  refused(pair, 'client', alertDescription.decryptError);
  assert.deepEqual(pair.client.questions, [], 'the verifier was not even asked');
});

test('pitfall 24: a forged CertificateVerify is refused, and the verifier is not asked', () => {
  const pair = new Pair({ ...mutual, client: { hasIdentity: true, crypto: bentSignature } }).handshake(5000);
  refused(pair, 'server', alertDescription.decryptError);
  assert.deepEqual(
    pair.server.questions.map(({ kind }) => kind),
    ['identity'],
  );
});

test('pitfall 24: a client that shows nothing is refused where a certificate is required, and let in where it is not', () => {
  const none: PairOptions = { server: { clientAuth: 'require' } };
  refused(new Pair(none).handshake(5000), 'server', alertDescription.handshakeFailure);
  const pair = new Pair({ server: { clientAuth: 'request' } }).handshake();
  assert.equal(pair.server.established?.peer.peer.kind, 'anonymous');
});

test('a refused server certificate ends both sides, the client at once (D7)', () => {
  const refusal = new Error('not my server');
  const pair = new Pair({
    answer: (question, side) =>
      question.kind === 'verdict' && side === 'client'
        ? { kind: 'verdict', accepted: false, alert: alertDescription.unknownCa, error: refusal }
        : undefined,
  }).handshake(5000);
  assert.ok(pair.client.closedAt < 10 * LATENCY_MS);
  assert.equal((pair.client.closed as Error).cause, refusal);
  refused(pair, 'client', alertDescription.unknownCa);
});

test('a refused client certificate ends both sides (D7)', () => {
  const pair = new Pair({
    ...mutual,
    answer: (question, side) =>
      question.kind === 'verdict' && side === 'server'
        ? { kind: 'verdict', accepted: false, alert: alertDescription.certificateUnknown, error: new Error('no') }
        : undefined,
  }).handshake(5000);
  refused(pair, 'server', alertDescription.certificateUnknown);
});

for (const [what, bend] of Object.entries({
  'off the curve': (point: Uint8Array) => point.with(point.length - 1, (point.at(-1) ?? 0) ^ 1),
  compressed: (point: Uint8Array) => Uint8Array.of(2 + ((point.at(-1) ?? 0) & 1), ...point.subarray(1, 33)),
  'at infinity': () => Uint8Array.of(0),
})) {
  const crypto: CryptoProvider = {
    ...nodeCrypto,
    keyShare(group) {
      const share = nodeCrypto.keyShare(group);
      return { ...share, publicKey: new Uint8Array(bend(share.publicKey)) };
    },
  };
  test(`pitfall 29: a share that is ${what} is refused by both sides`, () => {
    const groups = ['secp256r1'] as const;
    refused(
      new Pair({ client: { groups }, server: { groups, crypto } }).handshake(5000),
      'client',
      alertDescription.illegalParameter,
    );
    refused(
      new Pair({ client: { groups, crypto }, server: { groups } }).handshake(5000),
      'server',
      alertDescription.illegalParameter,
    );
  });
}

test('pitfall 29: an x25519 share of small order is refused by both sides', () => {
  const crypto: CryptoProvider = {
    ...nodeCrypto,
    keyShare: () => ({ publicKey: new Uint8Array(32), agree: () => new Uint8Array(32) }),
  };
  refused(new Pair({ server: { crypto } }).handshake(5000), 'client', alertDescription.illegalParameter);
  refused(new Pair({ client: { crypto } }).handshake(5000), 'server', alertDescription.illegalParameter);
});

test('pitfall 34: an unknown PSK identity and a wrong key cannot be told apart, and neither connects', () => {
  const answers = {
    unknown: { kind: 'psk', psk: null },
    wrong: { kind: 'psk', psk: { identity: new Uint8Array(1), key: nodeCrypto.secretKey(new Uint8Array(16)) } },
  } as const;
  const seen = Object.values(answers).map((answer) => {
    const pair = new Pair({
      ...pskSettings(),
      answer: (_, side) => (side === 'server' ? answer : undefined),
    }).handshake(20_000);
    assert.equal(pair.client.established, null);
    assert.equal(pair.server.established, null);
    return pair.sent.map(({ from, at, datagram }) => `${from} ${at} ${datagram.length}`);
  });
  assert.deepEqual(seen[0], seen[1]);
});

test('pitfall 37: no extended master secret, no handshake', () => {
  const hello = firstHello(clientSettings);
  const without = hello.extensions.filter(({ type }) => type !== extensionType.extendedMasterSecret);
  assert.throws(() => readOffer(serverSettings, { ...hello, extensions: without }), HandshakeFailure);
});

/** A ServerHello that the client takes, but for what is changed. */
function serverHello(change: Partial<ServerHello>): ServerHello {
  return {
    version: 0xfefd,
    random: new Uint8Array(32),
    sessionId: new Uint8Array(0),
    cipherSuite: 0xc02b,
    compressionMethod: 0,
    extensions: safe,
    ...change,
  };
}

const safe: Extension[] = [emptyExtension(extensionType.extendedMasterSecret), renegotiationInfoExtension];

test('pitfalls 30 and 33: a server may choose nothing that was not offered', () => {
  const settings = {
    ...clientSettings,
    alpnProtocols: [Uint8Array.of(97)],
    requiresAlpn: false,
    srtpProfiles: ['SRTP_AEAD_AES_128_GCM'] as const,
    recordSizeLimit: 1000,
    maxFragmentLength: 1024 as const,
  };
  const hello = firstHello(settings);
  const judge = (change: Partial<ServerHello>): unknown => judgeServerHello(settings, hello, serverHello(change));
  assert.ok(judge({}));
  const { illegalParameter, unsupportedExtension, protocolVersion, handshakeFailure } = alertDescription;
  const cases: [string, Partial<ServerHello>, number][] = [
    ['a suite', { cipherSuite: 0xc030 }, illegalParameter],
    ['a CBC suite', { cipherSuite: 0xc009 }, illegalParameter],
    ['version 1.0', { version: 0xfeff }, protocolVersion],
    ['version 1.3', { version: 0xfefc }, protocolVersion],
    ['compression', { compressionMethod: 1 }, illegalParameter],
    ['a connection ID', { extensions: [...safe, connectionIdExtension(Uint8Array.of(1))] }, unsupportedExtension],
    ['an unknown extension', { extensions: [...safe, emptyExtension(0x7777)] }, unsupportedExtension],
    [
      'a certificate type',
      { extensions: [...safe, certificateTypeExtension('serverCertificateType', 'raw-public-key')] },
      unsupportedExtension,
    ],
    ['a protocol', { extensions: [...safe, alpnExtension([Uint8Array.of(98)])] }, illegalParameter],
    [
      'two protocols',
      { extensions: [...safe, alpnExtension([Uint8Array.of(97), Uint8Array.of(97)])] },
      illegalParameter,
    ],
    ['an SRTP profile', { extensions: [...safe, useSrtpExtension(['SRTP_AES128_CM_HMAC_SHA1_80'])] }, illegalParameter],
    ['another fragment length', { extensions: [...safe, maxFragmentLengthExtension(512)] }, illegalParameter],
    ['a tiny record limit', { extensions: [...safe, recordSizeLimitExtension(63)] }, illegalParameter],
    [
      'both limits',
      { extensions: [...safe, recordSizeLimitExtension(100), maxFragmentLengthExtension(1024)] },
      illegalParameter,
    ],
    ['no extended master secret', { extensions: [renegotiationInfoExtension] }, handshakeFailure],
    ['no renegotiation_info', { extensions: safe.slice(0, 1) }, handshakeFailure],
    [
      'a renegotiation',
      { extensions: [safe[0] as Extension, { type: 0xff01, body: Uint8Array.of(1, 5) }] },
      handshakeFailure,
    ],
  ];
  for (const [what, change, alert] of cases) assert.throws(() => judge(change), { description: alert }, what);
});

test('pitfall 33: an extension that is there twice makes the hello malformed', () => {
  const body = encodeServerHello(serverHello({ extensions: [...safe, ...safe] }));
  assert.throws(() => parseServerHello(body), MalformedMessage);
});

test('a client that can lead nowhere is told why', () => {
  const hello = firstHello(clientSettings);
  const { protocolVersion, illegalParameter, handshakeFailure } = alertDescription;
  const cases: [string, Partial<ClientHello>, number][] = [
    ['version 1.0', { version: 0xfeff }, protocolVersion],
    ['TLS 1.2', { version: 0x0303 }, protocolVersion],
    ['compression only', { compressionMethods: Uint8Array.of(1) }, illegalParameter],
    [
      'a renegotiation',
      {
        extensions: [
          ...hello.extensions.filter(({ type }) => type !== 0xff01),
          { type: 0xff01, body: Uint8Array.of(1, 9) },
        ],
      },
      handshakeFailure,
    ],
    ['a tiny record limit', { extensions: [...hello.extensions, recordSizeLimitExtension(3)] }, illegalParameter],
    [
      'an unknown fragment length',
      { extensions: [...hello.extensions, { type: 1, body: Uint8Array.of(5) }] },
      illegalParameter,
    ],
  ];
  for (const [what, change, alert] of cases)
    assert.throws(() => readOffer(serverSettings, { ...hello, ...change }), { description: alert }, what);
  assert.ok(readOffer(serverSettings, { ...hello, version: 0xfefc }), 'a client that speaks 1.3, too');
});

const alertRecord = (level: number, description: number): Uint8Array =>
  new RecordLayer(nodeCrypto, 500, 0).write(contentType.alert, 0, Uint8Array.of(level, description));

test('pitfall 51: a forged alert in clear does not end a handshake whose peer goes on', () => {
  const pair = new Pair({
    fault: (datagram, from, index) => {
      if (index > 1) {
        pair.inject('client', alertRecord(2, 40));
        if (pair.server.connection !== null) pair.inject('server', alertRecord(2, 40));
      }
      return perfect(datagram, from, index);
    },
  });
  pair.handshake();
  assert.ok(pair.bothEstablished && pair.converse());
});

test('an alert in clear that is followed by silence ends the handshake at the next timeout', () => {
  const pair = new Pair({ fault: () => [] });
  pair.apply('client', pair.client.connection?.start(0) ?? []);
  pair.inject('client', alertRecord(2, 40));
  pair.run(999);
  assert.equal(pair.client.connection?.isClosed, false);
  pair.run(2);
  assert.ok(pair.client.closed instanceof PeerAlertError);
});

/** Puts a record of the other side into its hands: authentic, with a number far ahead. */
function injectProtected(pair: Pair, to: SideName, type: number, content: Uint8Array, sequence = 100): void {
  const { established } = pair[to];
  assert.ok(established !== null);
  const { negotiated, master } = established;
  const keys = keyBlock(nodeCrypto, negotiated.suite, master, negotiated.randoms);
  const protection = new RecordProtection(nodeCrypto, to === 'client' ? keys.server : keys.client);
  pair.inject(to, protection.seal(type, 1, sequence, noConnectionId, content));
}

/** In a function of its own, so that what was asserted earlier does not narrow it. */
function closedBy(pair: Pair): unknown {
  return pair.server.closed;
}

test('once established, nothing in clear does anything; a protected fatal alert ends it at once', () => {
  const pair = new Pair().handshake();
  const before = pair.sent.length;
  for (const side of ['client', 'server'] as const) {
    pair.inject(side, alertRecord(2, 40));
    pair.inject(side, alertRecord(1, 0));
    for (const { from, datagram } of pair.sent.slice(0, before))
      // A hello is answered without looking at any association.
      if (from !== side && !looksLikeHello(datagram)) pair.inject(side, datagram);
    pair.inject(side, new Uint8Array(0));
  }
  pair.run(300_000);
  assert.equal(pair.sent.length, before, 'and nothing is sent for it (D11)');
  assert.ok(pair.converse());
  injectProtected(pair, 'server', contentType.alert, Uint8Array.of(2, 80));
  assert.ok(closedBy(pair) instanceof PeerAlertError);
});

test('renegotiation is refused with a warning, at most one a second, and changes nothing', () => {
  const pair = new Pair().handshake();
  const before = pair.sent.length;
  const request = encodeWhole({ type: 0, messageSeq: 0, body: new Uint8Array(0) });
  for (let i = 0; i < 10; i++) injectProtected(pair, 'client', contentType.handshake, request, 100 + i);
  const hello = encodeWhole({ type: 1, messageSeq: 7, body: new Uint8Array(50) });
  for (let i = 0; i < 10; i++) injectProtected(pair, 'server', contentType.handshake, hello, 100 + i);
  assert.equal(pair.sent.length, before + 2);
  pair.run(100);
  assert.ok(pair.converse());
});

test('pitfall 19 and D11: the last flight is repeated for the peer’s repeated Finished, at a limited rate, for 240 s', () => {
  // The client never hears the last flight, and so repeats its own.
  let deaf = true;
  const pair = new Pair({
    fault: (datagram, from, index) => (deaf && index >= 5 && from === 'server' ? [] : perfect(datagram, from, index)),
  });
  pair.handshake(200_000);
  assert.ok(pair.server.established !== null && pair.client.established === null);
  const repeated = pair.sent.filter(({ from, at }) => from === 'server' && at > 1000).length;
  assert.ok(repeated >= 6 && repeated <= 8, `${repeated} in 200 s`);
  deaf = false;
  pair.run(60_000, () => pair.client.established !== null);
  assert.ok(pair.client.established === null, '240 s are over by the time of the next repetition');
});
