import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ClosedResourceError } from 'bowline/core';
import type { Listener, SocketListener, Stream } from 'bowline/core';
import { setReporter } from 'bowline/observe';
import type { ReportEvent } from 'bowline/observe';
import { openTcpStream, serveListeners, serveTcp } from 'bowline/sockets';
import {
  Cancelled,
  CancelScope,
  currentTime,
  moveOnAfter,
  openMemoryChannel,
  openNursery,
  sleep,
  sleepForever,
  stopRequested,
  suspend,
  withClock,
} from 'bowline/tasks';
import { memoryStreamPair, MockClock } from 'bowline/testing';
import type { MemoryStream } from 'bowline/testing';

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** A listener whose connections the test makes. */
class MemoryListener implements Listener<Stream> {
  readonly #channel = openMemoryChannel<Stream>(16);
  readonly served: Stream[] = [];
  isClosed = false;
  /** Thrown by the next accept. */
  failure: (() => Error | undefined) | undefined;

  async connect(): Promise<MemoryStream> {
    const [client, server] = memoryStreamPair();
    this.served.push(server);
    await this.#channel[0].send(server);
    return client;
  }

  async accept(): Promise<Stream> {
    const failure = this.failure?.();
    if (failure !== undefined) throw failure;
    if (this.isClosed) throw new ClosedResourceError();
    return await this.#channel[1].receive();
  }

  abort(): void {
    this.isClosed = true;
    this.#channel[1].abort();
  }

  close(): Promise<void> {
    this.abort();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code });
}

async function reportsOf(body: (events: ReportEvent[]) => Promise<void>): Promise<ReportEvent[]> {
  const events: ReportEvent[] = [];
  const before = setReporter((event) => void events.push(event));
  try {
    await body(events);
  } finally {
    setReporter(before);
  }
  return events;
}

function virtually(body: () => Promise<void>): Promise<void> {
  return withClock(new MockClock(), body);
}

async function echo(stream: Stream): Promise<void> {
  for await (const chunk of stream) await stream.sendAll(chunk);
}

async function isClosed(stream: Stream): Promise<boolean> {
  return await stream.receiveSome().then(
    () => false,
    (error: unknown) => error instanceof ClosedResourceError,
  );
}

test('SERVE-1 two listeners, three clients each: started gets the listeners, and all twelve ends are closed afterwards', async () => {
  await virtually(async () => {
    const listeners = [new MemoryListener(), new MemoryListener()];
    await openNursery(async (nursery) => {
      const started = await nursery.start<MemoryListener[]>((up) => serveListeners(echo, listeners, { started: up }));
      assert.deepEqual(started, listeners);
      for (const listener of listeners) {
        for (let i = 0; i < 3; i++) {
          const client = await listener.connect();
          await client.sendAll(bytes(`hello ${i}`));
          assert.equal(Buffer.from((await client.receiveSome()) as Uint8Array).toString(), `hello ${i}`);
          await client.close();
        }
      }
      await sleep(1);
      nursery.cancelScope.cancel();
    });
    for (const listener of listeners) {
      assert.ok(listener.isClosed);
      for (const stream of listener.served) assert.ok(await isClosed(stream));
    }
  });
});

test('SERVE-1 a handler that is cut off has its connection aborted, in the cancelled scope and without waiting', async () => {
  await virtually(async () => {
    const listener = new MemoryListener();
    await moveOnAfter(1000, async () => {
      await openNursery(async (nursery) => {
        nursery.startSoon(() => serveListeners(sleepForever, [listener]));
        await listener.connect();
      });
    });
    assert.equal(currentTime(), 1000);
    assert.ok(await isClosed(listener.served[0] as Stream));
    assert.ok(listener.isClosed);
  });
});

test('SERVE-2 any other failure of accept ends the server and comes out as it is', async () => {
  await virtually(async () => {
    for (const failure of [new TypeError('a key error'), withCode('ECONNABORTED')]) {
      const listener = new MemoryListener();
      const other = new MemoryListener();
      listener.failure = () => failure;
      await assert.rejects(serveListeners(echo, [other, listener]), (error) => error === failure);
      assert.ok(listener.isClosed && other.isClosed);
    }
  });
});

test('SERVE-3 no descriptors for 950 ms: ten reports, 100 ms apart, and then it accepts', async () => {
  for (const code of ['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS']) {
    await virtually(async () => {
      const listener = new MemoryListener();
      listener.failure = () => (currentTime() < 950 ? withCode(code) : undefined);
      const times: number[] = [];
      const before = setReporter((event) => {
        assert.ok(event.kind === 'accept-backoff');
        assert.equal((event.error as NodeJS.ErrnoException).code, code);
        assert.equal(event.retryMs, 100);
        times.push(currentTime());
      });
      await openNursery(async (nursery) => {
        nursery.startSoon(() => serveListeners(echo, [listener]));
        const client = await listener.connect();
        await client.sendAll(bytes('x'));
        await client.receiveSome();
        assert.equal(currentTime(), 1000);
        nursery.cancelScope.cancel();
      });
      setReporter(before);
      assert.deepEqual(times, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
    });
  }
});

test('SERVE-4 handlers run in the nursery that is given, and its failure is its own', async () => {
  await virtually(async () => {
    const listener = new MemoryListener();
    const error = new Error('a handler failed');
    await assert.rejects(
      openNursery(async (handlers) => {
        let running = 0;
        await openNursery(async (nursery) => {
          const handler = async (): Promise<void> => {
            if (++running === 10) throw error;
            await sleepForever();
          };
          nursery.startSoon(() =>
            serveListeners(handler, [listener], { handlerNursery: handlers, onHandlerError: 'propagate' }),
          );
          for (let i = 0; i < 10; i++) await listener.connect();
          await sleepForever();
        });
      }),
      (thrown) => thrown === error,
    );
    for (const stream of listener.served) assert.ok(await isClosed(stream));
  });
});

test('SERVE-5 serveTcp on port 0: the port comes through start(), and cancelling ends it', async () => {
  await openNursery(async (nursery) => {
    const [listener] = await nursery.start<SocketListener[]>((started) =>
      serveTcp((stream) => stream.sendAll(bytes('x')), 0, { host: '127.0.0.1', started }),
    );
    assert.ok(listener?.address.family === 4);
    const client = await openTcpStream('127.0.0.1', listener.address.port);
    assert.equal((await client.receiveSome())?.[0], 0x78);
    // The handler did not close its connection, and what it sent arrived all the same, with a clean end.
    assert.equal(await client.receiveSome(), null);
    await client.close();
    nursery.cancelScope.cancel();
  });
});

test('a stream that the handler’s ended nursery cannot take is closed, not leaked (D17)', async () => {
  await virtually(async () => {
    const listener = new MemoryListener();
    let ended: { startSoon: never } | undefined;
    await openNursery(async (nursery) => {
      ended = nursery as unknown as { startSoon: never };
    });
    await listener.connect();
    await assert.rejects(serveListeners(echo, [listener], { handlerNursery: ended as never }), /has ended/);
    assert.ok(await isClosed(listener.served[0] as Stream));
  });
});

test('an error of a handler ends its own connection, is reported, and the server goes on (D17)', async () => {
  await virtually(async () => {
    const listener = new MemoryListener();
    const error = new Error('a bug in the handler');
    const events = await reportsOf(async () => {
      await openNursery(async (nursery) => {
        let calls = 0;
        nursery.startSoon(() =>
          serveListeners(
            async (stream) => {
              if (++calls === 1) throw error;
              await echo(stream);
            },
            [listener],
          ),
        );
        const first = await listener.connect();
        await first.receiveSome().catch(() => null);
        const second = await listener.connect();
        await second.sendAll(bytes('x'));
        assert.equal((await second.receiveSome())?.length, 1);
        nursery.cancelScope.cancel();
      });
    });
    assert.deepEqual(
      events.map((event) => event.kind === 'handler-error' && event.error),
      [error],
    );
    assert.ok(await isClosed(listener.served[0] as Stream));
  });
});

test('onHandlerError as a function decides: returning goes on, throwing ends the server', async () => {
  await virtually(async () => {
    const listener = new MemoryListener();
    const seen: unknown[] = [];
    const serving = serveListeners(
      async () => {
        throw new Error(`failure ${seen.length}`);
      },
      [listener],
      {
        onHandlerError: (error, stream) => {
          assert.ok(listener.served.includes(stream));
          seen.push((error as Error).message);
          if (seen.length === 3) throw error;
        },
      },
    );
    for (let i = 0; i < 3; i++) await listener.connect();
    await assert.rejects(serving, /failure 2/);
    assert.deepEqual(seen, ['failure 0', 'failure 1', 'failure 2']);
  });
});

test('a cancellation that crossed over from elsewhere is an error of the handler, not of the server', async () => {
  await virtually(async () => {
    const listener = new MemoryListener();
    const events = await reportsOf(async () => {
      await openNursery(async (nursery) => {
        nursery.startSoon(() =>
          serveListeners(async () => {
            const scope = new CancelScope();
            scope.cancel();
            let crossed: unknown;
            await scope.run(() =>
              sleep(1).catch((error: unknown) => {
                crossed = error;
              }),
            );
            throw crossed;
          }, [listener]),
        );
        const client = await listener.connect();
        await client.receiveSome().catch(() => null);
        nursery.cancelScope.cancel();
      });
    });
    assert.equal(events.length, 1);
    assert.ok(events[0]?.kind === 'handler-error' && events[0].error instanceof Cancelled);
  });
});

test('a real error of a handler that is being cancelled is reported, alone', async () => {
  await virtually(async () => {
    const listener = new MemoryListener();
    const events = await reportsOf(async () => {
      await moveOnAfter(100, async () => {
        await openNursery(async (nursery) => {
          nursery.startSoon(() =>
            serveListeners(async () => {
              try {
                await sleepForever();
              } finally {
                // eslint-disable-next-line no-unsafe-finally -- this is the point
                throw new Error('while cleaning up');
              }
            }, [listener]),
          );
          await listener.connect();
        });
      });
    });
    assert.equal(events.length, 1);
    assert.match(String(events[0]?.kind === 'handler-error' && events[0].error), /while cleaning up/);
  });
});

test('maxConnections: the next connection waits until one has ended', async () => {
  await virtually(async () => {
    const listener = new MemoryListener();
    let most = 0;
    let now = 0;
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        serveListeners(
          async () => {
            most = Math.max(most, ++now);
            await sleep(100);
            now--;
          },
          [listener],
          { maxConnections: 2 },
        ),
      );
      const clients = await Promise.all(Array.from({ length: 6 }, () => listener.connect()));
      for (const client of clients) assert.equal(await client.receiveSome(), null);
      assert.equal(currentTime(), 300);
      nursery.cancelScope.cancel();
    });
    assert.equal(most, 2);
  });
});

test('a graceful stop: no more connections, handlers are told, drained, and serve returns', async () => {
  await virtually(async () => {
    const listener = new MemoryListener();
    const stopping = new AbortController();
    let closedAtStop = false;
    const serving = serveListeners(
      async (stream) => {
        await untilAborted(stopRequested());
        await sleep(500);
        closedAtStop = listener.isClosed;
        await stream.sendAll(bytes('bye'));
      },
      [listener],
      { stop: stopping.signal },
    );
    const client = await listener.connect();
    await sleep(1000);
    assert.equal(stopRequested().aborted, false);
    stopping.abort();
    await serving;
    assert.equal(currentTime(), 1500);
    assert.ok(closedAtStop);
    assert.equal(Buffer.from((await client.receiveSome()) as Uint8Array).toString(), 'bye');
    assert.equal(await client.receiveSome(), null);
  });
});

test('what has not ended drainMs after the stop is cancelled and aborted, and serve returns all the same', async () => {
  await virtually(async () => {
    for (const [drainMs, expected] of [
      [undefined, 10_000],
      [200, 200],
      [0, 0],
    ] as const) {
      const listener = new MemoryListener();
      const stopping = new AbortController();
      let cut: unknown;
      const serving = serveListeners(
        () =>
          sleepForever().catch((error: unknown) => {
            cut = error;
            throw error;
          }),
        [listener],
        { stop: stopping.signal, drainMs },
      );
      await listener.connect();
      await sleep(10);
      const stoppedAt = currentTime();
      stopping.abort();
      await serving;
      assert.equal(currentTime() - stoppedAt, expected);
      assert.ok(cut instanceof Cancelled);
      assert.ok(await isClosed(listener.served[0] as Stream));
    }
  });
});

test('handlers in a nursery of their own are told to stop, drained, and lose their connections after drainMs', async () => {
  await virtually(async () => {
    const listener = new MemoryListener();
    const stopping = new AbortController();
    await openNursery(async (handlers) => {
      let told = false;
      const serving = serveListeners(
        async (stream) => {
          stopRequested().addEventListener('abort', () => {
            told = true;
          });
          await assert.rejects(stream.receiveSome(), ClosedResourceError);
        },
        [listener],
        { stop: stopping.signal, drainMs: 300, handlerNursery: handlers },
      );
      await listener.connect();
      await sleep(10);
      stopping.abort();
      await serving;
      assert.ok(told);
      assert.equal(currentTime(), 310);
    });
  });
});

test('a stop that was asked for before the start, and one inherited from an outer server', async () => {
  await virtually(async () => {
    const listener = new MemoryListener();
    await serveListeners(echo, [listener], { stop: AbortSignal.abort() });
    assert.ok(listener.isClosed);
    const outer = new MemoryListener();
    const inner = new MemoryListener();
    const stopping = new AbortController();
    const serving = serveListeners(() => serveListeners(echo, [inner]), [outer], { stop: stopping.signal });
    await outer.connect();
    await sleep(10);
    stopping.abort();
    await serving;
    assert.equal(currentTime(), 10);
    assert.ok(inner.isClosed);
  });
});

test('closing all listeners from elsewhere is a graceful stop, not an error (D17)', async () => {
  await virtually(async () => {
    const listeners = [new MemoryListener(), new MemoryListener()];
    const serving = serveListeners(async (stream) => {
      await untilAborted(stopRequested());
      await stream.sendAll(bytes('bye'));
    }, listeners);
    const client = await (listeners[0] as MemoryListener).connect();
    await sleep(10);
    await listeners[0]?.close();
    await sleep(10);
    await listeners[1]?.close();
    // A memory channel that is closed at its receiving end wakes its receiver with ClosedResourceError.
    await serving;
    assert.equal(Buffer.from((await client.receiveSome()) as Uint8Array).toString(), 'bye');
  });
});

test('a hard cancel throws Cancelled through serve', async () => {
  await virtually(async () => {
    const listener = new MemoryListener();
    const scope = new CancelScope();
    let thrown: unknown;
    const serving = scope.run(() =>
      serveListeners(echo, [listener]).catch((error: unknown) => {
        thrown = error;
        throw error;
      }),
    );
    await listener.connect();
    await sleep(10);
    scope.cancel();
    assert.equal(await serving, undefined);
    assert.ok(thrown instanceof Cancelled);
    assert.ok(listener.isClosed);
  });
});

test('a close that hangs after the handler has returned is cut short', async () => {
  await virtually(async () => {
    const listener = new MemoryListener();
    const client = await listener.connect();
    const [server] = listener.served as [MemoryStream];
    let aborted = false;
    Object.assign(server, {
      close: () => sleepForever(),
      abort: () => {
        aborted = true;
      },
    });
    await moveOnAfter(60_000, () => serveListeners(async () => undefined, [listener]));
    assert.ok(aborted);
    client.abort();
  });
});

test('options are checked before anything is served', async () => {
  const listener = new MemoryListener();
  const serve = serveListeners as unknown as (handler: unknown, listeners: unknown, options?: object) => Promise<void>;
  await assert.rejects(serve(undefined, [listener]), TypeError);
  await assert.rejects(serve(echo, [listener], { onHandlerError: 'ignore' }), TypeError);
  await assert.rejects(serve(echo, [listener], { maxConnections: 0 }), RangeError);
  await assert.rejects(serve(echo, [listener], { maxConnections: '5' }), TypeError);
  await assert.rejects(serve(echo, [listener], { drainMs: -1 }), RangeError);
  await assert.rejects(serve(echo, [listener], { stop: {} }), TypeError);
  await assert.rejects(serveTcp(undefined as never, 0), TypeError);
  assert.equal(listener.isClosed, false);
});

test('peers that reset at any time take nothing down', async () => {
  const events = await reportsOf(async () => {
    const stopping = new AbortController();
    let port = 0;
    const serving = serveTcp(echo, 0, {
      host: '127.0.0.1',
      stop: stopping.signal,
      started: ([listener]) => {
        assert.ok(listener?.address.family === 4);
        port = listener.address.port;
      },
    });
    while (port === 0) await new Promise((resolve) => setImmediate(resolve));
    const turns = [0, 1, 2, 5];
    for (const before of turns) {
      for (const after of turns) {
        const client = await openTcpStream('127.0.0.1', port);
        for (let i = 0; i < before; i++) await new Promise((resolve) => setImmediate(resolve));
        void client.sendAll(new Uint8Array(200_000));
        for (let i = 0; i < after; i++) await new Promise((resolve) => setImmediate(resolve));
        client.abort();
      }
    }
    const client = await openTcpStream('127.0.0.1', port);
    await client.sendAll(bytes('alive'));
    assert.equal((await client.receiveSome())?.length, 5);
    await client.close();
    stopping.abort();
    await serving;
  });
  for (const event of events) assert.equal(event.kind, 'handler-error');
});

function untilAborted(signal: AbortSignal): Promise<void> {
  return suspend<void>(
    (waiter) => {
      const onAbort = (): void => waiter.resolve();
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort);
      return () => signal.removeEventListener('abort', onAbort);
    },
    { kind: 'virtual' },
  );
}
