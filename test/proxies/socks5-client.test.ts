import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';

import {
  attributeOf,
  BrokenResourceError,
  ClosedResourceError,
  ConnectError,
  ProtocolError,
  TooSlowError,
} from 'bowline/core';
import { ProxyRefusedError, socks4aConnector, socks5, socks5Connector, tunnelTarget } from 'bowline/proxies';
import { isHalfCloseable } from 'bowline/streams';
import { currentTime, moveOnAfter, withClock } from 'bowline/tasks';
import { memoryStreamPair, MockClock } from 'bowline/testing';

import { hear, withScriptedProxy } from '../support/proxy-peers.js';
import { hex, latin1 } from '../support/check-format.js';

const proxy = { host: 'proxy.test', port: 1080 };
const target = { host: 'example.org', port: 443 };
const good = hex('05 00 00 01 00000000 0000');
const request = '\x05\x01\x00\x03\x0bexample.org\x01\xbb';

/** What dialling through a proxy with this script ends in. */
async function outcome(
  script: readonly (Uint8Array | null)[],
  options: { username?: string; password?: string } = {},
): Promise<Error> {
  return await withScriptedProxy(script, async ({ via, near }) => {
    const dial = socks5Connector({ via, proxy, ...options });
    const error: unknown = await dial(target).then(
      () => assert.fail('it connected'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof Error);
    await assert.rejects(near.receiveSome(), ClosedResourceError, 'the connection to the proxy is closed');
    return error;
  });
}

test('a name goes to the proxy as it is, and the tunnel begins right behind the reply', async () => {
  const script = [hex('05 00'), Uint8Array.of(...good, ...latin1('hello'))];
  await withScriptedProxy(script, async ({ via, dialled, received }) => {
    const tunnel = await socks5Connector({ via, proxy })(target);
    assert.deepEqual(dialled, [proxy]);
    assert.equal(await hear(tunnel), 'hello');
    await tunnel.sendAll(latin1('back'));
    await tunnel.sendEof();
    await moveOnAfter(0, () => tunnel.receiveSome());
    assert.equal(received(), `\x05\x01\x00${request}back`);
    assert.deepEqual(attributeOf(tunnel, tunnelTarget), target);
    assert.ok(isHalfCloseable(tunnel));
    await tunnel.close();
  });
});

test('a password goes to the proxy when it asks for it, and nowhere else', async () => {
  const credentials = { username: 'joe', password: 'hunter2' };
  await withScriptedProxy([hex('05 02'), hex('01 00'), good], async ({ via, received }) => {
    const dial = socks5Connector({ via, proxy, ...credentials });
    await dial(target);
    assert.equal(received(), `\x05\x02\x00\x02\x01\x03joe\x07hunter2${request}`);
    assert.ok(!inspect(dial, { depth: 9, showHidden: true }).includes('hunter2'));
  });
  await withScriptedProxy([hex('05 00'), good], async ({ via, received }) => {
    await socks5Connector({ via, proxy, ...credentials })(target);
    assert.equal(received(), `\x05\x02\x00\x02${request}`);
  });
});

test('a refusal is a ProxyRefusedError with its reason and status, and shows no password', async () => {
  const credentials = { username: 'joe', password: 'hunter2' };
  const cases = [
    [[hex('05 ff')], {}, 'authentication', undefined, /proxy\.test:1080 wants credentials, and none were given/],
    [[hex('05 ff')], credentials, 'authentication', undefined, /another kind of authentication/],
    [[hex('05 02'), hex('01 01')], credentials, 'authentication', undefined, /refused the user name or password/],
    [[hex('05 00'), hex('05 05 00 01 00000000 0000')], {}, 'refused', 5, /example\.org:443: connection refused \(5\)/],
    [[hex('05 00'), hex('05 63 00 01 00000000 0000')], {}, 'refused', 99, /an unassigned failure \(99\)/],
  ] as const;
  for (const [script, options, reason, status, message] of cases) {
    const error = await outcome(script, options);
    assert.ok(error instanceof ProxyRefusedError && error instanceof ConnectError);
    assert.equal(error.code, 'ERR_BOWLINE_PROXY_REFUSED');
    assert.equal(error.reason, reason);
    assert.equal(error.status, status);
    assert.match(error.message, message);
    assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes('hunter2'));
  }
});

test('hostile replies: wrong version, an unoffered method, garbage, early ends', async () => {
  const credentials = { username: 'joe', password: 'hunter2' };
  const cases = [
    [[latin1('HTTP/1.1 400 Bad Request\r\n\r\n')], {}, ProtocolError, /broke the protocol: .* version 72/],
    [[hex('04 5a')], {}, ProtocolError, /version 4/],
    [[hex('05 02')], {}, ProtocolError, /method 2, which was not offered/],
    [[hex('05 01')], {}, ProtocolError, /method 1, which was not offered/],
    [[hex('05 80')], credentials, ProtocolError, /method 128/],
    [[hex('05 02'), hex('05 00')], credentials, ProtocolError, /version 5, expected 1/],
    [[hex('05 00'), hex('05 00 00 07 00')], {}, ProtocolError, /address type 7/],
    [[hex('05 00'), hex('05 00 00 03 00 0000 00')], {}, ProtocolError, /vector of 0 bytes/],
    [[null], {}, BrokenResourceError, /closed the connection during the handshake/],
    [[hex('05'), null], {}, BrokenResourceError, /closed/],
    [[hex('05 02'), null], credentials, BrokenResourceError, /closed/],
    [[hex('05 00'), null], {}, BrokenResourceError, /closed/],
  ] as const;
  for (const [script, options, type, message] of cases) {
    const error = await outcome(script, options);
    assert.ok(error instanceof type, `${error.name}: ${error.message}`);
    assert.match(error.message, message);
    assert.ok(!inspect(error, { depth: 9 }).includes('hunter2'));
  }
});

test('a reply cut off at every byte is a BrokenResourceError', async () => {
  for (let length = 1; length < good.length; length++) {
    const error = await outcome([hex('05 00'), good.subarray(0, length), null]);
    assert.ok(error instanceof BrokenResourceError, `${length}: ${error.message}`);
  }
});

test('a proxy that never answers, or never ends, is given up after handshakeTimeoutMs', async () => {
  await withClock(new MockClock({ autojumpThresholdMs: 0 }), async () => {
    const [silent] = memoryStreamPair();
    await assert.rejects(socks5(silent, target), TooSlowError);
    assert.equal(currentTime(), 30_000);
    await assert.rejects(silent.receiveSome(), ClosedResourceError);
  });
  await withClock(new MockClock({ autojumpThresholdMs: 0 }), () =>
    withScriptedProxy([hex('05')], async ({ via }) => {
      const dial = socks5Connector({ via, proxy, handshakeTimeoutMs: 5000 });
      await assert.rejects(dial(target), /the SOCKS proxy proxy\.test:1080 took longer than 5000 ms/);
      assert.equal(currentTime(), 5000);
    }),
  );
});

test('a cancelled handshake aborts the connection to the proxy', async () => {
  const [near, far] = memoryStreamPair();
  assert.equal(await moveOnAfter(1, () => socks5(near, target)), undefined);
  await assert.rejects(near.receiveSome(), ClosedResourceError);
  far.abort();
});

test('proxies make chains: the second is dialled through the first', async () => {
  const second = { host: '192.0.2.9', port: 1081 };
  const script = [hex('05 00'), good, hex('05 00'), Uint8Array.of(...good, ...latin1('far'))];
  await withScriptedProxy(script, async ({ via, dialled, received }) => {
    const dial = socks5Connector({ via: socks5Connector({ via, proxy }), proxy: second });
    const tunnel = await dial({ host: '2001:db8::1', port: 80 });
    assert.equal(await hear(tunnel), 'far');
    assert.deepEqual(dialled, [proxy]);
    assert.equal(
      received(),
      '\x05\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x09\x04\x39' +
        '\x05\x01\x00\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50',
    );
    assert.deepEqual(attributeOf(tunnel, tunnelTarget), { host: '2001:db8::1', port: 80 });
  });
});

test('bad options are refused before anything is dialled', async () => {
  const via = (): never => assert.fail('dialled');
  assert.throws(() => socks5Connector({ via, proxy: { host: '', port: 1080 } }), RangeError);
  assert.throws(() => socks5Connector({ via, proxy: { host: 'x', port: 0 } }), RangeError);
  assert.throws(() => socks5Connector({ via, proxy: 'x:1' as never }), TypeError);
  assert.throws(() => socks5Connector({ via, proxy, username: 'joe' }), TypeError);
  assert.throws(() => socks5Connector({ via, proxy, password: 'x' }), TypeError);
  assert.throws(() => socks5Connector({ via, proxy, username: 'joe', password: '' }), RangeError);
  assert.throws(() => socks5Connector({ via, proxy, handshakeTimeoutMs: -1 }), RangeError);
  assert.throws(() => socks4aConnector({ via, proxy, userId: 'a b' }), RangeError);
  const dial = socks5Connector({ via, proxy });
  for (const bad of [
    { host: 'fe80::1%eth0', port: 80 },
    { host: '127.1', port: 80 },
    { host: 'a b', port: 80 },
    { host: 'x'.repeat(300), port: 80 },
    { host: 'x', port: 0 },
    { host: 'x', port: 1.5 },
  ]) {
    await assert.rejects(dial(bad), RangeError, bad.host);
  }
  await assert.rejects(socks4aConnector({ via, proxy })({ host: '::1', port: 80 }), /SOCKS5/);
});

test('an international name goes out in its ASCII form', async () => {
  await withScriptedProxy([hex('05 00'), good], async ({ via, received }) => {
    await socks5Connector({ via, proxy })({ host: 'bücher.example', port: 80 });
    assert.ok(received().includes('xn--bcher-kva.example'));
  });
});

test('SOCKS4A: granted, refused, wrong version, too short', async () => {
  await withScriptedProxy([Uint8Array.of(...hex('00 5a 0000 00000000'), 0x21)], async ({ via, received }) => {
    const tunnel = await socks4aConnector({ via, proxy, userId: 'joe' })(target);
    assert.equal(await hear(tunnel), '!');
    assert.equal(received(), '\x04\x01\x01\xbb\0\0\0\x01joe\0example.org\0');
  });
  const cases = [
    [[hex('00 5b 0000 00000000')], ProxyRefusedError, /rejected or failed \(91\)/],
    [[hex('00 5d 0000 00000000')], ProxyRefusedError, /another user \(93\)/],
    [[hex('04 5a 0000 00000000')], ProtocolError, /version 4/],
    [[hex('00 5a 00'), null], BrokenResourceError, /closed/],
  ] as const;
  for (const [script, type, message] of cases) {
    await withScriptedProxy(script, async ({ via, near }) => {
      await assert.rejects(
        socks4aConnector({ via, proxy })(target),
        (error) => error instanceof type && message.test(error.message),
      );
      await assert.rejects(near.receiveSome(), ClosedResourceError);
    });
  }
});
