import assert from 'node:assert/strict';
import test from 'node:test';

import { MisuseError, TooSlowError } from 'bowline/core';

import { nodeCrypto } from '#src/platform/crypto.js';
import { DtlsConnection, MessageTooLongError } from '#src/protocols/dtls/connection.js';
import {
  clientSettings,
  LATENCY_MS,
  Pair,
  perfect,
  plainTickets,
  pskSettings,
  rawKeyIdentity,
  sameKeys,
  suites,
} from './pair.js';
import type { PairOptions } from './pair.js';

test('two round trips, or three with a cookie: six datagrams and no retransmission', () => {
  const pair = new Pair().handshake();
  assert.equal(pair.sent.length, 6);
  assert.equal(pair.client.establishedAt, 6 * LATENCY_MS);
  assert.ok(pair.converse());
  assert.equal(pair.client.connection?.statistics().retransmissions, 0);
  assert.deepEqual(
    pair.client.questions.map(({ kind }) => kind),
    ['verdict'],
  );
});

test('every suite, in both directions', () => {
  for (const suite of suites('')) {
    if (suite.authentication === 'rsa') continue;
    const options: PairOptions =
      suite.authentication === 'psk'
        ? pskSettings(suite.name)
        : { client: { cipherSuites: [suite] }, server: { cipherSuites: [suite] } };
    const pair = new Pair(options).handshake();
    assert.equal(pair.client.established?.negotiated.suite.name, suite.name);
    assert.ok(sameKeys(pair) && pair.converse(), suite.name);
  }
});

test('a black hole gets the hello at 0, 1, 3, 7, 15, 31, 63, 123, 183 s', () => {
  const pair = new Pair({ fault: () => [] }).handshake(200_000);
  assert.deepEqual(
    pair.sent.map(({ at }) => at / 1000),
    [0, 1, 3, 7, 15, 31, 63, 123, 183],
  );
});

test('DTLS-17 the first datagram lost: the handshake takes exactly the initial timeout longer', () => {
  for (const initialTimeoutMs of [1000, 2000, 4000]) {
    const pair = new Pair({
      client: { retransmission: { initialTimeoutMs, maxTimeoutMs: 60_000 } },
      fault: (datagram, from, index) => (index === 0 ? [] : perfect(datagram, from, index)),
    }).handshake();
    assert.equal(pair.client.establishedAt, initialTimeoutMs + 6 * LATENCY_MS);
  }
});

test('pitfall 22: a backed-off timeout stays for the next flight, and goes back after one without loss', () => {
  // The hello is lost twice, the second hello once: 1 + 2 s, then 4 s and not 1.
  const lost = new Set([0, 1, 4]);
  const pair = new Pair({
    fault: (datagram, from, index) => (lost.has(index) ? [] : perfect(datagram, from, index)),
  }).handshake();
  const hellos = pair.sent.filter(({ from }) => from === 'client').map(({ at }) => at);
  assert.deepEqual(hellos.slice(0, 5), [0, 1000, 3000, 3020, 7020]);
});

test('DTLS-18 no datagram is longer than what was set, also with certificates', () => {
  for (const datagramBytes of [128, 228, 300, 576]) {
    const mutual = {
      client: { hasIdentity: true, datagramBytes },
      server: { clientAuth: 'require', datagramBytes },
    } as const;
    const pair = new Pair(mutual);
    // The second hello has to be whole for a server without memory, so its length is the least.
    pair.handshake();
    const longest = Math.max(...pair.sent.map(({ datagram }) => datagram.length));
    assert.ok(longest <= datagramBytes, `${longest} > ${datagramBytes}`);
    if (datagramBytes >= 228) assert.ok(pair.bothEstablished, `no handshake with ${datagramBytes}`);
  }
});

test('DTLS-19 where long datagrams get lost, smaller ones come after two losses', () => {
  const mutual = {
    client: { hasIdentity: true, datagramBytes: 1400 },
    server: { clientAuth: 'require', datagramBytes: 1400 },
  } as const;
  const pair = new Pair({
    ...mutual,
    fault: (datagram, from, index) => (datagram.length > 548 ? [] : perfect(datagram, from, index)),
  }).handshake();
  assert.ok(pair.bothEstablished && pair.converse());
  assert.equal(pair.client.connection?.usableBytes, 1400 - 37, 'what the program set stays');
});

test('answers that take longer than retransmission do not disturb the handshake', () => {
  for (const thinkMs of [1, 500, 5000, 100_000]) {
    const pair = new Pair({
      client: { hasIdentity: true },
      server: { clientAuth: 'require', sessions: plainTickets },
      thinkMs,
    }).handshake(1_000_000);
    assert.ok(pair.bothEstablished && sameKeys(pair) && pair.converse(), `${thinkMs} ms`);
  }
});

test('a handshake that takes too long fails on both sides', () => {
  const pair = new Pair({
    client: { handshakeTimeoutMs: 60_000 },
    server: { handshakeTimeoutMs: 60_000 },
    fault: (datagram, from, index) => (index > 3 ? [] : perfect(datagram, from, index)),
  }).handshake(100_000);
  for (const seat of [pair.client, pair.server]) assert.ok(seat.closed instanceof TooSlowError, String(seat.closed));
  assert.equal(pair.client.closedAt, 60_000);
});

test('D10: close_notify ends both sides as an end, and is answered once', () => {
  const pair = new Pair().handshake();
  pair.close('client');
  pair.run(1000);
  assert.equal(pair.server.closed, null);
  assert.equal(pair.client.closed, undefined, 'who closed is not told');
  assert.equal(pair.sent.length, 8);
  assert.deepEqual(pair.client.connection?.close(), []);
  assert.throws(() => pair.send('client', 'x'), MisuseError);
});

test('data that overtakes Finished is held back until Finished is there', () => {
  let late = 0;
  const pair = new Pair({
    fault: (datagram, from, index) => {
      if (index !== 5) return perfect(datagram, from, index);
      late = 500;
      return [{ datagram, delayMs: late }];
    },
  });
  pair.apply('client', pair.client.connection?.start(0) ?? []);
  pair.run(1000, () => pair.server.established !== null);
  pair.send('server', 'early');
  pair.run(100);
  assert.deepEqual(pair.client.received, []);
  assert.equal(pair.client.established, null);
  pair.run(1000);
  assert.deepEqual(pair.client.received, ['early']);
});

test('a message that does not fit is refused with the size that does, an empty one as such', () => {
  const pair = new Pair().handshake();
  const usable = pair.client.connection?.usableBytes ?? 0;
  assert.equal(usable, 1200 - 13 - 8 - 16);
  pair.send('client', 'x'.repeat(usable));
  assert.throws(
    () => pair.send('client', 'x'.repeat(usable + 1)),
    (error) => error instanceof MessageTooLongError && error.usableBytes === usable,
  );
  assert.throws(() => pair.send('client', ''), RangeError);
  pair.client.connection?.setDatagramBytes(100_000);
  assert.equal(pair.client.connection?.usableBytes, 16_384);
  assert.throws(() => DtlsConnection.client(clientSettings).send(new Uint8Array(1)), MisuseError);
});

test('names and protocols are agreed on; no protocol in common is an error where one is wanted', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => new TextEncoder().encode(name)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const pair = new Pair({ client: { alpnProtocols: [a, b] }, server: { alpnProtocols: [c, b] } }).handshake();
  assert.deepEqual(pair.client.established?.negotiated.alpnProtocol, b);
  assert.deepEqual(pair.server.established?.negotiated.alpnProtocol, b);
  assert.equal(pair.server.established?.negotiated.serverName, 'localhost');
  assert.equal(
    new Pair({ client: { alpnProtocols: [a] }, server: { alpnProtocols: [c] } }).handshake(5000).bothEstablished,
    false,
  );
  assert.equal(new Pair({ client: { alpnProtocols: [a] } }).handshake(5000).bothEstablished, false);
  assert.ok(new Pair({ client: { alpnProtocols: [a], requiresAlpn: false } }).handshake().bothEstablished);
});

test('raw public keys authenticate both sides', () => {
  const [server, client] = [rawKeyIdentity('ed25519'), rawKeyIdentity('ec')];
  const types = { ownCertificateTypes: ['raw-public-key'], peerCertificateTypes: ['raw-public-key'] } as const;
  const pair = new Pair({
    client: { ...types, hasIdentity: true },
    server: { ...types, clientAuth: 'require' },
    answer: (question, side) =>
      question.kind === 'identity' ? { kind: 'identity', identity: side === 'server' ? server : client } : undefined,
  }).handshake();
  assert.ok(pair.bothEstablished && pair.converse());
  assert.deepEqual(pair.client.established?.peer.peer, { kind: 'certificate', certificate: server.certificate });
  assert.deepEqual(pair.server.established?.peer.peer, { kind: 'certificate', certificate: client.certificate });
});

test('use_srtp: the server’s order decides, and both export the same key', () => {
  const pair = new Pair({
    client: { srtpProfiles: ['SRTP_AES128_CM_HMAC_SHA1_80', 'SRTP_AEAD_AES_128_GCM'] },
    server: { srtpProfiles: ['SRTP_AEAD_AES_128_GCM', 'SRTP_AES128_CM_HMAC_SHA1_80'] },
  }).handshake();
  assert.equal(pair.client.established?.negotiated.srtpProfile, 'SRTP_AEAD_AES_128_GCM');
  const exported = [pair.client, pair.server].map(({ connection }) =>
    connection?.exportKeyingMaterial('EXTRACTOR-dtls_srtp', null, 60),
  );
  assert.deepEqual(exported[0], exported[1]);
  assert.notDeepEqual(
    exported[0],
    pair.client.connection?.exportKeyingMaterial('EXTRACTOR-dtls_srtp', new Uint8Array(0), 60),
  );
});

test('record_size_limit and max_fragment_length bound what the other side sends', () => {
  const limited = new Pair({ client: { recordSizeLimit: 100 }, server: { recordSizeLimit: 200 } }).handshake();
  assert.equal(limited.server.connection?.usableBytes, 100);
  assert.equal(limited.client.connection?.usableBytes, 200);
  const old = new Pair({ client: { maxFragmentLength: 512 } }).handshake();
  assert.equal(old.server.connection?.usableBytes, 512);
  assert.equal(old.client.connection?.usableBytes, 512);
  const both = new Pair({ client: { recordSizeLimit: 700, maxFragmentLength: 512 } }).handshake();
  assert.equal(both.server.connection?.usableBytes, 700, 'record_size_limit beats the other');
});

test('RFC 9146: connection IDs in each direction that has one', () => {
  const id = (byte: number, length: number): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(byte);
  const cases: [Uint8Array<ArrayBuffer> | null, Uint8Array<ArrayBuffer> | null, number, number][] = [
    [id(1, 4), id(2, 8), 4, 8],
    [id(1, 0), id(2, 8), 0, 8],
    [id(1, 4), id(2, 0), 4, 0],
    [id(1, 0), id(2, 0), 0, 0],
    [id(1, 4), null, 0, 0],
    [null, id(2, 8), 0, 0],
  ];
  for (const [client, server, atClient, atServer] of cases) {
    const pair = new Pair({ client: { connectionId: client }, server: { connectionId: server } }).handshake();
    assert.ok(pair.bothEstablished && pair.converse());
    assert.equal(pair.client.established?.negotiated.receiveConnectionId.length, atClient);
    assert.equal(pair.server.established?.negotiated.receiveConnectionId.length, atServer);
    const last = pair.sent.filter(({ from }) => from === 'client').at(-1);
    assert.equal(last?.datagram[0], atServer > 0 ? 25 : 23);
    assert.equal(pair.server.moves > 0, atServer > 0, 'newer records say where the peer is, if there are IDs');
  }
});

function resumed(first: PairOptions, second: PairOptions = first): Pair {
  const tickets = { sessions: plainTickets };
  const before = new Pair({
    ...first,
    client: { ...first.client, wantsSession: true },
    server: { ...first.server, ...tickets },
  });
  before.handshake();
  const session = before.client.established?.session ?? null;
  assert.ok(session !== null);
  return new Pair({
    ...second,
    client: { ...second.client, wantsSession: true, session },
    server: { ...second.server, ...tickets },
  }).handshake();
}

test('a ticket resumes a session in one round trip less, and the verifiers are asked again', () => {
  const mutual: PairOptions = { client: { hasIdentity: true }, server: { clientAuth: 'require' } };
  for (const options of [{}, mutual]) {
    const pair = resumed(options);
    assert.ok(pair.bothEstablished && sameKeys(pair) && pair.converse());
    assert.equal(pair.client.established?.resumed, true);
    assert.equal(pair.server.established?.resumed, true);
    assert.ok(pair.client.questions.some((question) => question.kind === 'verdict' && question.resumed));
    if (options === mutual)
      assert.ok(pair.server.questions.some((question) => question.kind === 'verdict' && question.resumed));
  }
});

test('pitfall 38: another name, suite, protocol or policy makes a full handshake of it', () => {
  const others: Record<string, PairOptions> = {
    name: { client: { serverName: 'example.org' } },
    suite: {
      server: { cipherSuites: suites('ECDHE_ECDSA_WITH_CHACHA20') },
      client: { cipherSuites: suites('ECDHE_ECDSA') },
    },
    protocol: { client: { alpnProtocols: [Uint8Array.of(97)] }, server: { alpnProtocols: [Uint8Array.of(97)] } },
    policy: { client: { hasIdentity: true }, server: { clientAuth: 'require' } },
  };
  for (const [what, second] of Object.entries(others)) {
    const pair = resumed({}, second);
    assert.ok(pair.bothEstablished, what);
    assert.equal(pair.server.established?.resumed, false, what);
    assert.equal(pair.client.established?.resumed, false, what);
  }
});

test('a damaged ticket makes a full handshake; a lost datagram does not disturb resumption', () => {
  const broken = resumed({}, { server: { sessions: { ...plainTickets, open: () => null } } });
  assert.ok(broken.bothEstablished);
  for (let lost = 0; lost < 6; lost++) {
    const pair = resumed(
      {},
      { fault: (datagram, from, index) => (index === lost ? [] : perfect(datagram, from, index)) },
    );
    assert.ok(pair.bothEstablished && pair.client.established?.resumed === true, `without datagram ${lost}`);
    assert.ok(pair.converse());
  }
});

test('the key log has one line per handshake, in the format of NSS', () => {
  const lines: string[] = [];
  const pair = new Pair({ client: { keyLog: (line) => void lines.push(line) } }).handshake();
  const { master, negotiated } = pair.client.established ?? assert.fail();
  assert.deepEqual(lines, [
    `CLIENT_RANDOM ${Buffer.from(negotiated.randoms.client).toString('hex')} ${Buffer.from(nodeCrypto.secretBytes(master)).toString('hex')}`,
  ]);
});

test('pitfall 31: randoms are fresh each time', () => {
  const randoms = [new Pair().handshake(), new Pair().handshake()].flatMap(({ client }) => {
    const { client: mine, server } = client.established?.negotiated.randoms ?? assert.fail();
    return [Buffer.from(mine).toString('hex'), Buffer.from(server).toString('hex')];
  });
  assert.equal(new Set(randoms).size, 4);
});
