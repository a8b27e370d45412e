import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';

import {
  attributes,
  BrokenResourceError,
  ClosedResourceError,
  inetAddress,
  MisuseError,
  ProtocolError,
  remoteAddress,
  TooSlowError,
} from 'bowline/core';
import type { AttributeKey, SocketAddress } from 'bowline/core';
import { httpConnect, httpConnectConnector, ProxyRefusedError, socks5Connector } from 'bowline/proxies';
import { currentTime, withClock } from 'bowline/tasks';
import { memoryStreamPair, MockClock } from 'bowline/testing';

import { hear, withScriptedProxy } from '../support/proxy-peers.js';
import { hex, latin1 } from '../support/check-format.js';

const proxy = { host: 'proxy.test', port: 3128 };
const target = { host: 'example.org', port: 443 };
const ok = latin1('HTTP/1.1 200 OK\r\n\r\n');
const credentials = { username: 'joe', password: 'hunter2' };
const base64 = Buffer.from('joe:hunter2').toString('base64');

test('the tunnel begins right behind the empty line, whatever the answer says about a body', async () => {
  const answer = 'HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n';
  await withScriptedProxy([latin1(`${answer}SSH-2.0-x`)], async ({ via, received }) => {
    const tunnel = await httpConnectConnector({ via, proxy, headers: { 'User-Agent': 'bowline' } })(target);
    assert.equal(await hear(tunnel), 'SSH-2.0-x');
    assert.equal(
      received(),
      'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\nUser-Agent: bowline\r\n\r\n',
    );
  });
});

test('interim answers are waited through, a limited number of them; 101 is none', async () => {
  const interim = 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n';
  await withScriptedProxy(
    [latin1(`HTTP/1.1 100 Continue\r\n\r\n${interim}HTTP/1.1 204 x\r\n\r\n!`)],
    async ({ via }) => {
      assert.equal(await hear(await httpConnectConnector({ via, proxy })(target)), '!');
    },
  );
  await withScriptedProxy([latin1(interim.repeat(20))], async ({ via }) => {
    await assert.rejects(httpConnectConnector({ via, proxy })(target), /more than 8 interim answers/);
  });
  await withScriptedProxy([latin1('HTTP/1.1 101 x\r\n\r\n')], async ({ via }) => {
    await assert.rejects(httpConnectConnector({ via, proxy })(target), /status 101/);
  });
});

test('a refusal tells the status and the schemes it knows, and repeats nothing of what the proxy wrote', async () => {
  const cases = [
    [
      'HTTP/1.1 403 hunter2\r\nX: hunter2\r\n\r\nhunter2',
      'refused',
      403,
      /did not connect to example\.org:443: status 403$/,
    ],
    ['HTTP/1.1 301 Moved\r\nLocation: http://x/\r\n\r\n', 'refused', 301, /status 301$/],
    [
      'HTTP/1.1 407 hunter2\r\nProxy-Authenticate: hunter2\r\nProxy-Authenticate: negotiate\r\nProxy-Authenticate: Basic realm="hunter2"\r\n\r\n',
      'authentication',
      407,
      /status 407, it wants Basic or Negotiate authentication$/,
    ],
    ['HTTP/1.1 407 No\r\n\r\n', 'authentication', 407, /status 407$/],
  ] as const;
  for (const [answer, reason, status, message] of cases) {
    await withScriptedProxy([latin1(answer)], async ({ via, near }) => {
      await assert.rejects(
        httpConnectConnector({ via, proxy, ...credentials, allowCleartext: true })(target),
        (error) => {
          assert.ok(error instanceof ProxyRefusedError);
          assert.equal(error.reason, reason);
          assert.equal(error.status, status);
          assert.match(error.message, message);
          assert.ok(!/hunter2/.test(inspect(error, { depth: 9, showHidden: true })));
          return true;
        },
      );
      await assert.rejects(near.receiveSome(), ClosedResourceError);
    });
  }
});

test('hostile answers: another protocol, never ending, cut off, bare line feeds', async () => {
  const cases = [
    [[latin1('SSH-2.0-OpenSSH_9\r\n')], ProtocolError, /not HTTP\/1/],
    [[latin1('HTTP/1.1 200 OK\n\n')], ProtocolError, /line feed/],
    [[latin1('HTTP/1.1 200 OK\r\n' + 'X: y\r\n'.repeat(5000))], ProtocolError, /more than 16384 bytes/],
    [[latin1('HTTP/1.1 200 ' + 'x'.repeat(100_000))], ProtocolError, /more than 16384 bytes/],
    [[latin1('HTTP/1.1 2000 OK\r\n\r\n')], ProtocolError, /status line/],
    [[null], BrokenResourceError, /closed/],
    [[latin1('HTTP/1.1 200 OK\r\n'), null], BrokenResourceError, /closed/],
  ] as const;
  for (const [script, type, message] of cases) {
    await withScriptedProxy(script, async ({ via, near }) => {
      await assert.rejects(
        httpConnectConnector({ via, proxy })(target),
        (error) => error instanceof type && message.test(error.message),
      );
      await assert.rejects(near.receiveSome(), ClosedResourceError);
    });
  }
});

test('an answer that drips for ever is given up after handshakeTimeoutMs', async () => {
  await withClock(new MockClock({ autojumpThresholdMs: 0 }), () =>
    withScriptedProxy([latin1('HTTP/1.1 200 OK\r\n')], async ({ near }) => {
      await assert.rejects(httpConnect(near, target, { handshakeTimeoutMs: 1000 }), TooSlowError);
      assert.equal(currentTime(), 1000);
    }),
  );
});

/** A memory stream that claims a peer. */
function withPeer<S extends object>(stream: S, peer: SocketAddress): S {
  return Object.assign(stream, {
    [attributes]: (key: AttributeKey<unknown>) => (key === remoteAddress ? peer : undefined),
  });
}

test('credentials are not sent where they could be read, unless allowCleartext says so', async () => {
  const remote = inetAddress('192.0.2.1', 3128);
  for (const peer of [remote, inetAddress('10.0.0.1', 1), undefined]) {
    await withScriptedProxy([ok], async ({ near, received }) => {
      const stream = peer === undefined ? near : withPeer(near, peer);
      await assert.rejects(httpConnect(stream, target, credentials), (error) => {
        assert.ok(error instanceof MisuseError);
        assert.match(error.message, /over TLS, or set allowCleartext/);
        assert.ok(!error.message.includes('hunter2'));
        return true;
      });
      assert.equal(received(), '');
    });
  }
  await withScriptedProxy([ok], async ({ near, received }) => {
    await httpConnect(near, target, { ...credentials, allowCleartext: true });
    assert.ok(received().includes(`Proxy-Authorization: Basic ${base64}\r\n`));
  });
  await withScriptedProxy([ok], async ({ via, received }) => {
    const headers = { 'proxy-authorization': 'Bearer x' };
    await assert.rejects(httpConnectConnector({ via, proxy, headers })(target), MisuseError);
    assert.equal(received(), '');
  });
});

test('within this machine credentials may be sent in clear', async () => {
  const peers: SocketAddress[] = [
    inetAddress('127.0.0.1', 3128),
    inetAddress('::1', 3128),
    inetAddress('::ffff:127.0.0.2', 1),
    { family: 'unix', path: '/run/proxy' },
  ];
  for (const peer of peers) {
    await withScriptedProxy([ok], async ({ near, received }) => {
      await httpConnect(withPeer(near, peer), target, credentials);
      assert.ok(received().includes(base64));
    });
  }
  for (const host of ['127.0.0.1', '::1', 'localhost', 'proxy.localhost']) {
    await withScriptedProxy([ok], async ({ via, received }) => {
      await httpConnectConnector({ via, proxy: { host, port: 1 }, ...credentials })(target);
      assert.ok(received().includes(base64), host);
    });
  }
});

test('what is called localhost behind another proxy is not this machine', async () => {
  const script = [hex('05 00'), hex('05 00 00 01 00000000 0000'), ok];
  await withScriptedProxy(script, async ({ near, received }) => {
    const via = socks5Connector({ via: async () => withPeer(near, inetAddress('127.0.0.1', 1080)), proxy });
    const dial = httpConnectConnector({ via, proxy: { host: 'localhost', port: 3128 }, ...credentials });
    await assert.rejects(dial(target), MisuseError);
    assert.ok(!received().includes('CONNECT'));
  });
});

test('bad options are refused before anything is dialled, and the message shows no password', () => {
  const via = (): never => assert.fail('dialled');
  const cases = [
    { username: 'joe' },
    { password: 'hunter2' },
    { username: 'jo:e', password: 'hunter2' },
    { username: 'joe', password: 'hunter2\r\nX: y' },
    { headers: { Host: 'hunter2' } },
    { headers: { X: 'hunter2\n' } },
    { headers: { 'Content-Length': '5' } },
    { headers: { 'proxy-authorization': 'hunter2' }, ...credentials },
    { handshakeTimeoutMs: Number.NaN },
    { maxHeadBytes: 0 },
  ];
  for (const options of cases) {
    assert.throws(
      () => httpConnectConnector({ via, proxy, ...options }),
      (error) => (error instanceof TypeError || error instanceof RangeError) && !error.message.includes('hunter2'),
    );
  }
});

test('credentials beyond ASCII are UTF-8', async () => {
  await withScriptedProxy([ok], async ({ near, received }) => {
    await httpConnect(near, target, { username: 'jörg', password: '', allowCleartext: true });
    assert.ok(received().includes(`Basic ${Buffer.from('jörg:').toString('base64')}\r\n`));
  });
});

test('a stream that is silent is aborted with the handshake', async () => {
  const [near, far] = memoryStreamPair();
  await withClock(new MockClock({ autojumpThresholdMs: 0 }), async () => {
    await assert.rejects(httpConnect(near, target), TooSlowError);
  });
  await assert.rejects(near.sendAll(new Uint8Array(1)), ClosedResourceError);
  far.abort();
});
