import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ConnectError, TooSlowError } from 'bowline/core';
import type { InetAddress, Network, SocketStream } from 'bowline/core';
import { openTcpListeners, openTcpStream } from 'bowline/sockets';
import { Cancelled, CancelScope, currentTime, failAfter, moveOnAfter, sleep, suspend, withClock } from 'bowline/tasks';
import { MockClock } from 'bowline/testing';

import { interleaveFamilies, raceToConnect } from '#src/sockets/happy-eyeballs.js';

/** One scripted address: how long its connect takes, and how it ends. Times in ms. */
interface Script {
  readonly takes?: number;
  readonly ends?: 'ok' | 'error' | 'crash' | 'no family';
}

interface Outcome {
  readonly winner: string | undefined;
  readonly error: unknown;
  readonly at: number;
  /** When each attempt was started, in order. */
  readonly started: Record<string, number>;
  /** Names of the attempts that nobody closed, the winner's aside. */
  readonly left: string[];
}

class Connection {
  isOpen = true;
}

async function race(
  script: Record<string, Script>,
  delayMs: number | null = 250,
  body: (run: () => Promise<string>) => Promise<string | undefined> = (run) => run(),
): Promise<Outcome> {
  const started: Record<string, number> = {};
  const open = new Map<string, Connection>();
  let winner: string | undefined;
  let error: unknown;
  let at = 0;
  const clock = new MockClock();
  await withClock(clock, async () => {
    const connect = (name: string): Promise<string> => {
      const { takes = 0, ends = 'ok' } = script[name] as Script;
      if (ends === 'no family') throw Object.assign(new Error('no such family'), { code: 'EAFNOSUPPORT' });
      started[name] = currentTime();
      const connection = new Connection();
      open.set(name, connection);
      return suspend<string>(
        (waiter) => {
          const stop = clock.setTimer(currentTime() + takes, () => {
            if (ends === 'ok') waiter.resolve(name);
            else {
              open.delete(name);
              waiter.reject(
                ends === 'crash'
                  ? new TypeError('a bug')
                  : Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }),
              );
            }
          });
          return () => {
            stop();
            open.delete(name);
          };
        },
        { kind: 'virtual' },
      );
    };
    const run = (): Promise<string> =>
      raceToConnect(Object.keys(script), {
        start: (name) => {
          // A scope of its own, as for any network that is not this machine's.
          let abort = (): void => undefined;
          const result = new Promise<string>((resolve, reject) => {
            connect(name).then(resolve, reject);
            abort = () => {
              open.delete(name);
              reject(new Error('given up'));
            };
          });
          return { result, abort };
        },
        discard: (name) => void open.delete(name),
        target: 'example.org:80',
        describe: (name) => name,
        delayMs,
      });
    try {
      winner = await body(run);
    } catch (thrown) {
      error = thrown;
    }
    at = currentTime();
  });
  return { winner, error, at, started, left: [...open.keys()].filter((name) => name !== winner) };
}

const ok = (takes: number): Script => ({ takes });
const bad = (takes: number): Script => ({ takes, ends: 'error' });

test('HE-1 quick success: the only address answers at 123 ms', async () => {
  const { winner, at, left } = await race({ a: ok(123) });
  assert.deepEqual({ winner, at, left }, { winner: 'a', at: 123, left: [] });
});

test('HE-2 slow success: there is no time limit of its own', async () => {
  const { winner, at } = await race({ a: ok(100_000) });
  assert.deepEqual({ winner, at }, { winner: 'a', at: 100_000 });
});

test('HE-3 quick failure of the only address', async () => {
  const { error, at } = await race({ a: bad(123) });
  assert.ok(error instanceof ConnectError);
  assert.equal(at, 123);
  assert.deepEqual(
    error.attempts.map(({ address, durationMs }) => ({ address, durationMs })),
    [{ address: 'a', durationMs: 123 }],
  );
});

test('HE-4 slow failure of the only address', async () => {
  const { error, at } = await race({ a: bad(100_000) });
  assert.ok(error instanceof ConnectError);
  assert.equal(at, 100_000);
});

test('HE-5 an error of the program in an attempt ends everything and comes out as it is', async () => {
  const { error, at, left, started } = await race({ a: ok(10_000), b: { takes: 100, ends: 'crash' }, c: ok(1) });
  assert.ok(error instanceof TypeError);
  assert.equal(error.message, 'a bug');
  assert.equal(at, 350);
  assert.deepEqual(started, { a: 0, b: 250 });
  assert.deepEqual(left, []);
});

test('HE-6 fall through: the third overtakes two slow ones at 700 ms', async () => {
  const { winner, at, started, left } = await race({ a: ok(1000), b: ok(1000), c: ok(200) });
  assert.deepEqual(
    { winner, at, started, left },
    { winner: 'c', at: 700, started: { a: 0, b: 250, c: 500 }, left: [] },
  );
});

test('HE-7 early success: the second attempt wins at 350 ms and the third never starts', async () => {
  const { winner, at, started } = await race({ a: ok(1000), b: ok(100), c: ok(200) });
  assert.deepEqual({ winner, at, started }, { winner: 'b', at: 350, started: { a: 0, b: 250 } });
});

test('HE-8 a longer delay lets the first win at 1000 ms', async () => {
  const { winner, at, started, left } = await race({ a: ok(1000), b: ok(1000), c: ok(200) }, 450);
  assert.deepEqual(
    { winner, at, started, left },
    { winner: 'a', at: 1000, started: { a: 0, b: 450, c: 900 }, left: [] },
  );
});

test('HE-9 delay null is truly sequential: an attempt starts only when the one before has failed (D18)', async () => {
  const slow = await race({ a: ok(1000), b: ok(1000), c: ok(200) }, null);
  assert.deepEqual(
    { winner: slow.winner, at: slow.at, started: slow.started },
    { winner: 'a', at: 1000, started: { a: 0 } },
  );
  const failing = await race({ a: bad(1000), b: bad(400), c: ok(200) }, null);
  assert.deepEqual(failing.started, { a: 0, b: 1000, c: 1400 });
  assert.deepEqual({ winner: failing.winner, at: failing.at }, { winner: 'c', at: 1600 });
});

test('HE-10 an error expedites the next attempt', async () => {
  const { winner, at, started, left } = await race({ a: bad(100), b: bad(200), c: ok(10_000), d: ok(250) });
  assert.deepEqual({ winner, at, left }, { winner: 'd', at: 800, left: [] });
  assert.deepEqual(started, { a: 0, b: 100, c: 300, d: 550 });
});

test('HE-11 all fail: one ConnectError with every attempt in the order they were started', async () => {
  const { error, at, started } = await race({ a: bad(100), b: bad(200), c: bad(10_000), d: bad(250) });
  assert.ok(error instanceof ConnectError);
  assert.equal(at, 10_300);
  assert.deepEqual(started, { a: 0, b: 100, c: 300, d: 550 });
  assert.deepEqual(
    error.attempts.map(({ address }) => address),
    ['a', 'b', 'c', 'd'],
  );
  assert.ok(error.cause instanceof AggregateError);
  assert.match(error.message, /example\.org:80.*a: refused.*d: refused/);
});

test('HE-12 several succeed at once: one wins and the others are closed', async () => {
  const { winner, at, started, left } = await race(
    { a: bad(500), b: ok(10_000), c: ok(9000), d: ok(8000), e: bad(500) },
    1000,
  );
  assert.ok(['b', 'c', 'd'].includes(winner as string));
  assert.equal(at, 10_500);
  assert.deepEqual(started, { a: 0, b: 500, c: 1500, d: 2500, e: 3500 });
  assert.deepEqual(left, []);
});

const v4 = (host: string): InetAddress => ({ family: 4, host, port: 0 });
const v6 = (host: string): InetAddress => ({ family: 6, host, port: 0 });
const inOrder = (addresses: InetAddress[], script: Record<string, Script>): Record<string, Script> =>
  Object.fromEntries(interleaveFamilies(addresses).map(({ host }) => [host, script[host] as Script]));

test('HE-13 the other family comes second: v6-3 wins at 1500 ms', async () => {
  const script = { 'v4-1': bad(10_000), 'v4-2': ok(1000), 'v6-3': ok(500) };
  const { winner, at, started } = await race(inOrder([v4('v4-1'), v4('v4-2'), v6('v6-3')], script), 1000);
  assert.deepEqual({ winner, at, started }, { winner: 'v6-3', at: 1500, started: { 'v4-1': 0, 'v6-3': 1000 } });
});

test('HE-14 no IPv4 here: those attempts fail at once and cost no time', async () => {
  const script: Record<string, Script> = {
    'v6-1': ok(10_000),
    'v4-2': { ends: 'no family' },
    'v6-3': ok(100),
    'v4-4': { ends: 'no family' },
  };
  const addresses = [v6('v6-1'), v4('v4-2'), v6('v6-3'), v4('v4-4')];
  const { winner, at, started, left } = await race(inOrder(addresses, script), 1000);
  assert.deepEqual({ winner, at, left }, { winner: 'v6-3', at: 1100, left: [] });
  assert.deepEqual(started, { 'v6-1': 0, 'v6-3': 1000 });
});

test('HE-15 no IPv6 here: v4-4 wins at 1100 ms', async () => {
  const script: Record<string, Script> = {
    'v6-1': { ends: 'no family' },
    'v4-2': ok(10_000),
    'v6-3': { ends: 'no family' },
    'v4-4': ok(100),
  };
  const addresses = [v6('v6-1'), v4('v4-2'), v6('v6-3'), v4('v4-4')];
  const { winner, at, started } = await race(inOrder(addresses, script), 1000);
  assert.deepEqual({ winner, at }, { winner: 'v4-4', at: 1100 });
  assert.deepEqual(started, { 'v4-2': 0, 'v4-4': 1000 });
});

test('HE-16 a name without addresses is a ConnectError without attempts', async () => {
  await assert.rejects(openTcpStream('nowhere.example', 80, { resolve: async () => [] }), (error) => {
    assert.ok(error instanceof ConnectError);
    assert.deepEqual(error.attempts, []);
    assert.match(error.message, /nowhere\.example/);
    return true;
  });
});

test('HE-17 cancelled at 5 s: every attempt is closed before it goes on', async () => {
  const four = { a: ok(10_000), b: ok(10_000), c: ok(10_000), d: ok(10_000) };
  const cut = await race(four, 250, (run) => moveOnAfter(5000, run));
  assert.deepEqual({ winner: cut.winner, at: cut.at, left: cut.left }, { winner: undefined, at: 5000, left: [] });
  assert.deepEqual(cut.started, { a: 0, b: 250, c: 500, d: 750 });
  let seen: unknown;
  await race(four, 250, (run) =>
    moveOnAfter(5000, async () => {
      try {
        return await run();
      } catch (error) {
        seen = error;
        throw error;
      }
    }),
  );
  assert.ok(seen instanceof Cancelled);
});

test('HE-18 only the first address of the other family moves, to the second place', () => {
  const names = (addresses: InetAddress[]): string[] => interleaveFamilies(addresses).map(({ host }) => host);
  assert.deepEqual(names([]), []);
  assert.deepEqual(names([v4('a')]), ['a']);
  assert.deepEqual(names([v4('a'), v4('b'), v4('c')]), ['a', 'b', 'c']);
  assert.deepEqual(names([v6('a'), v4('b'), v6('c'), v4('d')]), ['a', 'b', 'c', 'd']);
  assert.deepEqual(names([v4('a'), v4('b'), v4('c'), v6('d'), v6('e')]), ['a', 'd', 'b', 'c', 'e']);
});

/** A network whose connects end as told by the address; records what became of them. */
class ScriptedNetwork implements Network {
  readonly closed: string[] = [];

  connectTcp(address: InetAddress): Promise<SocketStream> {
    return this.#connect(address);
  }

  async #connect({ host }: InetAddress): Promise<SocketStream> {
    try {
      await sleep(host === '192.0.2.3' ? 100 : 10_000);
      return { abort: () => this.closed.push(host) } as unknown as SocketStream;
    } catch (error) {
      this.closed.push(host);
      throw error;
    }
  }

  listenTcp(): never {
    throw new Error('not scripted');
  }

  bindUdp(): never {
    throw new Error('not scripted');
  }

  connectUdp(): never {
    throw new Error('not scripted');
  }

  lookup(): Promise<InetAddress[]> {
    return Promise.resolve([v4('192.0.2.1'), v4('192.0.2.2'), v4('192.0.2.3')]);
  }
}

test('HE-19 on any network the losers are cancelled and gone before the winner is returned', async () => {
  await withClock(new MockClock(), async () => {
    const network = new ScriptedNetwork();
    await openTcpStream('example.org', 80, { network });
    assert.equal(currentTime(), 600);
    assert.deepEqual(network.closed, ['192.0.2.1', '192.0.2.2']);
  });
});

test('HE-20 localAddress is where the connection comes from, and one of another family fails that attempt only', async () => {
  const [listener] = await openTcpListeners(0, { host: '127.0.0.1' });
  assert.ok(listener?.address.family === 4);
  const { port } = listener.address;
  const stream = await openTcpStream('127.0.0.1', port, { localAddress: '127.0.0.2' });
  const accepted = await listener.accept();
  assert.equal(accepted.remoteAddress?.family === 4 && accepted.remoteAddress.host, '127.0.0.2');
  const wildcard = await openTcpStream('localhost', port, { localAddress: '0.0.0.0' });
  const other = await listener.accept();
  assert.equal(other.remoteAddress?.family, 4);
  await assert.rejects(openTcpStream('127.0.0.1', port, { localAddress: '::' }), (error) => {
    assert.ok(error instanceof ConnectError);
    assert.match(error.message, /localAddress :: is incompatible with the remote address 127\.0\.0\.1/);
    return true;
  });
  for (const open of [stream, accepted, wildcard, other]) open.abort();
  await listener.close();
});

test('HE-21 host and port in errors are as people write them, IPv6 in brackets', async () => {
  const [listener] = await openTcpListeners(0, { host: '::1' });
  assert.ok(listener?.address.family === 6);
  const { port } = listener.address;
  await listener.close();
  await assert.rejects(openTcpStream('::1', port), (error) => {
    assert.ok(error instanceof ConnectError);
    assert.match(error.message, new RegExp(`^cannot connect to \\[::1\\]:${port}: connection refused`));
    assert.equal(error.attempts[0]?.address, `[::1]:${port}`);
    return true;
  });
});

test('a race under a deadline leaves nothing behind when the deadline hits between two attempts', async () => {
  const { error, left } = await race({ a: ok(10_000), b: ok(10_000) }, 250, (run) => failAfter(250, run));
  assert.equal((error as Error).name, 'TooSlowError');
  assert.deepEqual(left, []);
});

test('a connection that succeeds in the moment of the cancel is closed, not leaked', async () => {
  const discarded: string[] = [];
  const scope = new CancelScope();
  const result = await scope.run(() =>
    raceToConnect(['a'], {
      start: (name) => {
        scope.cancel();
        return { result: Promise.resolve(name), abort: () => undefined };
      },
      discard: (name) => void discarded.push(name),
      target: 'a',
      describe: (name) => name,
      delayMs: 250,
    }),
  );
  assert.equal(result, undefined);
  assert.deepEqual(discarded, ['a']);
});

test('a resolver that never answers is given up when its caller is cancelled', async () => {
  const resolve = (): Promise<never> => new Promise(() => undefined);
  await withClock(new MockClock(), async () => {
    await assert.rejects(
      failAfter(1000, () => openTcpStream('example.org', 80, { resolve })),
      TooSlowError,
    );
    assert.equal(currentTime(), 1000);
  });
});

test('what a resolver throws comes out as it is, and what it gives has to be addresses', async () => {
  for (const odd of [undefined, null, 'text', new Error('mine')]) {
    const failing = openTcpStream('example.org', 80, { resolve: () => Promise.reject(odd as Error) });
    await assert.rejects(failing, (error) => error === odd);
  }
  // The last one is what dns.lookup gives; without a host Node would connect to this machine.
  const answers = [
    undefined,
    'text',
    [null],
    [v6('192.0.2.1')],
    [v4('localhost')],
    [{ address: '192.0.2.1', family: 4 }],
  ];
  for (const answer of answers) {
    const resolve = (): Promise<InetAddress[]> => Promise.resolve(answer as unknown as InetAddress[]);
    await assert.rejects(openTcpStream('example.org', 80, { resolve }), TypeError);
  }
});
