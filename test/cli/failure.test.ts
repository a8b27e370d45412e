import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BrokenResourceError, ConnectError, TooSlowError } from 'bowline/core';

import { causesOf, describeFailure, EndpointFailure, hasCode, SideBroken } from '#src/cli/failure.js';

function systemError(code: string, details: object = {}): Error {
  return Object.assign(new Error(`connect ${code} 192.0.2.1:9`), { code }, details);
}

test('a failure to connect is told in the words of the system, with the address in front', () => {
  const refused = systemError('ECONNREFUSED');
  const error = new ConnectError('no attempt succeeded', [{ address: '192.0.2.1:9', error: refused, durationMs: 1 }]);
  const failure = new EndpointFailure('tcp:host:9', 'cannot connect', error);
  assert.equal(describeFailure(failure), 'tcp:host:9: cannot connect: connection refused');
});

test('attempts that failed for the same reason are told once, for different reasons one by one', () => {
  const attempt = (address: string, code: string) => ({ address, error: systemError(code), durationMs: 1 });
  const same = new ConnectError('none', [attempt('192.0.2.1:9', 'ECONNREFUSED'), attempt('[::1]:9', 'ECONNREFUSED')]);
  assert.equal(describeFailure(same), 'connection refused');
  const different = new ConnectError('none', [
    attempt('192.0.2.1:9', 'ECONNREFUSED'),
    attempt('[::1]:9', 'EHOSTUNREACH'),
  ]);
  assert.equal(describeFailure(different), 'connection refused (192.0.2.1:9), host is unreachable ([::1]:9)');
});

test('a command that is not there is not called a missing file', () => {
  assert.equal(describeFailure(systemError('ENOENT', { syscall: 'spawn frob' })), 'command not found');
  assert.equal(describeFailure(systemError('ENOENT', { syscall: 'connect' })), 'no such file or directory');
});

test('a file that cannot be opened is named, for it is not the address', () => {
  const error = systemError('ENOENT', { syscall: 'open', path: 'pki/ca.pem' });
  const failure = new EndpointFailure('tls:host:443?ca=pki/ca.pem', 'cannot connect', error);
  assert.equal(
    describeFailure(failure),
    'tls:host:443?ca=pki/ca.pem: cannot connect: pki/ca.pem: no such file or directory',
  );
});

test('a message that is not the system’s own counts more than the code it comes with', () => {
  const error = Object.assign(new Error('cannot listen on unix:/x: the file there is not a socket'), {
    code: 'EADDRINUSE',
  });
  const failure = new EndpointFailure('unix:/x', 'cannot listen', new BrokenResourceError('outer', { cause: error }));
  assert.equal(describeFailure(failure), 'unix:/x: cannot listen: the file there is not a socket');
});

test('a broken side is named, and standard input and output by what broke', () => {
  const cause = new BrokenResourceError('the connection is broken', { cause: systemError('ECONNRESET') });
  assert.equal(
    describeFailure(new SideBroken('tcp:host:9', 'receiving', cause)),
    'tcp:host:9: receiving failed: connection reset by peer',
  );
  assert.match(describeFailure(new SideBroken('stdio:', 'sending', cause)), /^standard output: sending failed: /);
  assert.match(describeFailure(new SideBroken('stdio:', 'receiving', cause)), /^standard input: receiving failed: /);
});

test('without a code the message of the outermost error counts', () => {
  assert.equal(describeFailure(new BrokenResourceError('cut off', { cause: new Error('inner') })), 'cut off');
  assert.equal(describeFailure(new TooSlowError('no answer within 30 s')), 'no answer within 30 s');
  assert.equal(describeFailure('thrown text'), 'thrown text');
});

test('whatever the text holds, it is one line that no terminal acts on', () => {
  const line = describeFailure(new Error('bad\n  thing\x1b[2J\u202e\r'));
  assert.equal(line, 'bad thing\\u{1b}[2J\\u{202e}\\u{d}');
});

test('the chain of causes goes through attempts, and a circle in it ends', () => {
  const inner = systemError('ECONNRESET');
  const outer = new BrokenResourceError('broken', { cause: inner });
  inner.cause = outer;
  assert.deepEqual(causesOf(outer), [
    'BrokenResourceError [ERR_BOWLINE_BROKEN]: broken',
    'Error: connect ECONNRESET 192.0.2.1:9',
  ]);
  assert.ok(hasCode(outer, 'ECONNRESET'));
  assert.ok(!hasCode(outer, 'EPIPE'));
});
