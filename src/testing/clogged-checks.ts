/**
 * The contract of one direction while it is clogged: its buffers are full, and a send waits until the other side receives.
 *
 * Source: Trio `check_one_way_stream`, the part that needs a `clogged_stream_maker`.
 */
import { BrokenResourceError, ClosedResourceError } from '../core/errors.ts';
import { openNursery } from '../tasks/nursery.ts';
import { check, expect, expectRejects } from './contract-check.ts';
import type { Check } from './contract-check.ts';
import { bytes, expectOneBusy } from './one-way-checks.ts';
import type { OneWayPair } from './one-way-checks.ts';
import { waitAllTasksBlocked } from './wait-all-tasks-blocked.ts';

export const cloggedChecks: readonly Check<OneWayPair>[] = [
  check('20 waitSendAllMightNotBlock() waits until the receiver begins to receive', async ([send, receive]) => {
    const record: string[] = [];
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => {
        record.push('waits');
        await send.waitSendAllMightNotBlock();
        record.push('goes on');
        nursery.cancelScope.cancel();
      });
      await waitAllTasksBlocked();
      record.push('receives');
      for (;;) await receive.receiveSome(16_384);
    });
    expect(record.join(', ') === 'waits, receives, goes on', `the order was: ${record.join(', ')}`);
  }),
  check('21 of two waits at once exactly one is busy', ([send]) =>
    expectOneBusy([() => send.waitSendAllMightNotBlock(), () => send.waitSendAllMightNotBlock()]),
  ),
  check('22 of a wait and a send at once exactly one is busy', ([send]) =>
    expectOneBusy([() => send.waitSendAllMightNotBlock(), () => send.sendAll(bytes('123'))]),
  ),
  check('23 of two sends at once exactly one is busy', ([send]) =>
    expectOneBusy([() => send.sendAll(bytes('123')), () => send.sendAll(bytes('456'))]),
  ),
  check(
    '24 a wait for sending ends when the receiver is aborted: it returns, or is broken',
    async ([send, receive]) => {
      await openNursery(async (nursery) => {
        nursery.startSoon(() => returnOrBreak(send.waitSendAllMightNotBlock()));
        await waitAllTasksBlocked();
        receive.abort();
      });
    },
  ),
  check('25 the same when the receiver was aborted before', async ([send, receive]) => {
    receive.abort();
    await returnOrBreak(send.waitSendAllMightNotBlock());
  }),
  check('26 a send that waits is woken by abort() of its own stream, with a ClosedResourceError', async ([send]) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        expectRejects('the waiting sendAll()', ClosedResourceError, () => send.sendAll(bytes('x'))),
      );
      await waitAllTasksBlocked();
      send.abort();
    });
  }),
  check('27 a wait for sending likewise', async ([send]) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        expectRejects('the waiting waitSendAllMightNotBlock()', ClosedResourceError, () =>
          send.waitSendAllMightNotBlock(),
        ),
      );
      await waitAllTasksBlocked();
      send.abort();
    });
  }),
];

async function returnOrBreak(result: Promise<void>): Promise<void> {
  try {
    await result;
  } catch (error) {
    if (!(error instanceof BrokenResourceError)) throw error;
  }
}
