import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { AddressError } from 'bowline/core';
import { httpProxyGrammar, socks4aGrammar, socks5Grammar } from '#src/endpoints/grammar/proxy.js';
import type { ProxyTarget } from '#src/endpoints/grammar/proxy-target.js';
import { formatProxyTarget, parseProxyTarget } from '#src/endpoints/grammar/proxy-target.js';
import { formatParsed, parseAddressText, redactParsed } from '#src/endpoints/grammar/parse-address.js';
import type { ParsedAddress } from '#src/endpoints/grammar/parse-address.js';
import { tcpGrammar } from '#src/endpoints/grammar/tcp.js';

const schemes = [tcpGrammar, socks5Grammar, socks4aGrammar, httpProxyGrammar];
const parse = (text: string): ParsedAddress => parseAddressText(text, schemes, 'connect');
const via = (text: string): ParsedAddress | undefined => parse(`tcp:h:1?via=${text}`).via[0];

function refusal(text: string): string {
  try {
    parse(text);
  } catch (error) {
    assert.ok(error instanceof AddressError, String(error));
    return error.message;
  }
  assert.fail(`${text} was accepted`);
}

test('a proxy is a place, with or without who one is there', () => {
  const nobody = { username: undefined, password: undefined };
  const cases: [string, ProxyTarget][] = [
    ['socks5://near:1080', { host: 'near', port: 1080, ...nobody }],
    ['socks5:near:1080', { host: 'near', port: 1080, ...nobody }],
    ['socks5://[::1]:1080', { host: '::1', port: 1080, ...nobody }],
    ['socks5://joe:p@ss@near:1080', { host: 'near', port: 1080, username: 'joe', password: 'p@ss' }],
    ['socks5://joe:a:b@near:1080', { host: 'near', port: 1080, username: 'joe', password: 'a:b' }],
    ['socks5://j%2540e:p%2526@near:1080', { host: 'near', port: 1080, username: 'j@e', password: 'p&' }],
    ['socks4a://joe@near:1080', { host: 'near', port: 1080, username: 'joe', password: undefined }],
    ['http://joe@near:3128/', { host: 'near', port: 3128, username: 'joe', password: undefined }],
    ['http://joe:@near:3128', { host: 'near', port: 3128, username: 'joe', password: '' }],
  ];
  for (const [text, target] of cases) assert.deepEqual(via(text)?.target, target, text);
});

test('options of an http proxy come after a number sign', () => {
  assert.deepEqual(via('http://joe:x@near:3128#allowCleartext')?.options, { allowCleartext: true });
  assert.deepEqual(via('http://near:3128%23allowCleartext%26handshakeTimeoutMs=5')?.options, {
    allowCleartext: true,
    handshakeTimeoutMs: 5,
  });
});

test('what is no proxy is refused, and no password is shown', () => {
  const cases: [string, RegExp][] = [
    [
      'tcp:h:1?via=socks5://joe:hunter2@near',
      /via socks5:…: a proxy is written socks5:\/\/host:port or socks5:\/\/user:pass/,
    ],
    ['tcp:h:1?via=socks5://joe:hunter2@:1080', /a proxy is written/],
    ['tcp:h:1?via=socks5://joe:hunter2@near:0', /port 0 cannot be connected to/],
    ['tcp:h:1?via=socks5://near:1080/hunter2', /a proxy is written/],
    ['tcp:h:1?via=socks5://:hunter2@near:1080', /the user in front of the @ is missing/],
    ['tcp:h:1?via=socks5://joe@near:1080', /user and password have 1 to 255 bytes each/],
    ['tcp:h:1?via=socks5://joe:@near:1080', /user and password have 1 to 255 bytes each/],
    [`tcp:h:1?via=socks5://joe:hunter${'ä'.repeat(125)}@near:1080`, /user and password have 1 to 255 bytes each/],
    ['tcp:h:1?via=socks5://joe:hunter%25zz@near:1080', /percent-encoded/],
    ['tcp:h:1?via=socks4a://joe:hunter2@near:1080', /SOCKS4 has no passwords/],
    ['tcp:h:1?via=socks4a://j%2520hunter@near:1080', /visible characters of ASCII/],
    ['tcp:h:1?via=http://j%253ahunter@near:1080', /a user cannot have a colon/],
    ['tcp:h:1?via=http://j:hunter%250a@near:1080', /cannot have control characters/],
    ['tcp:h:1?via=http://near:1080#hunter=1', /unknown option/],
    ['socks5://joe:hunter2@near:1080', /cannot be connected to/],
  ];
  for (const [text, expected] of cases) {
    const message = refusal(text);
    assert.match(message, expected, text);
    assert.doesNotMatch(message, /hunter/, text);
  }
});

test('what is shown has neither user nor password', () => {
  const shown = redactParsed(parse('tcp:h:1?via=socks5://joe:hunter2@near:1&via=http://far:2'));
  assert.equal(shown, 'tcp:h:1?via=socks5:***@near:1&via=http:far:2');
});

test('every address with proxies survives format and parse', () => {
  const part = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((s) => !/[\p{Cs}\p{Cc}]/u.test(s));
  fc.assert(
    fc.property(part, part, fc.integer({ min: 1, max: 65535 }), (username, password, port) => {
      const target = { host: 'near', port, username, password };
      assert.deepEqual(parseProxyTarget(formatProxyTarget(target), 'x'), target);
      const text = `tcp:h:1?via=${encodeURIComponent(`socks5://${formatProxyTarget(target)}`)}`;
      assert.deepEqual(parse(formatParsed(parse(text))), parse(text));
      assert.deepEqual(parse(text).via[0]?.target, target);
    }),
  );
});
