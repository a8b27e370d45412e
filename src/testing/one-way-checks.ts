/**
 * The contract of one direction of bytes, as checks: what every SendStream and the ReceiveStream at its other end owe
 * their callers. The numbers are those of the reference's suite; letters mark what bowline's contract adds.
 *
 * Where the reference checks that a call is a checkpoint, these check what that is good for: in a cancelled scope the
 * call has no effect and throws Cancelled.
 *
 * Source: Trio `trio.testing.check_one_way_stream`.
 */
import type { Bytes } from '../core/bytes.ts';
import { BrokenResourceError, BusyResourceError, ClosedResourceError } from '../core/errors.ts';
import type { ReceiveStream, SendStream } from '../core/stream.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { Cancelled } from '../tasks/cancelled.ts';
import { openNursery } from '../tasks/nursery.ts';
import { check, expect, expectRejects } from './contract-check.ts';
import type { Check } from './contract-check.ts';
import { waitAllTasksBlocked } from './wait-all-tasks-blocked.ts';

export type OneWayPair = readonly [SendStream, ReceiveStream];

export const oneWayChecks: readonly Check<OneWayPair>[] = [
  check('1 the objects have the methods of their interfaces', async ([send, receive]) => {
    for (const method of ['sendAll', 'waitSendAllMightNotBlock', 'close', 'abort', Symbol.asyncDispose] as const) {
      expect(typeof send[method] === 'function', `the sending stream has no ${String(method)}()`);
    }
    for (const method of ['receiveSome', 'close', 'abort', Symbol.asyncDispose, Symbol.asyncIterator] as const) {
      expect(typeof receive[method] === 'function', `the receiving stream has no ${String(method)}()`);
    }
  }),
  check('2 a byte that is sent is received; sendAll() resolves with nothing', async ([send, receive]) => {
    await both(
      async () => {
        expect((await send.sendAll(bytes('x'))) === undefined, 'sendAll() resolved with a value');
      },
      async () => {
        const chunk = await receive.receiveSome(1);
        expectBytes(chunk, 'x');
        expect(
          chunk instanceof Uint8Array && chunk.buffer instanceof ArrayBuffer,
          'the bytes are no Uint8Array over an ArrayBuffer',
        );
      },
    );
  }),
  check('3 sending nothing leaves nothing on the wire', async ([send, receive]) => {
    await both(
      async () => {
        await send.sendAll(bytes(''));
        await send.sendAll([]);
        await send.sendAll([bytes(''), bytes('')]);
        await send.sendAll(bytes('y'));
      },
      async () => {
        expectBytes(await receive.receiveSome(1), 'y');
      },
    );
  }),
  check(
    '4 data may be a view into a larger buffer, or several pieces, and its memory may be reused once it was sent',
    async ([send, receive]) => {
      const buffer = bytes('..abcdef..');
      await both(
        async () => {
          await send.sendAll(buffer.subarray(2, 5));
          buffer.fill(0, 0, 5);
          await send.sendAll([buffer.subarray(5, 6), bytes(''), buffer.subarray(6, 8)]);
          buffer.fill(0);
        },
        async () => {
          expectBytes(await receiveExactly(receive, 6), 'abcdef');
        },
      );
    },
  ),
  check('5 wrong arguments are a RangeError or TypeError, also on a closed stream', async ([send, receive]) => {
    const checkAll = async (): Promise<void> => {
      await expectRejects('receiveSome(-1)', RangeError, () => receive.receiveSome(-1));
      await expectRejects('receiveSome(0)', RangeError, () => receive.receiveSome(0));
      await expectRejects('receiveSome(1.5)', TypeError, () => receive.receiveSome(1.5));
      await expectRejects('receiveSome("1")', TypeError, () => receive.receiveSome('1' as unknown as number));
      await expectRejects('sendAll("text")', TypeError, () => send.sendAll('text' as unknown as Uint8Array));
      await expectRejects('sendAll([1])', TypeError, () => send.sendAll([1] as unknown as Uint8Array[]));
      if (receive.receiveInto === undefined) return;
      const receiveInto = receive.receiveInto.bind(receive);
      await expectRejects('receiveInto(empty)', RangeError, () => receiveInto(new Uint8Array(0)));
      await expectRejects('receiveInto([])', TypeError, () => receiveInto([] as unknown as Uint8Array));
    };
    await checkAll();
    send.abort();
    receive.abort();
    await checkAll();
  }),
  check('6 maxBytes may be left out, or be undefined, and is a limit where it is given', async ([send, receive]) => {
    await both(
      () => send.sendAll(bytes('abc')),
      async () => {
        const first = await receive.receiveSome(2);
        expect(
          first !== null && first.length >= 1 && first.length <= 2,
          'receiveSome(2) gave more than 2 bytes, or none',
        );
        await receiveExactly(receive, 3 - first.length, () => receive.receiveSome());
      },
    );
    await both(
      () => send.sendAll(bytes('d')),
      async () => {
        expectBytes(await receive.receiveSome(undefined), 'd');
      },
    );
  }),
  check(
    '7 of two receives at once exactly one is told that the stream is busy; the other goes on',
    async ([send, receive]) => {
      let received: Bytes | null | undefined;
      await openNursery(async (nursery) => {
        nursery.startSoon(async () => {
          received = await receive.receiveSome(1);
        });
        await waitAllTasksBlocked();
        await expectRejects('a second receiveSome()', BusyResourceError, () => receive.receiveSome(1));
        await send.sendAll(bytes('x'));
      });
      expectBytes(received ?? null, 'x');
      await expectOneBusy([() => receive.receiveSome(1), () => receive.receiveSome(1)]);
    },
  ),
  check('8 waitSendAllMightNotBlock() returns on an idle stream whose receiver is waiting', async ([send, receive]) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() => receive.receiveSome(1));
      await send.waitSendAllMightNotBlock();
      await send.sendAll(bytes('x'));
    });
  }),
  check(
    '9, 10 after the receiver was closed sending breaks, sooner or later, and stays broken',
    async ([send, receive]) => {
      await receive.close();
      await expectSendsToBreak(send);
      await expectRejects('the next sendAll()', BrokenResourceError, () => send.sendAll(new Uint8Array(100)));
    },
  ),
  check('11 receiving from a stream that was closed here is a ClosedResourceError', async ([, receive]) => {
    await receive.close();
    await expectRejects('receiveSome()', ClosedResourceError, () => receive.receiveSome(4096));
  }),
  check('12 closing the receiver again, and aborting it, does nothing', async ([, receive]) => {
    await receive.close();
    await receive.close();
    receive.abort();
    await receive.close();
  }),
  check(
    '13 after the sender was closed here its calls are ClosedResourceErrors, also with nothing to send; closing again does nothing',
    async ([send]) => {
      await send.close();
      await expectRejects('sendAll()', ClosedResourceError, () => send.sendAll(bytes('x')));
      await expectRejects('sendAll(nothing)', ClosedResourceError, () => send.sendAll(bytes('')));
      await expectRejects('waitSendAllMightNotBlock()', ClosedResourceError, () => send.waitSendAllMightNotBlock());
      await send.close();
      send.abort();
      await send.close();
    },
  ),
  check(
    '14 what was sent before a graceful close arrives, then the end of file, again and again',
    async ([send, receive]) => {
      await both(
        async () => {
          await send.sendAll(bytes('y'));
          await send.close();
        },
        async () => {
          await waitAllTasksBlocked();
          expectBytes(await receive.receiveSome(1), 'y');
          for (let i = 0; i < 3; i++) expect((await receive.receiveSome(1)) === null, 'the end of file is not null');
          await receive.close();
        },
      );
    },
  ),
  check(
    '14a iterating gives every byte and ends at the end of file; leaving the loop does not close the stream',
    async ([send, receive]) => {
      await both(
        async () => {
          await send.sendAll(bytes('abc'));
          await send.sendAll(bytes('defgh'));
          await send.close();
        },
        async () => {
          const chunks: Uint8Array[] = [];
          for await (const chunk of receive) {
            chunks.push(chunk);
            break;
          }
          for await (const chunk of receive) chunks.push(chunk);
          expectBytes(concat(chunks), 'abcdefgh');
          expect((await receive.receiveSome()) === null, 'after the loop the end of file is not null');
        },
      );
    },
  ),
  check(
    '15 after the receiver was aborted sending breaks, and receiving is a ClosedResourceError',
    async ([send, receive]) => {
      receive.abort();
      await expectSendsToBreak(send);
      await expectRejects('receiveSome()', ClosedResourceError, () => receive.receiveSome(4096));
    },
  ),
  check(
    '16 after the sender was aborted sending is a ClosedResourceError, and the receiver gets the end of file or a BrokenResourceError',
    async ([send, receive]) => {
      send.abort();
      await expectRejects('sendAll()', ClosedResourceError, () => send.sendAll(bytes('123')));
      try {
        expect((await receive.receiveSome(4096)) === null, 'the receiver got bytes that nobody sent');
      } catch (error) {
        if (!(error instanceof BrokenResourceError)) throw error;
      }
    },
  ),
  check('17 in a cancelled scope close() closes all the same, and does not throw', async ([send, receive]) => {
    await inCancelledScope(async () => {
      await send.close();
      await receive.close();
    });
    await expectRejects('sendAll()', ClosedResourceError, () => send.sendAll(bytes('x')));
    await expectRejects('receiveSome()', ClosedResourceError, () => receive.receiveSome(4096));
  }),
  check(
    '18 in a cancelled scope every call throws Cancelled and does nothing; afterwards the streams close gracefully',
    async ([send, receive]) => {
      await inCancelledScope(async () => {
        await expectRejects('sendAll()', Cancelled, () => send.sendAll(bytes('x')));
        await expectRejects('waitSendAllMightNotBlock()', Cancelled, () => send.waitSendAllMightNotBlock());
        await expectRejects('receiveSome()', Cancelled, () => receive.receiveSome(1));
      });
      await both(
        async () => {
          await send.sendAll(bytes('y'));
          await send.close();
        },
        async () => {
          expectBytes(await receive.receiveSome(2), 'y');
          expect((await receive.receiveSome(2)) === null, 'more arrived than was sent');
          await receive.close();
        },
      );
    },
  ),
  check('18a a receive that is cancelled while it waits loses nothing', async ([send, receive]) => {
    await openNursery(async (nursery) => {
      const scope = new CancelScope();
      nursery.startSoon(() =>
        scope.run(() => expectRejects('a cancelled receiveSome()', Cancelled, () => receive.receiveSome(1))),
      );
      await waitAllTasksBlocked();
      scope.cancel();
      await waitAllTasksBlocked();
      nursery.startSoon(() => send.sendAll(bytes('abc')));
      expectBytes(await receiveExactly(receive, 3), 'abc');
    });
  }),
  check(
    '18b receiveInto() gives the same bytes in the caller’s memory, and touches no more of it',
    async ([send, receive]) => {
      if (receive.receiveInto === undefined) return;
      const buffer = bytes('......');
      await both(
        async () => {
          await send.sendAll(bytes('abc'));
          await send.close();
        },
        async () => {
          let filled = 0;
          while (filled < 3) {
            const count = await receive.receiveInto?.(buffer.subarray(filled));
            expect(typeof count === 'number' && count >= 1, 'receiveInto() resolved with no number of bytes');
            filled += count;
          }
          expectBytes(buffer, 'abc...');
          expect((await receive.receiveInto?.(buffer)) === null, 'the end of file is not null');
        },
      );
    },
  ),
  check(
    '19 a receive that waits is woken by close() and by abort(), with a ClosedResourceError',
    async ([, receive]) => {
      await openNursery(async (nursery) => {
        nursery.startSoon(() =>
          expectRejects('the waiting receiveSome()', ClosedResourceError, () => receive.receiveSome(1)),
        );
        await waitAllTasksBlocked();
        receive.abort();
      });
    },
  ),
  check('19a the same by a graceful close()', async ([, receive]) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(() =>
        expectRejects('the waiting receiveSome()', ClosedResourceError, () => receive.receiveSome(1)),
      );
      await waitAllTasksBlocked();
      await receive.close();
    });
  }),
];

export function bytes(text: string): Bytes {
  return new TextEncoder().encode(text);
}

export function expectBytes(chunk: Uint8Array | null, text: string): void {
  const got = chunk === null ? 'the end of file' : JSON.stringify(new TextDecoder().decode(chunk));
  expect(got === JSON.stringify(text), `received ${got} instead of ${JSON.stringify(text)}`);
}

export function concat(chunks: readonly Uint8Array[]): Bytes {
  const joined = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}

/** Receives until there are `count` bytes, with calls that may give fewer but not more. */
export async function receiveExactly(
  receive: ReceiveStream,
  count: number,
  receiveSome: (missing: number) => Promise<Bytes | null> = (missing) => receive.receiveSome(missing),
): Promise<Bytes> {
  const chunks: Uint8Array[] = [];
  for (let missing = count; missing > 0;) {
    const chunk = await receiveSome(missing);
    expect(chunk !== null, `the end of file came ${missing} bytes too early`);
    expect(chunk.length > 0, 'received an empty chunk, which is neither data nor the end of file');
    chunks.push(chunk);
    missing -= chunk.length;
  }
  return concat(chunks);
}

export async function both(first: () => Promise<unknown>, second: () => Promise<unknown>): Promise<void> {
  await openNursery(async (nursery) => {
    nursery.startSoon(first);
    nursery.startSoon(second);
    await Promise.resolve();
  });
}

export async function inCancelledScope(body: () => Promise<void>): Promise<void> {
  const scope = new CancelScope();
  scope.cancel();
  await scope.run(body);
}

/** Expects that of calls made at once, none of which can complete by itself, exactly one is refused as busy. */
export async function expectOneBusy(calls: readonly (() => Promise<unknown>)[]): Promise<void> {
  let busy = 0;
  await openNursery(async (nursery) => {
    for (const call of calls) {
      nursery.startSoon(async () => {
        try {
          await call();
        } catch (error) {
          if (!(error instanceof BusyResourceError)) throw error;
          busy++;
        }
      });
    }
    await waitAllTasksBlocked();
    nursery.cancelScope.cancel();
  });
  expect(
    busy === 1,
    `of ${calls.length} calls at once ${busy} were refused with BusyResourceError instead of exactly 1`,
  );
}

/** Buffers may take some before the news arrives that nobody receives. */
async function expectSendsToBreak(send: SendStream): Promise<void> {
  await expectRejects('sendAll(), repeated,', BrokenResourceError, async () => {
    for (;;) await send.sendAll(new Uint8Array(100));
  });
}
