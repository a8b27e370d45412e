import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  AddressError,
  attributeOf,
  BusyResourceError,
  ClosedResourceError,
  inetAddress,
  localAddress,
  parseCidr,
  remoteAddress,
} from 'bowline/core';
import type { SocketAddress } from 'bowline/core';
import { setReporter } from 'bowline/observe';
import type { ReportEvent } from 'bowline/observe';
import { ProxiedStream, proxyHeader, proxyProtocol, proxyTlvTypes, sendProxyHeader } from 'bowline/proxies';
import type { ProxyProtocolOptions } from 'bowline/proxies';
import { serveListeners } from 'bowline/sockets';
import { checkpoint, currentTime, moveOnAfter, openNursery, sleep, withClock } from 'bowline/tasks';
import { MockClock, waitAllTasksBlocked } from 'bowline/testing';

import { MemoryListener } from '../support/memory-listener.js';
import { hear } from '../support/proxy-peers.js';
import { latin1 } from '../support/check-format.js';

const balancer = inetAddress('10.0.0.5', 40000);
const stranger = inetAddress('203.0.113.9', 5555);
const client = inetAddress('192.0.2.1', 56324);
const target = inetAddress('198.51.100.7', 443);
const from = ['10.0.0.0/8'];
const line = latin1('PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n');

/** Runs `body` under virtual time with a listener; collects reports. */
async function withListener(
  body: (setting: {
    inner: MemoryListener;
    listener: ReturnType<typeof proxyProtocol<Awaited<ReturnType<MemoryListener['accept']>>>>;
    reports: ReportEvent[];
  }) => Promise<void>,
  options: Partial<ProxyProtocolOptions> = {},
): Promise<void> {
  const reports: ReportEvent[] = [];
  setReporter((event) => void reports.push(event));
  try {
    await withClock(new MockClock({ autojumpThresholdMs: 0 }), async () => {
      const inner = new MemoryListener();
      const listener = proxyProtocol(inner, { from, ...options });
      try {
        await body({ inner, listener, reports });
      } finally {
        await listener.close();
      }
    });
  } finally {
    setReporter(null);
  }
}

test('the header answers the addresses, and every byte behind it belongs to the connection', () =>
  withListener(async ({ inner, listener }) => {
    const peer = await inner.connect(balancer);
    await peer.sendAll(Uint8Array.of(...line, ...latin1('\x16\x03\x01 hello')));
    const stream = await listener.accept();
    assert.ok(stream instanceof ProxiedStream);
    assert.deepEqual(stream.remoteAddress, client);
    assert.deepEqual(stream.localAddress, target);
    assert.deepEqual(attributeOf(stream, remoteAddress), client);
    assert.deepEqual(attributeOf(stream, localAddress), target);
    assert.equal(await hear(stream), '\x16\x03\x01 hello');
    await stream.sendAll(latin1('back'));
    assert.equal(await hear(peer), 'back');
    assert.deepEqual(attributeOf(listener, localAddress), inner.address);
    assert.deepEqual(listener.address, inner.address);
  }));

test('an IPv4-mapped address in a header is the IPv4 address that it is', () =>
  withListener(async ({ inner, listener }) => {
    const peer = await inner.connect(balancer);
    await peer.sendAll(latin1('PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.7 56324 443\r\n'));
    const stream = await listener.accept();
    assert.deepEqual([stream.remoteAddress, stream.localAddress], [client, target]);
    assert.deepEqual(attributeOf(stream, remoteAddress), client);
    assert.deepEqual(attributeOf(stream, localAddress), target);
  }));

test('version 2, its TLVs, one byte at a time', () =>
  withListener(async ({ inner, listener }) => {
    const peer = await inner.connect(balancer);
    const tlv = { type: proxyTlvTypes.authority, value: latin1('example.org') };
    const sent: number[] = [];
    await sendProxyHeader(
      Object.assign(Object.create(peer) as typeof peer, {
        sendAll: async (data: Uint8Array) => void sent.push(...data),
      }),
      { source: client, destination: target, tlvs: [tlv], checksum: true },
    );
    const accepting = listener.accept();
    for (const byte of sent) {
      await peer.sendAll(Uint8Array.of(byte));
      await checkpoint();
    }
    const stream = await accepting;
    const header = attributeOf(stream, proxyHeader);
    assert.equal(header?.version, 2);
    assert.deepEqual(
      header.tlvs.map(({ type, value }) => [type, Buffer.from(value).toString()]),
      [[2, 'example.org']],
    );
    assert.deepEqual(stream.remoteAddress, client);
  }));

test('where the header names nobody, the balancer is the peer', () =>
  withListener(async ({ inner, listener }) => {
    for (const header of [{ local: true }, {}, { version: 1 as const }]) {
      const peer = await inner.connect(balancer);
      await sendProxyHeader(peer, header);
      const stream = await listener.accept();
      assert.deepEqual(stream.remoteAddress, balancer);
      assert.deepEqual(attributeOf(stream, remoteAddress), balancer);
      assert.deepEqual(stream.localAddress, inner.address);
    }
  }));

test('whoever is not listed is refused, with a header and without, counted and told of at every doubling', () =>
  withListener(async ({ inner, listener, reports }) => {
    const peers: (SocketAddress | undefined)[] = [
      stranger,
      undefined,
      inetAddress('::ffff:203.0.113.9', 1),
      { family: 'unix', path: '/run/x' },
    ];
    const accepting = moveOnAfter(1000, () => listener.accept());
    for (const peer of peers) {
      const stream = await inner.connect(peer);
      await stream.sendAll(line).catch(() => undefined);
      await assert.rejects(async () => {
        for (;;) await stream.sendAll(line);
      });
    }
    assert.equal(await accepting, undefined);
    assert.deepEqual(listener.statistics(), {
      pending: 0,
      ready: 0,
      accepted: 0,
      refused: { source: 3, unknown: 1, header: 0, timeout: 0, ended: 0 },
    });
    assert.deepEqual(
      reports.map((event) =>
        event.kind === 'proxy-header-refused' ? [event.refused, event.remoteAddress] : event.kind,
      ),
      [
        [1, stranger],
        [1, undefined],
        [2, inetAddress('::ffff:203.0.113.9', 1)],
      ],
    );
  }));

test('a listed source without a proper header is refused: nothing is guessed', () =>
  withListener(async ({ inner, listener }) => {
    const accepting = moveOnAfter(10_000, () => listener.accept());
    for (const opening of [
      'GET / HTTP/1.1\r\n\r\n',
      '\x16\x03\x01\x02\x00',
      'PROXY TCP4 1.2.3.4\r\n',
      '\r\n\r\n\0\r\nQUIT\n\x11',
    ]) {
      const peer = await inner.connect(balancer);
      await peer.sendAll(latin1(opening));
    }
    const early = await inner.connect(balancer);
    await early.sendAll(line.subarray(0, 10));
    await early.sendEof();
    const silent = await inner.connect(balancer);
    assert.equal(await accepting, undefined);
    await assert.rejects(silent.sendAll(line));
    assert.deepEqual(listener.statistics().refused, { source: 0, unknown: 0, header: 4, timeout: 1, ended: 1 });
  }));

test('a connection that says nothing does not hold up the next one, and is closed after headerTimeoutMs', () =>
  withListener(
    async ({ inner, listener }) => {
      await inner.connect(balancer);
      await inner.connect(balancer);
      const third = await inner.connect(balancer);
      await third.sendAll(line);
      const stream = await listener.accept();
      assert.deepEqual(stream.remoteAddress, client);
      assert.equal(currentTime(), 0);
      assert.equal(listener.statistics().pending, 2);
      await sleep(501);
      assert.deepEqual(listener.statistics().pending, 0);
      assert.equal(listener.statistics().refused.timeout, 2);
    },
    { headerTimeoutMs: 500 },
  ));

test('at most maxPending connections are held; the next one waits its turn', () =>
  withListener(
    async ({ inner, listener }) => {
      const accepting = listener.accept();
      for (let i = 0; i < 3; i++) await inner.connect(balancer);
      const fourth = await inner.connect(balancer);
      await fourth.sendAll(line);
      await waitAllTasksBlocked();
      assert.equal(inner.accepted, 2);
      assert.equal(listener.statistics().pending, 2);
      // Two time out, and the third and fourth are taken.
      await accepting;
      assert.equal(currentTime(), 3000);
      assert.equal(inner.accepted, 4);
      // Ready ones count as well: nobody accepts them.
      for (let i = 0; i < 5; i++) await (await inner.connect(balancer)).sendAll(line);
      await sleep(4000);
      assert.equal(listener.statistics().ready, 2);
      assert.equal(inner.accepted, 6);
      await listener.accept();
      await waitAllTasksBlocked();
      assert.equal(inner.accepted, 7);
    },
    { maxPending: 2 },
  ));

test('a header longer than maxHeaderBytes is refused', () =>
  withListener(
    async ({ inner, listener }) => {
      const accepting = moveOnAfter(100, () => listener.accept());
      const peer = await inner.connect(balancer);
      const value = new Uint8Array(200);
      await sendProxyHeader(peer, { source: client, destination: target, tlvs: [{ type: 0xe0, value }] });
      assert.equal(await accepting, undefined);
      assert.equal(listener.statistics().refused.header, 1);
    },
    { maxHeaderBytes: 200 },
  ));

test('a cancelled accept loses no connection', () =>
  withListener(async ({ inner, listener }) => {
    assert.equal(await moveOnAfter(10, () => listener.accept()), undefined);
    const peer = await inner.connect(balancer);
    await peer.sendAll(line);
    await sleep(10);
    assert.equal(listener.statistics().ready, 1);
    assert.deepEqual((await listener.accept()).remoteAddress, client);
  }));

test('one call accepts at a time; closing wakes it, aborts what was not accepted and spares what was', () =>
  withListener(async ({ inner, listener }) => {
    const first = await inner.connect(balancer);
    await first.sendAll(line);
    const accepted = await listener.accept();
    const silent = await inner.connect(balancer);
    const ready = await inner.connect(balancer);
    await ready.sendAll(line);
    await sleep(1);
    assert.equal(listener.statistics().ready, 1);
    await listener.accept();
    const unclaimed = await inner.connect(balancer);
    await unclaimed.sendAll(line);
    await sleep(1);
    const waiting = listener.accept().then(() => listener.accept());
    await assert.rejects(async () => {
      await sleep(1);
      await listener.accept();
    }, BusyResourceError);
    await listener.close();
    await assert.rejects(waiting, ClosedResourceError);
    await assert.rejects(listener.accept(), ClosedResourceError);
    assert.equal(inner.isClosed, true);
    await sleep(1);
    await assert.rejects(silent.sendAll(line));
    await first.sendAll(latin1('still here'));
    assert.equal(await hear(accepted), 'still here');
    assert.equal(listener.statistics().pending, 0);
  }));

test('a failure of the inner listener comes out of accept once, and accepting goes on', () =>
  withListener(async ({ inner, listener }) => {
    const shortage = Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    const accepting = listener.accept();
    await inner.fail(shortage);
    await assert.rejects(accepting, (error) => error === shortage);
    await inner.fail(shortage);
    await sleep(1);
    await assert.rejects(listener.accept(), (error) => error === shortage);
    const peer = await inner.connect(balancer);
    await peer.sendAll(line);
    assert.deepEqual((await listener.accept()).remoteAddress, client);
  }));

test('a server behind balancers: handlers see the clients, and it ends when the inner listener is closed', () =>
  withListener(async ({ inner, listener }) => {
    const seen: unknown[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(
        serveListeners<ProxiedStream, typeof listener>,
        async (stream) => {
          seen.push(stream.remoteAddress);
          await stream.sendAll(latin1('hi'));
        },
        [listener],
      );
      for (let i = 1; i <= 3; i++) {
        const peer = await inner.connect(balancer);
        await sendProxyHeader(peer, { source: inetAddress(`192.0.2.${i}`, i), destination: target });
        assert.equal(await hear(peer), 'hi');
      }
      inner.abort();
    });
    assert.deepEqual(
      seen,
      [1, 2, 3].map((i) => inetAddress(`192.0.2.${i}`, i)),
    );
  }));

test('sources may be blocks, text, or Unix; a list of none, and no list, are errors', () => {
  const make = (options: object) => () => proxyProtocol(new MemoryListener(), options as ProxyProtocolOptions);
  assert.throws(make({}), TypeError);
  assert.throws(make({ from: [] }), TypeError);
  assert.throws(make({ from: '10.0.0.0/8' }), TypeError);
  assert.throws(make({ from: [null] }), TypeError);
  assert.throws(make({ from: [{ family: 4, bytes: new Uint8Array(3), prefixLength: 8 }] }), TypeError);
  assert.throws(make({ from: ['10.0.0.1/8'] }), AddressError);
  assert.throws(make({ from, maxHeaderBytes: 106 }), RangeError);
  assert.throws(make({ from, maxPending: 0 }), RangeError);
  assert.throws(make({ from, headerTimeoutMs: -1 }), RangeError);
  make({ from: [parseCidr('10.0.0.0/8'), '2001:db8::/32', 'unix'] })();
});

test('Unix peers and IPv4-mapped ones are believed where they are listed', () =>
  withListener(
    async ({ inner, listener }) => {
      for (const peer of [{ family: 'unix' as const, path: '' }, inetAddress('::ffff:10.1.2.3', 1)]) {
        await (await inner.connect(peer)).sendAll(line);
        assert.deepEqual((await listener.accept()).remoteAddress, client);
      }
    },
    { from: ['unix', '10.0.0.0/8'] },
  ));

test('a thousand connections that come to nothing leave nothing behind, and hold nobody up', () =>
  withListener(async ({ inner, listener }) => {
    let served = 0;
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        for (;;) {
          const stream = await listener.accept();
          served++;
          stream.abort();
        }
      });
      for (let i = 0; i < 1000; i++) {
        const peer = await inner.connect(i % 5 === 0 ? stranger : balancer);
        if (i % 5 === 1) peer.abort();
        else if (i % 5 === 2) await peer.sendAll(latin1('GET / HTTP/1.1\r\n\r\n'));
        else if (i % 5 === 3) await peer.sendAll(line);
        // And one in five says nothing.
      }
      await sleep(60_000);
      nursery.cancelScope.cancel();
    });
    assert.equal(served, 200);
    assert.deepEqual(listener.statistics(), {
      pending: 0,
      ready: 0,
      accepted: 200,
      refused: { source: 200, unknown: 0, header: 200, timeout: 200, ended: 200 },
    });
  }));
