import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { AddressError } from 'bowline/core';
import { execGrammar } from '#src/endpoints/grammar/exec.js';
import { file, secret } from '#src/endpoints/grammar/option-kinds.js';
import type { Role } from '#src/endpoints/grammar/option-kinds.js';
import { formatParsed, parseAddressText, redactParsed } from '#src/endpoints/grammar/parse-address.js';
import type { ParsedAddress } from '#src/endpoints/grammar/parse-address.js';
import { defineGrammar } from '#src/endpoints/grammar/scheme-grammar.js';
import { stdioGrammar } from '#src/endpoints/grammar/stdio.js';
import { tcpGrammar } from '#src/endpoints/grammar/tcp.js';
import { unixGrammar } from '#src/endpoints/grammar/unix.js';

/** A proxy with a password in its target and in an option, as schemes to come will have. */
const proxyGrammar = defineGrammar({
  name: 'proxy',
  form: 'proxy:user:password@host:port',
  roles: ['via', 'connect'],
  options: { token: secret('a token'), key: file('a file') },
  parseTarget: (text) => {
    const match = /^(?:([^:@]*):([^@]*)@)?([a-z]+:\d+)$/.exec(text);
    if (match === null) throw new AddressError('bad proxy', 'expected user:password@host:port');
    return { user: match[1], password: match[2], at: match[3] };
  },
  formatTarget: ({ user, password, at }) => (user === undefined ? `${at}` : `${user}:${password}@${at}`),
  redactTarget: ({ user, at }) => (user === undefined ? `${at}` : `***@${at}`),
});

/** A scheme of URLs, whose options come after "#". */
const urlGrammar = defineGrammar({
  name: 'web',
  form: 'web:path',
  roles: ['connect'],
  optionsAfter: '#',
  options: { token: secret('a token') },
  parseTarget: (text) => text,
  formatTarget: (text) => text,
});

const schemes = [tcpGrammar, unixGrammar, execGrammar, stdioGrammar, proxyGrammar, urlGrammar];
const parse = (text: string, role?: Role): ParsedAddress => parseAddressText(text, schemes, role);

/** The message of the refusal, which must be one printable line. */
function refusal(text: string, role?: Role): string {
  try {
    parse(text, role);
  } catch (error) {
    assert.ok(error instanceof AddressError, String(error));
    assert.doesNotMatch(error.message, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    assert.ok(error.message.length < 1000);
    return error.message;
  }
  assert.fail(`${JSON.stringify(text)} was accepted`);
}

const refused: [string, Role | undefined, RegExp][] = [
  ['', undefined, /^"": it is empty; known are tcp:host:port, unix:\/path/],
  [':80', undefined, /there is no scheme/],
  ['example.org', undefined, /there is no scheme/],
  ['example.org:80', undefined, /^"example\.org:80": there is no scheme; host:port is written tcp:host:port/],
  ['/run/x', undefined, /there is no scheme; a path is written unix:\/path/],
  ['gopher:host:70', undefined, /^gopher:…: the scheme is unknown; known are/],
  ['tcp:', undefined, /^tcp:: the port is missing/],
  ['tcp:host', undefined, /^tcp:host: the port is missing, as in host:443/],
  ['tcp:4040', undefined, /^tcp:4040: a port alone is written tcp::4040/],
  ['tcp:::1:80', undefined, /brackets: \[::1\]:80 or/],
  ['tcp:host:80:90', undefined, /more than one colon/],
  ['tcp:host:99999', undefined, /0 to 65535/],
  ['tcp:127.1:80', undefined, /ends in a number/],
  ['tcp://host:80/', undefined, /0 to 65535/],
  ['tcp::4040', 'connect', /^tcp::4040: the host is missing, as in tcp:localhost:80/],
  ['tcp:host:0', 'connect', /port 0 cannot be connected to/],
  ['tcp:host:80?colour=red', undefined, /unknown option colour; tcp: has acceptQueue, backlog, .*, via$/],
  [
    'tcp:host:80?colour=red',
    'listen',
    /unknown option colour; tcp: has acceptQueue, backlog, keepAliveMs, maxConnections, noDelay, reusePort$/,
  ],
  ['tcp:host:80?__proto__=1', undefined, /unknown option __proto__; /],
  ['tcp:host:80?noDelay=1&', undefined, /unknown option; /],
  ['tcp:host:80?noDelay=maybe', undefined, /the option noDelay must be 1 or 0/],
  ['tcp:host:80?noDelay=1&noDelay=1', undefined, /noDelay is given twice/],
  ['tcp:host:80?keepAliveMs=-1', undefined, /a whole number of milliseconds/],
  ['tcp:host:80?keepAliveMs=1e3', undefined, /a whole number of milliseconds/],
  ['tcp:host:80?localAddress=%', undefined, /localAddress must be an IP address/],
  ['tcp:host:80?localAddress=localhost', undefined, /localAddress must be an IP address/],
  ['tcp:host:80?backlog=5', 'connect', /the option backlog is for listening/],
  ['tcp:host:80?localAddress=::1', 'listen', /the option localAddress is for connecting/],
  ['tcp:host:80?backlog=65536', undefined, /from 1 to 65535/],
  ['tcp:host:80?via=%zz', undefined, /via is not percent-encoded/],
  ['tcp:host:80?via=', undefined, /via :…: it is empty/],
  ['tcp:host:80?via=tcp:a:1', undefined, /via tcp:…: is not a proxy/],
  ['tcp:host:80?via=proxy:a:1', 'listen', /via is for connecting/],
  [`tcp:host:80?${'via=proxy:a:1&'.repeat(17)}`, undefined, /more than 16 proxies/],
  ['unix:', undefined, /the path is missing/],
  ['unix:@', undefined, /the path is missing/],
  ['unix:/a%', undefined, /a percent sign in a path is written %25/],
  ['unix:/a%00b', undefined, /NUL/],
  ['unix:/a%ff', undefined, /%25/],
  ['unix:/a?mode=999', undefined, /an octal file mode/],
  ['unix:/a?via=proxy:a:1', undefined, /unknown option via; unix: has/],
  ['exec:', undefined, /the command is missing/],
  ['exec:  ?cwd=/', undefined, /the command is missing/],
  [`exec:''`, undefined, /the command is missing/],
  [`exec:cat 'a`, undefined, /^exec:cat …: the single quote is not closed/],
  [
    'exec:curl http://h/?a=b',
    undefined,
    /^exec:curl …: unknown option a; exec: has .*a question mark of the command stands in quotes/,
  ],
  ['exec:cat?stderr=pipe', undefined, /stderr must be inherit or ignore/],
  ['exec:cat?cwd=', undefined, /cwd must be a directory/],
  ['stdio:x', undefined, /nothing may follow/],
  ['stdio:?a=1', undefined, /unknown option a; stdio: has none/],
  ['proxy:a:1', 'listen', /cannot be listened on/],
  ['tcp:\ud800:80', undefined, /half a surrogate/],
  ['tcp:h\u001b[2J:80', undefined, /^tcp:h\\u\{1b\}\[2J:80: a host name is made of/],
  ['x'.repeat(65_537), undefined, /longer than 65536/],
];

for (const [text, role, why] of refused) {
  test(`refuses ${JSON.stringify(text.slice(0, 60))}${role === undefined ? '' : ` to ${role}`}`, () => {
    assert.match(refusal(text, role), why);
  });
}

test('anything but a string is a TypeError', () => {
  for (const value of [undefined, null, 80, new URL('tcp://host:80')]) {
    assert.throws(() => parse(value as unknown as string), TypeError);
  }
});

test('reads addresses, and writes them canonically', () => {
  const cases: [string, string][] = [
    ['tcp:example.org:443', 'tcp:example.org:443'],
    ['tcp://example.org:443', 'tcp:example.org:443'],
    ['TCP:example.org:443', 'tcp:example.org:443'],
    ['tcp:example.org:443?', 'tcp:example.org:443'],
    ['tcp::4040', 'tcp::4040'],
    ['tcp:[FE80::1%eth0]:80', 'tcp:[fe80::1%eth0]:80'],
    ['tcp:h:1?noDelay', 'tcp:h:1?noDelay=1'],
    ['tcp:h:1?noDelay=no&keepAliveMs=60000', 'tcp:h:1?noDelay=0&keepAliveMs=60000'],
    ['tcp:h:1?localAddress=%3A%3A1', 'tcp:h:1?localAddress=::1'],
    ['tcp:h:1?localAddress=fe80::1%25eth0', 'tcp:h:1?localAddress=fe80::1%25eth0'],
    ['unix:/run/x', 'unix:/run/x'],
    ['unix:///run/x', 'unix:/run/x'],
    ['unix:////run/x', 'unix:////run/x'],
    ['unix:relative', 'unix:relative'],
    ['unix://relative', 'unix:relative'],
    ['unix:@abstract', 'unix:@abstract'],
    ['unix:/a%3Fb%25c d?mode=0660', 'unix:/a%3Fb%25c d?mode=660'],
    ['unix:\\\\.\\pipe\\x', 'unix:\\\\.\\pipe\\x'],
    [`exec:tr a-z A-Z`, 'exec:tr a-z A-Z'],
    [`exec: sh -c "echo \\"hi\\""?cwd=/tmp/a%26b`, `exec:sh -c 'echo "hi"'?cwd=/tmp/a%26b`],
    [`exec:grep 'a?b' c\\?d`, `exec:grep 'a?b' 'c?d'`],
    ['stdio:', 'stdio:'],
    ['stdio://', 'stdio:'],
    ['-', 'stdio:'],
    ['web:/a?b=c#token=x', 'web:/a?b=c#token=x'],
    [
      'tcp:h:1?via=proxy%3Au%3Ap%40near%3A1%3Ftoken%3Dt&via=proxy:far:2',
      'tcp:h:1?via=proxy:u:p@near:1%3Ftoken%3Dt&via=proxy:far:2',
    ],
  ];
  for (const [text, canonical] of cases) {
    const address = parse(text);
    assert.equal(formatParsed(address), canonical, text);
    assert.deepEqual(parse(canonical), address, text);
  }
});

test('gives typed targets and options, and proxies nearest first', () => {
  const address = parse('tcp:[::1]:80?noDelay=0&timeoutMs=500&via=proxy:near:1&via=proxy:far:2', 'connect');
  assert.deepEqual(address.target, { host: '::1', port: 80 });
  assert.deepEqual(address.options, { noDelay: false, timeoutMs: 500 });
  assert.deepEqual(
    address.via.map((proxy) => (proxy.target as { at: string }).at),
    ['near:1', 'far:2'],
  );
  assert.deepEqual(parse('unix:@x?mode=600', 'listen').target, { family: 'unix', path: '\0x' });
  assert.deepEqual(parse('unix:@x?mode=600', 'listen').options, { mode: 0o600 });
  assert.deepEqual(parse('exec:a "b c"').target, { program: 'a', args: ['b c'] });
});

test('secrets are not shown: passwords, secret options, arguments of commands, in proxies too', () => {
  const cases: [string, string][] = [
    ['proxy:user:hunter2@host:1?token=hunter2', 'proxy:***@host:1?token=***'],
    ['exec:mysql -phunter2', 'exec:mysql …'],
    [`exec:'hunter program' hunter2`, `exec:'hunter program' …`],
    ['web:/#token=hunter2', 'web:/#token=***'],
    ['tcp:h:1?via=proxy%3Auser%3Ahunter2%40near%3A1%3Ftoken%3Dhunter2', 'tcp:h:1?via=proxy:***@near:1%3Ftoken%3D***'],
  ];
  for (const [text, shown] of cases) assert.equal(redactParsed(parse(text)), shown);
  assert.equal(redactParsed(parse('unix:/a\u001b\n')), 'unix:/a%1B%0A');
});

test('secrets are not shown in a refusal, wherever the mistake is', () => {
  for (const text of [
    'proxy:user:hunter2@host',
    'proxy:user:hunter2@host:1?nope=1',
    'proxy:user:hunter2@host:1?token=hunter2&token=hunter2',
    'proxy:user:hunter2@host:1?token=a&hunter2',
    'proxy:user:hunter2@host:1?token=a&hunter2=b',
    'proxy:user:hunter?hunter2@host:1',
    'proxy:user:hunter2@x@host',
    'proxy:hunter2@host:1',
    'tcp:user:hunter2@host:80',
    'tcp:hunter2@host:80',
    'tcp://user:hunter2@host:80?noDelay=1',
    'tcp:host:80?password=hunter2',
    'tcp:host:80?via=proxy:user:hunter2@near',
    'tcp:host:80?via=proxy:user:hunter2@near:1&hunter',
    'tcp:host:80?via=proxy:user:hunter&hunter2@near:1',
    'tcp:host:80?via=proxy%3Auser%3Ahunter2%40near%3A1%3Fnope',
    'tcp:host:80?via=tcp:user:hunter2@near:1',
    'tcp:host:80?via=nope:user:hunter2@near:1',
    'tcp:host:80?via=nope:user:hunter2',
    'socks5:user:hunter2@host:1080',
    'socks5://user:hunter2@host:1080',
    'socks5:user:hunter2',
    'user:hunter2@host:80',
    'hunter2@host',
    '//user:hunter2@host:80',
    `exec:mysql -phunter2 'x`,
    'exec:mysql -phunter2?nope=hunter2',
    `exec:'mysql' -phunter2?nope`,
    'exec:PASSWORD=hunter2 mysql "',
    'web:/#token=hunter2&nope=1',
  ]) {
    assert.doesNotMatch(refusal(text), /hunter/, text);
  }
});

const option = fc.oneof(
  fc.record({ name: fc.constant('noDelay'), value: fc.boolean().map((on) => (on ? '1' : '0')) }),
  fc.record({ name: fc.constant('keepAliveMs'), value: fc.integer({ min: 1 }).map(String) }),
  fc.record({ name: fc.constant('localAddress'), value: fc.oneof(fc.ipV4(), fc.ipV6()) }),
);
const path = fc.string({
  unit: fc.oneof(fc.constantFrom(...'/@%?&#= \\'), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })),
  minLength: 1,
});
const word = fc.string({
  unit: fc.oneof(fc.constantFrom(...` '"\\?&`), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })),
  minLength: 1,
});
const isText = (text: string): boolean => !/[\p{Cs}\0]/u.test(text);

const addressText = fc.oneof(
  fc
    .tuple(
      fc.oneof(
        fc.domain(),
        fc.ipV4(),
        fc.ipV6().map((ip) => `[${ip}]`),
        fc.constant(''),
      ),
      fc.integer({ min: 0, max: 65535 }),
      fc.uniqueArray(option, { selector: ({ name }) => name }),
      fc.array(fc.constantFrom('proxy:a:1', 'proxy:u:p%40@b:2', 'proxy:u:%26%3D@c:3?token=%2525'), { maxLength: 3 }),
    )
    .map(([host, port, options, via]) =>
      `tcp:${host}:${port}?${[...options.map(({ name, value }) => `${name}=${encodeURIComponent(value)}`), ...via.map((v) => `via=${encodeURIComponent(v)}`)].join('&')}`.replace(
        /\?$/,
        '',
      ),
    ),
  path.filter((text) => isText(text) && text !== '@').map((text) => `unix:${encodeURIComponent(text)}`),
  fc
    .array(word.filter(isText), { minLength: 1, maxLength: 4 })
    .map((words) => `exec:${words.map((w) => `'${w.replaceAll("'", `'\\''`)}'`).join(' ')}`),
);

test('every address survives format and parse, and formatting is idempotent', () => {
  fc.assert(
    fc.property(addressText, (text) => {
      const address = parse(text);
      const canonical = formatParsed(address);
      assert.deepEqual(parse(canonical), address);
      assert.equal(formatParsed(parse(canonical)), canonical);
    }),
    { numRuns: 1000 },
  );
});

const hostile = fc.oneof(
  fc.string({ unit: fc.oneof(fc.constantFrom(...`:/?&=%#@[]'"\\ 09az`), fc.string({ unit: 'binary', maxLength: 1 })) }),
  fc
    .tuple(
      fc.constantFrom('tcp:', 'tcp://', 'unix:', 'exec:', 'stdio:', 'proxy:', 'web:', 'TCP:', 'x:', ''),
      fc.string({
        unit: fc.oneof(fc.constantFrom(...`:/?&=%#@[]'"\\ 09az`), fc.string({ unit: 'binary', maxLength: 1 })),
      }),
      fc.constantFrom('', '?', '?noDelay=', '?via=', '?via=proxy:', '#', '&mode='),
      fc.string({ maxLength: 10 }),
    )
    .map((pieces) => pieces.join('')),
);

test('whatever the text and the role, there is an address or one printable line, and never anything else', () => {
  fc.assert(
    fc.property(hostile, fc.constantFrom(undefined, 'connect' as const, 'listen' as const), (text, role) => {
      let address: ParsedAddress;
      try {
        address = parse(text, role);
      } catch {
        refusal(text, role);
        return;
      }
      assert.doesNotMatch(redactParsed(address), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      assert.deepEqual(parse(formatParsed(address), role), address);
    }),
    { numRuns: 3000 },
  );
});
