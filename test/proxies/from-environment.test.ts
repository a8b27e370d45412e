import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { AddressError, attributeOf, MisuseError } from 'bowline/core';
import type { Connector, ConnectTarget } from 'bowline/core';
import { fromEnvironment, tunnelTarget } from 'bowline/proxies';
import type { FromEnvironmentOptions } from 'bowline/proxies';
import { memoryStreamPair } from 'bowline/testing';
import { clientContext, insecureAcceptAnyone } from 'bowline/trust';
import fc from 'fast-check';

import { parseNoProxy } from '#src/proxies/no-proxy.js';

import { hex, latin1 } from '../support/check-format.js';
import { withScriptedProxy } from '../support/proxy-peers.js';

/** Where a connector dials to: the proxy's address, or the target's own. */
async function dials(
  environment: Record<string, string>,
  target: ConnectTarget,
  options: FromEnvironmentOptions = {},
): Promise<string> {
  let dialled = '';
  class Stop extends Error {}
  const via: Connector = async ({ host, port }) => {
    dialled = `${host} ${port}`;
    throw new Stop();
  };
  await assert.rejects(fromEnvironment({ environment, via, ...options })(target), Stop);
  return dialled;
}

const https = { host: 'example.org', port: 443 };
const http = { host: 'example.org', port: 80 };

test('port 80 looks at HTTP_PROXY and any other at HTTPS_PROXY, unless the scheme is given', async () => {
  const environment = { http_proxy: 'http://one.test:1', HTTPS_PROXY: 'two.test:2', FTP_PROXY: 'socks5://three.test' };
  assert.equal(await dials(environment, http), 'one.test 1');
  assert.equal(await dials(environment, https), 'two.test 2');
  assert.equal(await dials(environment, { host: 'example.org', port: 8080 }), 'two.test 2');
  assert.equal(await dials(environment, http, { scheme: 'https' }), 'two.test 2');
  assert.equal(await dials(environment, https, { scheme: 'HTTP' }), 'one.test 1');
  assert.equal(await dials(environment, https, { scheme: 'ftp' }), 'three.test 1080');
});

test('lower case counts first, ALL_PROXY last, and nothing is direct', async () => {
  assert.equal(await dials({ https_proxy: 'a.test', HTTPS_PROXY: 'b.test', ALL_PROXY: 'c.test' }, https), 'a.test 80');
  assert.equal(await dials({ HTTPS_PROXY: 'b.test', all_proxy: 'c.test' }, https), 'b.test 80');
  assert.equal(await dials({ https_proxy: ' ', HTTPS_PROXY: '', ALL_PROXY: 'c.test' }, https), 'c.test 80');
  assert.equal(await dials({}, https), 'example.org 443');
});

test('HTTP_PROXY in capitals is a header of the request in a CGI program, and is not looked at', async () => {
  assert.equal(await dials({ HTTP_PROXY: 'evil.test', REQUEST_METHOD: 'GET' }, http), 'example.org 80');
  assert.equal(await dials({ http_proxy: 'good.test', REQUEST_METHOD: 'GET' }, http), 'good.test 80');
  assert.equal(await dials({ HTTP_PROXY: 'good.test' }, http), 'good.test 80');
  assert.equal(await dials({ HTTPS_PROXY: 'good.test', REQUEST_METHOD: 'GET' }, https), 'good.test 80');
});

test('the schemes of proxies, their default ports, and IPv6', async () => {
  const port = async (url: string, options: FromEnvironmentOptions = {}): Promise<string> =>
    await dials({ ALL_PROXY: url }, https, options);
  assert.equal(await port('socks5://p.test'), 'p.test 1080');
  assert.equal(await port('SOCKS5H://p.test/'), 'p.test 1080');
  assert.equal(await port('socks4a://p.test:9'), 'p.test 9');
  assert.equal(await port('http://[2001:db8::1]:3128'), '2001:db8::1 3128');
  const context = clientContext({ verify: insecureAcceptAnyone() });
  assert.equal(await port('https://p.test', { context }), 'p.test 443');
});

test('what is wrong with a variable is said at once, without showing it', () => {
  for (const url of [
    'ftp://joe:hunter2@p.test',
    'http://joe:hunter2@',
    'http://joe:hunter2@p.test:x',
    'http://joe:hunter2@p.test:0',
    'http://joe:hunter2@p.test/hunter2',
    'http://joe:hunter2%@p.test',
    'http://joe:hunter2@@p.test',
    'socks5://joe:hunter2@127.1:1080',
  ]) {
    assert.throws(
      () => fromEnvironment({ environment: { HTTPS_PROXY: url } }),
      (error) =>
        error instanceof AddressError && /^HTTPS_PROXY /.test(error.message) && !inspect(error).includes('hunter2'),
      url,
    );
  }
});

test('user name and password are percent-decoded and go to the proxy', async () => {
  await withScriptedProxy([hex('05 02'), hex('01 00'), hex('05 00 00 01 00000000 0000')], async ({ via, received }) => {
    const environment = { ALL_PROXY: 'socks5://j%40e:p%3Aw%20@p.test' };
    const tunnel = await fromEnvironment({ environment, via })(https);
    assert.ok(received().includes('\x01\x03j@e\x04p:w '));
    assert.deepEqual(attributeOf(tunnel, tunnelTarget), https);
  });
  await withScriptedProxy([latin1('HTTP/1.1 200 OK\r\n\r\n')], async ({ via, received }) => {
    const environment = { ALL_PROXY: 'http://joe:hunter2@p.test' };
    await assert.rejects(fromEnvironment({ environment, via })(https), MisuseError);
    assert.equal(received(), '');
  });
  await withScriptedProxy([latin1('HTTP/1.1 200 OK\r\n\r\n')], async ({ via, received }) => {
    const environment = { ALL_PROXY: 'http://joe:hunter2@p.test' };
    await fromEnvironment({ environment, via, allowCleartext: true })(https);
    assert.ok(received().includes(Buffer.from('joe:hunter2').toString('base64')));
  });
  await withScriptedProxy([hex('00 5a 0000 00000000')], async ({ via, received }) => {
    await fromEnvironment({ environment: { ALL_PROXY: 'socks4://joe@p.test' }, via })(https);
    assert.ok(received().includes('joe\0example.org\0'));
  });
});

test('NO_PROXY: names with what is below them, addresses, blocks, ports, everything', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['example.org', 'example.org:443', true],
    ['example.org', 'www.example.org:443', true],
    ['EXAMPLE.org.', 'www.Example.ORG:443', true],
    ['example.org', 'www.example.org.:443', true],
    ['.example.org', 'example.org:443', true],
    ['*.example.org', 'a.b.example.org:443', true],
    ['example.org', 'notexample.org:443', false],
    ['example.org', 'example.org.evil.test:443', false],
    ['org', 'example.org:443', true],
    ['192.0.2.1', '192.0.2.1:80', true],
    ['192.0.2.1', '192.0.2.10:80', false],
    ['2.1', '192.0.2.1:80', false],
    ['::ffff:192.0.2.1', '192.0.2.1:80', true],
    ['10.0.0.0/8', '10.1.2.3:80', true],
    ['10.0.0.0/8', '::ffff:10.1.2.3:80', true],
    ['10.0.0.0/8', '11.1.2.3:80', false],
    ['10.0.0.0/8', 'ten.test:80', false],
    ['2001:db8::/32', '2001:db8::7:80', true],
    ['[2001:db8::1]', '2001:db8::1:80', true],
    ['2001:DB8:0::1', '2001:db8::1:80', true],
    ['[2001:db8::1]:81', '2001:db8::1:80', false],
    ['example.org:443', 'example.org:443', true],
    ['example.org:443', 'www.example.org:443', true],
    ['example.org:443', 'example.org:80', false],
    ['192.0.2.1:80', '192.0.2.1:81', false],
    ['a.test,b.test', 'b.test:1', true],
    ['a.test b.test', 'b.test:1', true],
    [' , a.test ,, ', 'a.test:1', true],
    ['*', 'anything:1', true],
    ['*:81', 'anything:81', false],
    ['', 'anything:1', false],
    ['.', 'anything:1', false],
    ['10.0.0.1/8', '10.0.0.1:80', false],
    ['example.org/24', 'example.org:80', false],
  ];
  for (const [text, target, expected] of cases) {
    const colon = target.lastIndexOf(':');
    const parsed = { host: target.slice(0, colon), port: Number(target.slice(colon + 1)) };
    assert.equal(parseNoProxy(text)(parsed), expected, `${text} / ${target}`);
  }
});

test('NO_PROXY takes any text, and a name always matches itself', () => {
  const target = { host: 'example.org', port: 443 };
  fc.assert(fc.property(fc.string(), (text) => typeof parseNoProxy(text)(target) === 'boolean'));
  fc.assert(fc.property(fc.domain(), (host) => parseNoProxy(`x.test,${host}`)({ host, port: 1 })));
});

test('targets that NO_PROXY names are dialled directly', async () => {
  const environment = { ALL_PROXY: 'p.test', NO_PROXY: 'internal, 10.0.0.0/8' };
  assert.equal(await dials(environment, { host: 'db.internal', port: 5432 }), 'db.internal 5432');
  assert.equal(await dials(environment, { host: '10.9.9.9', port: 1 }), '10.9.9.9 1');
  assert.equal(await dials(environment, https), 'p.test 80');
  await assert.rejects(fromEnvironment({ environment })({ host: '', port: 1 }), RangeError);
});

test('without options it is this process that is asked', async () => {
  const before = process.env['bowline_proxy'];
  process.env['bowline_proxy'] = 'p.test:7';
  try {
    const [near] = memoryStreamPair();
    let dialled: unknown;
    const via: Connector = async (target) => {
      dialled = target;
      near.abort();
      return near;
    };
    await assert.rejects(fromEnvironment({ via, scheme: 'bowline' })({ host: 'nowhere.invalid', port: 1 }));
    assert.deepEqual(dialled, { host: 'p.test', port: 7 });
  } finally {
    if (before === undefined) delete process.env['bowline_proxy'];
    else process.env['bowline_proxy'] = before;
  }
});
