/**
 * The contract of `sendEof()`: one direction ends, the other goes on.
 *
 * Source: Trio `check_half_closeable_stream`.
 */
import { BusyResourceError, ClosedResourceError } from '../core/errors.ts';
import type { HalfCloseableStream } from '../core/stream.ts';
import { Cancelled } from '../tasks/cancelled.ts';
import { openNursery } from '../tasks/nursery.ts';
import { check, expect, expectRejects } from './contract-check.ts';
import type { Check } from './contract-check.ts';
import { both, bytes, expectBytes, inCancelledScope } from './one-way-checks.ts';
import { waitAllTasksBlocked } from './wait-all-tasks-blocked.ts';

export type HalfCloseablePair = readonly [HalfCloseableStream, HalfCloseableStream];

export const halfCloseableChecks: readonly Check<HalfCloseablePair>[] = [
  check(
    'sendEof() ends one direction: the peer gets what was sent, then the end of file; sending is a ClosedResourceError; again is fine',
    async ([a, b]) => {
      await both(
        async () => {
          await a.sendAll(bytes('x'));
          await a.sendEof();
        },
        async () => {
          expectBytes(await b.receiveSome(1), 'x');
          for (let i = 0; i < 2; i++) expect((await b.receiveSome(1)) === null, 'the end of file is not null');
        },
      );
      await expectRejects('sendAll() after sendEof()', ClosedResourceError, () => a.sendAll(bytes('y')));
      await expectRejects('sendAll(nothing) after sendEof()', ClosedResourceError, () => a.sendAll(bytes('')));
      await a.sendEof();
    },
  ),
  check('after sendEof() the other direction goes on, and can be ended too', async ([a, b]) => {
    await a.sendEof();
    await both(
      async () => {
        await b.sendAll(bytes('y'));
        await b.sendEof();
      },
      async () => {
        expectBytes(await a.receiveSome(1), 'y');
        expect((await a.receiveSome(1)) === null, 'the end of file is not null');
      },
    );
    expect((await b.receiveSome(1)) === null, 'the first end of file is not null any more');
    await a.close();
    await b.close();
  }),
  check('in a cancelled scope sendEof() throws Cancelled and does nothing', async ([a, b]) => {
    await inCancelledScope(() => expectRejects('sendEof()', Cancelled, () => a.sendEof()));
    await both(
      async () => {
        await a.sendAll(bytes('x'));
        await a.sendEof();
      },
      async () => {
        expectBytes(await b.receiveSome(1), 'x');
        expect((await b.receiveSome(1)) === null, 'the end of file is not null');
      },
    );
  }),
  check('after close() sendEof() is a ClosedResourceError', async ([a]) => {
    await a.close();
    await expectRejects('sendEof()', ClosedResourceError, () => a.sendEof());
  }),
];

export const halfCloseableCloggedChecks: readonly Check<HalfCloseablePair>[] = [
  check('sendEof() while a send is waiting is busy', ([a]) => expectEofToBeBusy(a, () => a.sendAll(bytes('x')))),
  check('sendEof() while waitSendAllMightNotBlock() is waiting is busy', ([a]) =>
    expectEofToBeBusy(a, () => a.waitSendAllMightNotBlock()),
  ),
];

async function expectEofToBeBusy(stream: HalfCloseableStream, call: () => Promise<void>): Promise<void> {
  await openNursery(async (nursery) => {
    nursery.startSoon(call);
    await waitAllTasksBlocked();
    await expectRejects('sendEof()', BusyResourceError, () => stream.sendEof());
    nursery.cancelScope.cancel();
  });
}
