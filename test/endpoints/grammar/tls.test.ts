import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AddressError } from 'bowline/core';
import { builtInSchemes, formatAddress, parseAddress, redactAddress } from 'bowline/endpoints';
import type { Role } from 'bowline/endpoints';

const pin = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';

function refusal(text: string, role: Role): string {
  try {
    parseAddress(text, { role });
  } catch (error) {
    assert.ok(error instanceof AddressError, String(error));
    return error.message;
  }
  assert.fail(`${text} was accepted`);
}

test('a tls: address is a tcp: address with more options', () => {
  const address = parseAddress(
    `tls://[::1]:443?pin=${pin},sha256/${pin}&alpn=h2,http/1.1&insecureAcceptAnyone=0&startTls=imap&noDelay`,
    { role: 'connect' },
  );
  assert.deepEqual(address.target, { host: '::1', port: 443 });
  assert.deepEqual(address.options, {
    pin: [pin, `sha256/${pin}`],
    alpn: ['h2', 'http/1.1'],
    insecureAcceptAnyone: false,
    startTls: 'imap',
    noDelay: true,
  });
  assert.deepEqual(parseAddress(formatAddress(address)), address);
  const tcp = builtInSchemes.find(({ name }) => name === 'tcp');
  for (const name of Object.keys(tcp?.options ?? {})) assert.ok(name in address.scheme.options, name);
});

test('options that do not go together, or are none, are refused', () => {
  const cases: [string, Role, RegExp][] = [
    ['tls:443', 'connect', /a port alone is written tls::443/],
    ['tls:h', 'connect', /port/],
    ['tls::443', 'connect', /the host is missing, as in tls:localhost:80/],
    ['tls::443', 'listen', /a server needs a certificate: cert=FILE and key=FILE/],
    ['tls:h:1?key=/k', 'connect', /a key needs its certificate/],
    ['tls:h:1?passphrase=hunter2', 'connect', /a passphrase is for a key/],
    ['tls:h:1?pin=abc', 'connect', /pin must be the SHA-256/],
    [`tls:h:1?pin=${pin},${pin}`, 'connect', /pin must be/],
    ['tls:h:1?alpn=h2,', 'connect', /alpn must be/],
    ['tls:h:1?startTls=gopher', 'connect', /startTls must be smtp or imap/],
    ['tls:h:1?minVersion=1.1', 'connect', /minVersion must be 1.2 or 1.3/],
    ['tls:h:1?minVersion=1.3&maxVersion=1.2', 'connect', /minVersion is above maxVersion/],
    [`tls:h:1?insecureAcceptAnyone&pin=${pin}`, 'connect', /goes with neither ca nor pin/],
    ['tls::1?cert=/c&serverName=x', 'listen', /serverName is for connecting/],
    ['tls::1?cert=/c&insecureAcceptAnyone', 'listen', /insecureAcceptAnyone is for connecting/],
    ['tls:h:1?cert=/c&backlog=5', 'connect', /backlog is for listening/],
  ];
  for (const [text, role, expected] of cases) {
    assert.match(refusal(text, role), expected, text);
    assert.doesNotMatch(refusal(text, role), /hunter/);
  }
});

test('a passphrase is not shown', () => {
  assert.equal(redactAddress(parseAddress('tls:h:1?cert=/c&passphrase=hunter2')), 'tls:h:1?cert=/c&passphrase=***');
});
