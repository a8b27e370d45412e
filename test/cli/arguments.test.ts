import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseArguments } from '#src/cli/arguments.js';
import { UsageError } from '#src/cli/usage-error.js';

/** The message of the refusal of a command line given as one text. */
function refusal(line: string): string {
  let message = '';
  assert.throws(
    () => parseArguments(line.split(' ').filter((word) => word !== '')),
    (error: unknown) => {
      assert.ok(error instanceof UsageError, String(error));
      message = error.message;
      return true;
    },
    line,
  );
  return message;
}

test('a command line that makes no sense is refused in one line that names the word', () => {
  const cases: [string, RegExp][] = [
    ['', /^no command given/],
    ['rely a b', /^'rely' is not a command; there are relay, connect, serve, cert and help$/],
    ['--json relay a b', /^the command comes first, then its options; '--json' is not a command$/],
    ['help me', /^'me' is not a command/],
    ['help relay connect', /^help takes one command$/],
    ['relay a', /^relay takes LISTEN and CONNECT; see 'bowline help relay'$/],
    ['relay a b c', /^relay takes LISTEN and CONNECT/],
    ['connect', /^connect takes ADDRESS/],
    ['relay a b --frobnicate', /^unknown option '--frobnicate'; see 'bowline help relay'$/],
    ['relay a b -x', /^unknown option '-x'/],
    ['relay a b --echo', /^unknown option '--echo'/],
    ['connect a --max-connections 3', /^unknown option '--max-connections'/],
    ['relay a b --max-connections', /^option '--max-connections <value>' argument missing/],
    ['relay a b --json=yes', /^option '--json' does not take an argument/],
    ['relay a b --max-connections 0', /^--max-connections takes a whole number from 1 to 1000000, not '0'$/],
    ['relay a b --max-children -1', /--max-children/],
    ['relay a b --workers 257', /^--workers takes a whole number from 1 to 256, not '257'$/],
    ['relay a b --idle-timeout 30', /^--idle-timeout 30: say the unit/],
    ['relay a b --drain 1s --drain 2s', /^--drain was given twice$/],
    ['relay a b --workers 4 --max-connections 3', /^--max-connections 3 is shared by the workers/],
    ['serve a', /^serve takes exactly one of --echo, --discard, --source and --exec$/],
    ['serve a --echo --discard', /^serve takes exactly one of/],
    ['cert', /^cert takes FOLDER/],
    ['cert d --days 0', /^--days takes a whole number from 1 to 3650, not '0'$/],
    ['cert d --alg rsa-1024', /^--alg takes one of ecdsa-p256, .*, not 'rsa-1024'$/],
    ['cert d --name ../x', /^--name takes the name of a file without a folder/],
    ['cert d --name -x', /^option '--name'/],
    ['cert d --name ca', /^--name ca: that is the authority's$/],
    ['cert d --name CA-key', /^--name CA-key: that is the authority's$/],
    ['cert d --days 1 --days 2', /^--days was given twice$/],
    ['cert d --workers 2', /^unknown option '--workers'/],
    ['serve a --source lots', /^--source takes a number of bytes/],
  ];
  for (const [line, expected] of cases) {
    const message = refusal(line);
    assert.match(message, expected, line);
    assert.doesNotMatch(message, /\n/, line);
  }
});

test('relay: the defaults', () => {
  assert.deepEqual(parseArguments(['relay', 'tcp::1', 'unix:/x']), {
    name: 'relay',
    listen: 'tcp::1',
    connect: 'unix:/x',
    through: undefined,
    settings: {
      maxConnections: undefined,
      maxChildren: 32,
      workers: 1,
      idleTimeoutMs: undefined,
      connectTimeoutMs: 30_000,
      drainMs: 10_000,
      json: false,
      progress: false,
      verbosity: 0,
    },
  });
});

test('options may stand anywhere after the command, and in both spellings', () => {
  const command = parseArguments('relay --json a --idle-timeout=5m b -vv --workers 2 --max-children 2'.split(' '));
  assert.equal(command.name, 'relay');
  assert.ok(command.name === 'relay');
  assert.deepEqual([command.listen, command.connect], ['a', 'b']);
  const { json, idleTimeoutMs, verbosity, workers, maxChildren } = command.settings;
  assert.deepEqual([json, idleTimeoutMs, verbosity, workers, maxChildren], [true, 300_000, 2, 2, 2]);
});

test('zero means never for timeouts, and at once for the drain', () => {
  const command = parseArguments('relay a b --idle-timeout 0 --connect-timeout 0s --drain 0'.split(' '));
  assert.ok(command.name === 'relay');
  const { idleTimeoutMs, connectTimeoutMs, drainMs } = command.settings;
  assert.deepEqual([idleTimeoutMs, connectTimeoutMs, drainMs], [undefined, undefined, 0]);
});

test('an address that begins with a dash comes after --', () => {
  const command = parseArguments(['connect', '--json', '--', '-odd']);
  assert.ok(command.name === 'connect');
  assert.equal(command.address, '-odd');
});

test('the default of --max-children is never below one for each worker', () => {
  const command = parseArguments('relay a b --workers 64'.split(' '));
  assert.ok(command.name === 'relay');
  assert.equal(command.settings.maxChildren, 64);
});

test('serve: each service', () => {
  const service = (...words: string[]): unknown => {
    const command = parseArguments(['serve', 'tcp::1', ...words]);
    assert.ok(command.name === 'serve');
    return command.service;
  };
  assert.deepEqual(service('--echo'), { kind: 'echo' });
  assert.deepEqual(service('--discard'), { kind: 'discard' });
  assert.deepEqual(service('--source', '1KiB'), { kind: 'source', sizeBytes: 1024 });
  assert.deepEqual(service('--exec', 'cat -n'), { kind: 'exec', command: 'cat -n' });
});

test('cert: names may be given several times, and name the files', () => {
  const wishes = (...words: string[]): Record<string, unknown> => {
    const command = parseArguments(['cert', 'd', ...words]);
    assert.ok(command.name === 'cert');
    return { ...command.wishes };
  };
  assert.deepEqual(wishes(), {
    folder: 'd',
    names: ['localhost', '127.0.0.1', '::1'],
    isForClient: false,
    fileName: 'localhost',
    days: 365,
    algorithm: 'ecdsa-p256',
    force: false,
    json: false,
  });
  const { names, fileName } = wishes('--san', '*.a.test', '--san', '::1');
  assert.deepEqual([names, fileName], [['*.a.test', '::1'], '_.a.test']);
  assert.deepEqual([wishes('--client')['names'], wishes('--client')['fileName']], [[], 'client']);
  assert.equal(wishes('--san', 'a', '--name', 'b')['fileName'], 'b');
});

test('help and version in all their spellings', () => {
  const overview = { name: 'help', topic: undefined };
  for (const line of ['--help', '-h', 'help']) assert.deepEqual(parseArguments([line]), overview);
  for (const line of ['help serve', 'serve --help', 'serve -h']) {
    assert.deepEqual(parseArguments(line.split(' ')), { name: 'help', topic: 'serve' });
  }
  for (const line of ['--version', '-V']) assert.deepEqual(parseArguments([line]), { name: 'version' });
});
