import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AddressError, checkPort, formatHostPort, parseHost, parseHostPort } from 'bowline/core';

const refused: [string, RegExp][] = [
  ['', /port is missing/],
  ['example.org', /port is missing, as in example\.org:443/],
  ['[::1]', /port is missing, as in \[::1\]:443/],
  ['example.org:', /0 to 65535/],
  ['example.org:65536', /0 to 65535/],
  ['example.org:080', /0 to 65535/],
  ['example.org:+80', /0 to 65535/],
  ['example.org: 80', /0 to 65535/],
  ['example.org:http', /0 to 65535/],
  ['example.org:80:90', /more than one colon/],
  ['::1', /brackets: \[::1\]:443/],
  ['::1:80', /brackets: \[::1\]:80 or \[::1:80\]:443/],
  ['2001:db8:0:0:0:0:0:1:443', /brackets: \[2001:db8:0:0:0:0:0:1\]:443/],
  ['[::1', /not closed/],
  ['[::1]80', /expected a colon/],
  ['[::1]]:80', /expected a colon/],
  ['[127.0.0.1]:80', /only an IPv6 address/],
  ['[example.org]:80', /only an IPv6 address/],
  ['[]:80', /only an IPv6 address/],
  ['127.1:80', /ends in a number/],
  ['0x7f.0.0.1:80', /ends in a number/],
  ['0x7f000001:80', /ends in a number/],
  ['2130706433:80', /ends in a number/],
  ['010.0.0.1:80', /ends in a number/],
  ['1.2.3.4.:80', /ends in a number/],
  ['a b:80', /letters, digits and hyphens/],
  ['-a:80', /letters, digits and hyphens/],
  ['a-:80', /letters, digits and hyphens/],
  ['a..b:80', /letters, digits and hyphens/],
  ['.:80', /letters, digits and hyphens/],
  ['user@host:80', /letters, digits and hyphens/],
  ['a/b:80', /letters, digits and hyphens/],
  [`${'a'.repeat(64)}.org:80`, /letters, digits and hyphens/],
  [`${'a.'.repeat(128)}:80`, /letters, digits and hyphens/],
  ['a\0b:80', /letters, digits and hyphens/],
  ['a\u202eb:80', /letters, digits and hyphens/],
];

for (const [text, why] of refused) {
  test(`refuses ${JSON.stringify(text.slice(0, 40))}: ${why.source}`, () => {
    assert.throws(
      () => parseHostPort(text),
      (error) => error instanceof AddressError && why.test(error.message) && /^[ -~…]*$/.test(error.message),
    );
  });
}

test('reads hosts and ports, addresses in canonical form', () => {
  const texts: [string, string, number][] = [
    ['example.org:443', 'example.org', 443],
    ['Example.ORG.:443', 'Example.ORG.', 443],
    ['my_service:0', 'my_service', 0],
    ['localhost:65535', 'localhost', 65535],
    ['3com.com:80', '3com.com', 80],
    ['a.b4:80', 'a.b4', 80],
    ['bücher.example:80', 'bücher.example', 80],
    ['192.0.2.1:80', '192.0.2.1', 80],
    ['[0:0::1]:80', '::1', 80],
    ['[FE80::1%eth0]:22', 'fe80::1%eth0', 22],
    [':4040', '', 4040],
  ];
  for (const [text, host, port] of texts) {
    const parsed = parseHostPort(text);
    assert.deepEqual(parsed, { host, port });
    assert.deepEqual(parseHostPort(formatHostPort(parsed)), parsed);
  }
});

test('a default port applies only where there is none; an empty host can be refused', () => {
  assert.deepEqual(parseHostPort('example.org', { defaultPort: 443 }), { host: 'example.org', port: 443 });
  assert.deepEqual(parseHostPort('[::1]', { defaultPort: 443 }), { host: '::1', port: 443 });
  assert.deepEqual(parseHostPort('example.org:80', { defaultPort: 443 }), { host: 'example.org', port: 80 });
  assert.throws(() => parseHostPort('::1', { defaultPort: 443 }), /brackets/);
  assert.throws(() => parseHostPort(':80', { allowEmptyHost: false }), /host is missing/);
  assert.throws(() => parseHostPort('a', { defaultPort: 65536 }), RangeError);
  assert.throws(() => parseHostPort(80 as unknown as string), TypeError);
});

test('parseHost takes names and addresses without brackets', () => {
  assert.equal(parseHost('example.org'), 'example.org');
  assert.equal(parseHost('0::1%eth0'), '::1%eth0');
  for (const text of ['', '[::1]', '127.1', 'a:80', '::g']) assert.throws(() => parseHost(text), AddressError, text);
});

test('a hostile text is quoted short and without control characters', () => {
  assert.throws(
    () => parseHostPort(`\u001b[31m\n${'x'.repeat(100_000)}`),
    (error) =>
      error instanceof AddressError && error.message.length < 250 && /\\u\{1b\}\[31m\\u\{a\}x/.test(error.message),
  );
});

test('checkPort refuses what is no port', () => {
  for (const port of [-1, 65536, 0.5, NaN, Infinity]) assert.throws(() => checkPort(port), RangeError);
  assert.throws(() => checkPort('80' as unknown as number), TypeError);
  assert.equal(checkPort(0), 0);
});
