import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { after, test } from 'node:test';

import { CancelScope } from 'bowline/tasks';
import { testCertificates } from 'bowline/testing';
import type { TrustStore } from 'bowline/trust';
import { fileTrustStore, memoryTrustStore, PinError, trustOnFirstUse, TrustStoreError } from 'bowline/trust';
import { isHeld, tryLock } from '#src/trust/file-lock.js';
import { runScript } from '../support/run-script.js';
import { ask, peerWith, server } from './support/peers.js';

const folder = mkdtempSync(join(tmpdir(), 'bowline-tofu-'));
after(() => rmSync(folder, { recursive: true }));
let files = 0;
const newPath = (): string => join(folder, `${files++}`, 'known');

const certificates = testCertificates();
const here = server('localhost', { host: 'Device.example', port: 8883 });
const pinA = Buffer.alloc(32, 1).toString('base64');
const pinB = Buffer.alloc(32, 2).toString('base64');

for (const [kind, makeStore] of [
  ['memory', memoryTrustStore],
  ['a file', () => fileTrustStore(newPath())],
] as const satisfies readonly (readonly [string, () => TrustStore])[]) {
  test(`a changed key is refused with both pins, and stays refused (${kind})`, async () => {
    const verify = trustOnFirstUse(makeStore());
    await ask(verify, peerWith(certificates.selfSigned), here);
    for (let i = 0; i < 2; i++) {
      await assert.rejects(ask(verify, peerWith(certificates.good), here), (error: Error) => {
        assert.ok(error instanceof PinError);
        assert.equal(error.reason, 'changed-key');
        assert.deepEqual(error.expectedPins, [certificates.selfSigned.pin]);
        assert.equal(error.presentedPin, certificates.good.pin);
        assert.ok(error.message.includes('device.example:8883'));
        return true;
      });
    }
    await ask(verify, peerWith(certificates.selfSigned), here);
  });

  test(`another port and another name are other places, letters and forms of an address are not (${kind})`, async () => {
    const verify = trustOnFirstUse(makeStore());
    const good = peerWith(certificates.good);
    await ask(verify, peerWith(certificates.selfSigned), here);
    await ask(verify, good, { ...here, port: 8884 });
    await ask(verify, good, { ...here, host: 'other.example' });
    await assert.rejects(ask(verify, good, { ...here, host: 'DEVICE.EXAMPLE' }), { reason: 'changed-key' });
    await ask(verify, peerWith(certificates.selfSigned), { ...here, host: '2001:db8::1' });
    await assert.rejects(ask(verify, good, { ...here, host: '2001:DB8:0::1' }), { reason: 'changed-key' });
  });

  test(`of many first uses at once exactly one is the first (${kind})`, async () => {
    const store = makeStore();
    const pins = Array.from({ length: 8 }, (_, i) => Buffer.alloc(32, i).toString('base64'));
    const known = await Promise.all(pins.map(async (pin) => store.remember('a:1', pin)));
    assert.equal(new Set(known.map(([pin]) => pin)).size, 1);
  });
}

test('clients, and places that are not known, are refused', async () => {
  const verify = trustOnFirstUse(memoryTrustStore());
  const peer = peerWith(certificates.good);
  await assert.rejects(ask(verify, peer, { ...here, role: 'client' }), { reason: 'refused' });
  await assert.rejects(ask(verify, peer, server('localhost')), { reason: 'refused' });
  await assert.rejects(ask(verify, peer, server(null, { port: 1 })), { reason: 'refused' });
  await assert.rejects(ask(verify, peer, server(null, { host: 'a\nb:1 sha256/x', port: 1 })), { name: 'AddressError' });
  await ask(verify, peer, server('name.example', { port: 1 }));
  assert.throws(() => trustOnFirstUse(undefined as never), TypeError);
  assert.throws(() => trustOnFirstUse({} as never), TypeError);
});

test('the file and its folder are made for their user alone, with the entry as a line', async () => {
  const path = newPath();
  assert.deepEqual(await fileTrustStore(path).remember('a.example:1', pinA), [pinA]);
  assert.equal(readFileSync(path, 'utf8'), `a.example:1 sha256/${pinA}\n`);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(dirname(path)), ['known']);
  assert.deepEqual(await fileTrustStore(pathToFileURL(path)).remember('a.example:1', pinB), [pinA]);
});

test('a file that others can write, or that is damaged, is refused and left as it is', async () => {
  const path = newPath();
  mkdirSync(dirname(path));
  const store = fileTrustStore(path);
  for (const mode of [0o620, 0o602, 0o666]) {
    writeFileSync(path, `a.example:1 sha256/${pinA}\n`);
    chmodSync(path, mode);
    await assert.rejects(store.remember('a.example:1', pinA), TrustStoreError);
    await assert.rejects(store.forget('a.example:1'), TrustStoreError);
  }
  chmodSync(path, 0o600);
  for (const line of [
    'a.example:1',
    `a.example sha256/${pinA}`,
    'a:1 sha256/short',
    `a:1 sha1/${pinA}`,
    `x a:1 ${pinA}`,
  ]) {
    const text = `b.example:1 sha256/${pinA}\n${line}\n`;
    writeFileSync(path, text);
    await assert.rejects(store.remember('c.example:1', pinA), { name: 'TrustStoreError', message: /line 2/ });
    await assert.rejects(store.entries(), TrustStoreError);
    await assert.rejects(store.forget('b.example:1'), TrustStoreError);
    assert.equal(readFileSync(path, 'utf8'), text);
  }
  assert.ok(!existsSync(`${path}.lock`));
});

test('what is no place and no pin is never written', async () => {
  const path = newPath();
  const store = fileTrustStore(path);
  for (const [place, pin] of [
    ['a:1\nb:1', pinA],
    ['a', pinA],
    ['A:1', pinA],
    ['a:1', 'x'],
    ['a:1', `${pinA}\nb:1 sha256/${pinA}`],
    ['#:1', pinA],
  ] as const)
    await assert.rejects(store.remember(place, pin), TypeError);
  assert.ok(!existsSync(path));
  assert.throws(() => fileTrustStore(''), TypeError);
  assert.throws(() => fileTrustStore(7 as never), TypeError);
});

test('what a person wrote stays: comments, several keys of a place, a last line without its end', async () => {
  const path = newPath();
  mkdirSync(dirname(path));
  writeFileSync(path, `# mine\n\nA.example:1 sha256/${pinA} # old\na.example:1 sha256/${pinB}`, { mode: 0o600 });
  const store = fileTrustStore(path);
  assert.deepEqual(await store.remember('a.example:1', 'x'.repeat(43) + '='), [pinA, pinB]);
  await store.remember('b.example:1', pinA);
  assert.match(readFileSync(path, 'utf8'), /^# mine\n\nA\.example:1 .* # old\na\.example:1 .*\nb\.example:1 .*\n$/);
  assert.equal((await store.entries()).length, 3);
  assert.equal(await store.forget('A.EXAMPLE:1'), true);
  assert.equal(await store.forget('a.example:1'), false);
  assert.deepEqual(await store.entries(), [{ place: 'b.example:1', pin: pinA }]);
  assert.match(readFileSync(path, 'utf8'), /^# mine/);
  await assert.rejects(store.forget('nonsense'), { name: 'AddressError' });
});

test('a link to the file stays a link', async () => {
  const path = newPath();
  mkdirSync(dirname(path));
  const target = join(dirname(path), 'elsewhere');
  writeFileSync(target, '', { mode: 0o600 });
  symlinkSync('elsewhere', path);
  await fileTrustStore(path).remember('a:1', pinA);
  assert.ok(lstatSync(path).isSymbolicLink());
  assert.equal(readFileSync(target, 'utf8'), `a:1 sha256/${pinA}\n`);
});

test('two processes that write at once lose nothing and agree who was first', async () => {
  const path = newPath();
  const writer = (own: string): string => `
    import { fileTrustStore } from 'bowline/trust';
    const store = fileTrustStore(${JSON.stringify(path)});
    const pin = ${JSON.stringify(own)};
    const known = [];
    for (let i = 0; i < 15; i++) {
      known.push(await store.remember('shared.example:' + i, pin));
      await store.remember((pin === ${JSON.stringify(pinA)} ? 'a' : 'b') + '.example:' + i, pin);
    }
    console.log(JSON.stringify(known));
  `;
  const runs = await Promise.all([runScript(writer(pinA)), runScript(writer(pinB))]);
  assert.deepEqual(runs.map(({ status, stderr }) => [status, stderr]), [[0, ''], [0, '']]); // prettier-ignore
  assert.equal(runs[0]?.stdout, runs[1]?.stdout);
  const entries = await fileTrustStore(path).entries();
  assert.equal(entries.length, 45);
  assert.equal(new Set(entries.map(({ place }) => place)).size, 45);
  assert.deepEqual(readdirSync(dirname(path)), ['known']);
});

test('the lock of a process that died is taken away, that of a living one is waited for', async () => {
  const path = newPath();
  mkdirSync(dirname(path));
  const lock = `${path}.lock`;
  const { stdout } = await runScript('console.log(process.pid)');
  writeFileSync(lock, `${stdout.trim()} ${hostname()} abc\n`);
  await fileTrustStore(path).remember('a:1', pinA);

  const living = await tryLock(lock);
  assert.ok(living !== undefined && (await isHeld(living)));
  assert.equal(await tryLock(lock), undefined);
  const scope = new CancelScope();
  const waiting = scope.tryRun(async () => fileTrustStore(path).remember('b:1', pinA));
  await new Promise((resolve) => setImmediate(resolve));
  scope.cancel();
  assert.deepEqual(await waiting, { cancelled: true });
  assert.ok(await isHeld(living));
  const later = fileTrustStore(path).remember('b:1', pinA);
  await living.release();
  assert.deepEqual(await later, [pinA]);
});

test('a lock of another machine, an empty one, and one of our own number from before count by their age', async () => {
  for (const content of ['1 another-machine abc\n', '', 'garbage']) {
    const path = newPath();
    mkdirSync(dirname(path));
    writeFileSync(path, content);
    assert.equal(await tryLock(path), undefined);
    assert.equal(await tryLock(path), undefined);
    utimesSync(path, Date.now() / 1000 - 11, Date.now() / 1000 - 11);
    assert.equal(await tryLock(path), undefined);
    assert.ok(await tryLock(path));
  }
  const path = newPath();
  mkdirSync(dirname(path));
  writeFileSync(path, `${process.pid} ${hostname()} abc\n`);
  assert.equal(await tryLock(path), undefined);
  const before = Date.now() / 1000 - process.uptime() - 2;
  utimesSync(path, before, before);
  assert.equal(await tryLock(path), undefined);
  assert.ok(await tryLock(path));
});

test('a lock that was taken away is not released for somebody else, and its holder writes nothing', async () => {
  const path = newPath();
  mkdirSync(dirname(path));
  const mine = await tryLock(path);
  assert.ok(mine !== undefined);
  utimesSync(path, Date.now() / 1000 - 11, Date.now() / 1000 - 11);
  assert.equal(await tryLock(path), undefined);
  const theirs = await tryLock(path);
  assert.ok(theirs !== undefined);
  assert.equal(await isHeld(mine), false);
  await mine.release();
  assert.ok(await isHeld(theirs));
});

test('who died while taking a lock away only delays the others', async () => {
  const path = newPath();
  mkdirSync(dirname(path));
  writeFileSync(path, 'x');
  writeFileSync(`${path}.break`, '1 another-machine abc\n');
  const old = Date.now() / 1000 - 11;
  utimesSync(path, old, old);
  assert.equal(await tryLock(path), undefined);
  assert.ok(existsSync(path));
  utimesSync(`${path}.break`, old, old);
  assert.equal(await tryLock(path), undefined);
  assert.equal(await tryLock(path), undefined);
  assert.ok(await tryLock(path));
});
