/**
 * What the two ends of a channel owe their callers: every message whole, once and in order, then an end that is told from
 * a failure.
 *
 * Source: Trio's `SendChannel` and `ReceiveChannel` contracts, which have no suite there.
 */
import type { ReceiveChannel, SendChannel } from '../core/channel.ts';
import { BrokenResourceError, ClosedResourceError, EndOfChannel } from '../core/errors.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { Cancelled } from '../tasks/cancelled.ts';
import { openNursery } from '../tasks/nursery.ts';
import { check, expect, expectRejects } from './contract-check.ts';
import type { Check } from './contract-check.ts';
import { both, inCancelledScope } from './one-way-checks.ts';
import { waitAllTasksBlocked } from './wait-all-tasks-blocked.ts';

export type ChannelEnds<T> = readonly [SendChannel<T>, ReceiveChannel<T>];

/** The checks, with messages to send; there are at least two of them. */
export function channelChecks<T>(messages: readonly T[]): readonly Check<ChannelEnds<T>>[] {
  const [first, second] = messages as readonly [T, T];
  return [
    check('1 messages arrive whole, once and in order', async ([send, receive]) => {
      await both(
        async () => {
          for (const message of messages) await send.send(message);
        },
        async () => {
          for (const message of messages) expectMessage(await receive.receive(), message);
        },
      );
    }),
    check(
      '2 after the sender was closed what it sent is received, then EndOfChannel, again and again',
      async ([send, receive]) => {
        await both(
          async () => {
            await send.send(first);
            await send.close();
          },
          async () => {
            await waitAllTasksBlocked();
            expectMessage(await receive.receive(), first);
            for (let i = 0; i < 2; i++) await expectRejects('receive()', EndOfChannel, () => receive.receive());
          },
        );
      },
    ),
    check(
      '3 iterating gives every message and ends with the channel; leaving the loop does not close it',
      async ([send, receive]) => {
        const received: T[] = [];
        await both(
          async () => {
            for (const message of messages) await send.send(message);
            await send.close();
          },
          async () => {
            for await (const message of receive) {
              received.push(message);
              break;
            }
            for await (const message of receive) received.push(message);
          },
        );
        expect(received.length === messages.length, `received ${received.length} of ${messages.length} messages`);
        messages.forEach((message, index) => expectMessage(received[index] as T, message));
      },
    ),
    check(
      '4 after an end was closed here its calls are ClosedResourceErrors; closing again does nothing',
      async ([send, receive]) => {
        for (const close of [() => send.close(), () => receive.close()]) {
          await close();
          await close();
        }
        send.abort();
        receive.abort();
        await expectRejects('send()', ClosedResourceError, () => send.send(first));
        await expectRejects('receive()', ClosedResourceError, () => receive.receive());
      },
    ),
    check('5 after the receiver was closed sending breaks, sooner or later', async ([send, receive]) => {
      await receive.close();
      await expectRejects('send(), repeated,', BrokenResourceError, async () => {
        for (;;) await send.send(first);
      });
    }),
    check('6 a receive() that waits is woken by abort(), with a ClosedResourceError', async ([, receive]) => {
      await openNursery(async (nursery) => {
        nursery.startSoon(() => expectRejects('the waiting receive()', ClosedResourceError, () => receive.receive()));
        await waitAllTasksBlocked();
        receive.abort();
      });
    }),
    check('7 a receive() that waits is woken by the end of the channel', async ([send, receive]) => {
      await openNursery(async (nursery) => {
        nursery.startSoon(() => expectRejects('the waiting receive()', EndOfChannel, () => receive.receive()));
        await waitAllTasksBlocked();
        await send.close();
      });
    }),
    check('8 in a cancelled scope every call throws Cancelled and does nothing', async ([send, receive]) => {
      await inCancelledScope(async () => {
        await expectRejects('send()', Cancelled, () => send.send(first));
        await expectRejects('receive()', Cancelled, () => receive.receive());
      });
      await both(
        () => send.send(second),
        async () => {
          expectMessage(await receive.receive(), second);
        },
      );
    }),
    check('9 a receive() that is cancelled while it waits loses nothing', async ([send, receive]) => {
      await openNursery(async (nursery) => {
        const scope = new CancelScope();
        nursery.startSoon(() =>
          scope.run(() => expectRejects('the cancelled receive()', Cancelled, () => receive.receive())),
        );
        await waitAllTasksBlocked();
        scope.cancel();
        await waitAllTasksBlocked();
        nursery.startSoon(() => send.send(first));
        expectMessage(await receive.receive(), first);
      });
    }),
    check('10 in a cancelled scope close() closes all the same, and does not throw', async ([send, receive]) => {
      await inCancelledScope(async () => {
        await send.close();
        await receive.close();
      });
      await expectRejects('send()', ClosedResourceError, () => send.send(first));
      await expectRejects('receive()', ClosedResourceError, () => receive.receive());
    }),
  ];
}

/** Bytes by their content, anything else as it is. */
function expectMessage(received: unknown, sent: unknown): void {
  const isSame =
    received instanceof Uint8Array && sent instanceof Uint8Array
      ? received.length === sent.length && received.every((byte, index) => byte === sent[index])
      : Object.is(received, sent) || JSON.stringify(received) === JSON.stringify(sent);
  expect(isSame, `received ${String(received)} instead of ${String(sent)}`);
}
