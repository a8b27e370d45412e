/**
 * What a listener owes its callers: no connection is lost, one `accept` at a time, and closing ends the waiting.
 *
 * Source: Trio's `Listener` contract, which has no suite there.
 */
import { ClosedResourceError } from '../core/errors.ts';
import type { Listener } from '../core/listener.ts';
import type { Stream } from '../core/stream.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { Cancelled } from '../tasks/cancelled.ts';
import { openNursery } from '../tasks/nursery.ts';
import { check, expect, expectRejects } from './contract-check.ts';
import type { Check } from './contract-check.ts';
import { both, bytes, expectBytes, expectOneBusy, inCancelledScope, receiveExactly } from './one-way-checks.ts';
import { waitAllTasksBlocked } from './wait-all-tasks-blocked.ts';

/** A listener, a way to connect to it, and everything that comes of both, to be aborted together. */
export class ListenerBench {
  readonly listener: Listener<Stream>;
  readonly #dial: () => Promise<Stream>;
  readonly #streams: Stream[] = [];

  constructor(listener: Listener<Stream>, dial: () => Promise<Stream>) {
    this.listener = listener;
    this.#dial = dial;
  }

  async accept(): Promise<Stream> {
    return this.#own(await this.listener.accept());
  }

  async connect(): Promise<Stream> {
    return this.#own(await this.#dial());
  }

  abort(): void {
    this.listener.abort();
    for (const stream of this.#streams) stream.abort();
  }

  #own(stream: Stream): Stream {
    this.#streams.push(stream);
    return stream;
  }
}

export const listenerChecks: readonly Check<readonly [ListenerBench]>[] = [
  check('1 accept() gives the other end of a connection', async ([bench]) => {
    await connectAndTalk(bench);
  }),
  check('2 connections that came before anybody asked are all accepted', async ([bench]) => {
    const names = ['a', 'b', 'c'];
    await both(
      async () => {
        for (const name of names) await (await bench.connect()).sendAll(bytes(name));
      },
      async () => {
        await waitAllTasksBlocked();
        const got: string[] = [];
        for (let i = 0; i < names.length; i++) {
          got.push(new TextDecoder().decode(await receiveExactly(await bench.accept(), 1)));
        }
        expect(got.sort().join('') === 'abc', `accepted were the connections ${got.join(', ')} instead of a, b, c`);
      },
    );
  }),
  check('3 of two accept() at once exactly one is busy', async ([bench]) => {
    await expectOneBusy([() => bench.accept(), () => bench.accept()]);
  }),
  check('4 after close() accept() is a ClosedResourceError; closing again does nothing', async ([bench]) => {
    await bench.listener.close();
    await expectRejects('accept()', ClosedResourceError, () => bench.accept());
    await bench.listener.close();
    bench.listener.abort();
    await expectRejects('accept()', ClosedResourceError, () => bench.accept());
  }),
  check('5 an accept() that waits is woken by close(), with a ClosedResourceError', async ([bench]) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() => expectRejects('the waiting accept()', ClosedResourceError, () => bench.accept()));
      await waitAllTasksBlocked();
      await bench.listener.close();
    });
  }),
  check('6 the same by abort()', async ([bench]) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() => expectRejects('the waiting accept()', ClosedResourceError, () => bench.accept()));
      await waitAllTasksBlocked();
      bench.listener.abort();
    });
  }),
  check('7 in a cancelled scope accept() throws Cancelled, and takes no connection', async ([bench]) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        await (await bench.connect()).sendAll(bytes('x'));
      });
      await waitAllTasksBlocked();
      await inCancelledScope(() => expectRejects('accept()', Cancelled, () => bench.accept()));
      expectBytes(await receiveExactly(await bench.accept(), 1), 'x');
    });
  }),
  check('8 an accept() that is cancelled while it waits loses no connection', async ([bench]) => {
    await openNursery(async (nursery) => {
      const scope = new CancelScope();
      nursery.startSoon(() =>
        scope.run(() => expectRejects('the cancelled accept()', Cancelled, () => bench.accept())),
      );
      await waitAllTasksBlocked();
      scope.cancel();
      await waitAllTasksBlocked();
    });
    await connectAndTalk(bench);
  }),
  check('9 in a cancelled scope close() closes all the same, and does not throw', async ([bench]) => {
    await inCancelledScope(() => bench.listener.close());
    await expectRejects('accept()', ClosedResourceError, () => bench.accept());
  }),
  check('10 closing the listener leaves the accepted connections alone', async ([bench]) => {
    const [near, far] = await connectAndTalk(bench);
    await bench.listener.close();
    await talk(near, far);
  }),
];

async function connectAndTalk(bench: ListenerBench): Promise<readonly [Stream, Stream]> {
  let near: Stream | undefined;
  let far: Stream | undefined;
  await both(
    async () => {
      near = await bench.connect();
      // Some transports show a connection only when something is sent.
      await near.sendAll(bytes('hello'));
    },
    async () => {
      far = await bench.accept();
      expectBytes(await receiveExactly(far, 5), 'hello');
    },
  );
  expect(near !== undefined && far !== undefined, 'there is no connection');
  await talk(near, far);
  return [near, far];
}

async function talk(near: Stream, far: Stream): Promise<void> {
  await both(
    () => far.sendAll(bytes('back')),
    async () => {
      expectBytes(await receiveExactly(near, 4), 'back');
    },
  );
}
