/**
 * What a datagram socket owes its callers where it owes so little: boundaries, honesty about errors, and a life that can
 * be cancelled and ended. Nothing in here expects that a datagram arrives which another check would not send again, except
 * that the socket under test is on a network that does not lose them.
 *
 * Source: Trio's DTLS and anyio's UDP tests, as rules; neither has a suite.
 */
import type { InetAddress } from '../core/address.ts';
import type { Bytes } from '../core/bytes.ts';
import { BusyResourceError, ClosedResourceError, DatagramTooLargeError } from '../core/errors.ts';
import type { Datagram, DatagramSocketLike } from '../core/network.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { Cancelled } from '../tasks/cancelled.ts';
import { openNursery } from '../tasks/nursery.ts';
import { check, expect, expectRejects } from './contract-check.ts';
import type { Check } from './contract-check.ts';
import { bytes, expectBytes, inCancelledScope } from './one-way-checks.ts';
import { waitAllTasksBlocked } from './wait-all-tasks-blocked.ts';

export type DatagramPair = readonly [DatagramSocketLike, DatagramSocketLike];

export const datagramChecks: readonly Check<DatagramPair>[] = [
  check('1 one send is one datagram: boundaries are kept, and an empty one arrives', async ([a, b]) => {
    const sent = ['abc', '', 'def'];
    for (const text of sent) await a.send(to(b, text));
    const received: string[] = [];
    for (let i = 0; i < sent.length; i++) received.push(new TextDecoder().decode((await b.receive()).data));
    expect(
      JSON.stringify([...received].sort()) === JSON.stringify([...sent].sort()),
      `received ${JSON.stringify(received)} instead of ${JSON.stringify(sent)}`,
    );
  }),
  check('2 a datagram carries its sender, who can be answered by it', async ([a, b]) => {
    await a.send(to(b, 'x'));
    const datagram = await b.receive();
    expect(same(datagram.address, a.address), `the sender is ${show(datagram.address)} instead of ${show(a.address)}`);
    await b.send(datagram);
    const answer = await a.receive();
    expectBytes(answer.data, 'x');
    expect(same(answer.address, b.address), `the answer is from ${show(answer.address)}`);
  }),
  check('3 the bytes received are the receiver’s own; the memory sent may be reused', async ([a, b]) => {
    const data = bytes('..abc..');
    await a.send({ data: data.subarray(2, 5), address: b.address });
    data.fill(0);
    const first = await b.receive();
    expectBytes(first.data, 'abc');
    expect(first.data.buffer instanceof ArrayBuffer, 'the bytes are not over an ArrayBuffer');
    first.data.fill(0);
    await a.send(to(b, 'def'));
    expectBytes((await b.receive()).data, 'def');
  }),
  check('4 iterating gives datagrams; leaving the loop does not close the socket', async ([a, b]) => {
    await a.send(to(b, 'x'));
    for await (const { data } of b) {
      expectBytes(data, 'x');
      break;
    }
    await a.send(to(b, 'y'));
    expectBytes((await b.receive()).data, 'y');
  }),
  check('5 of two receives at once the second is busy; the first goes on', async ([a, b]) => {
    await openNursery(async (nursery) => {
      nursery.startSoon(async () => expectBytes((await b.receive()).data, 'x'));
      await waitAllTasksBlocked();
      await expectRejects('a second receive()', BusyResourceError, () => b.receive());
      await a.send(to(b, 'x'));
    });
  }),
  check('6 sends at once are allowed, and each is a datagram', async ([a, b]) => {
    await openNursery(async (nursery) => {
      for (let i = 0; i < 5; i++) nursery.startSoon(() => a.send(to(b, String(i))));
      await waitAllTasksBlocked();
    });
    const received = new Set<string>();
    for (let i = 0; i < 5; i++) received.add(new TextDecoder().decode((await b.receive()).data));
    expect(received.size === 5, `received ${received.size} different datagrams of 5`);
  }),
  check('7 too much data is a DatagramTooLargeError, and the socket goes on', async ([a, b]) => {
    await expectRejects('send(65,536 bytes)', DatagramTooLargeError, () =>
      a.send({ data: new Uint8Array(65_536), address: b.address }),
    );
    await a.send(to(b, 'x'));
    expectBytes((await b.receive()).data, 'x');
  }),
  check('8 wrong arguments are a TypeError or RangeError, also on a closed socket', async ([a, b]) => {
    const checkAll = async (): Promise<void> => {
      await expectRejects('send(text)', TypeError, () => a.send({ data: 'x' as unknown as Bytes, address: b.address }));
      await expectRejects('send() to port 0', RangeError, () =>
        a.send({ data: bytes('x'), address: { ...b.address, port: 0 } }),
      );
    };
    await checkAll();
    a.abort();
    await checkAll();
  }),
  check('9 after close() every call is a ClosedResourceError; closing again does nothing', async ([a, b]) => {
    await a.send(to(b, 'x'));
    await waitAllTasksBlocked();
    for (let i = 0; i < 2; i++) {
      await b.close();
      await expectRejects('receive()', ClosedResourceError, () => b.receive());
      await expectRejects('send()', ClosedResourceError, () => b.send(to(a, 'x')));
    }
    b.abort();
  }),
  check('10 a receive() that waits is woken by close() and by abort(), with a ClosedResourceError', async (pair) => {
    for (const [i, socket] of pair.entries()) {
      await openNursery(async (nursery) => {
        nursery.startSoon(() => expectRejects('the waiting receive()', ClosedResourceError, () => socket.receive()));
        await waitAllTasksBlocked();
        if (i === 0) await socket.close();
        else socket.abort();
      });
    }
  }),
  check('11 a closed peer breaks nothing: sending to it goes on', async ([a, b]) => {
    await b.close();
    for (let i = 0; i < 3; i++) {
      await a.send(to(b, 'x'));
      await waitAllTasksBlocked();
    }
    await a.send(to(a, 'to myself'));
    expectBytes((await a.receive()).data, 'to myself');
  }),
  check('12 in a cancelled scope every call throws Cancelled and does nothing', async ([a, b]) => {
    await a.send(to(b, 'kept'));
    await waitAllTasksBlocked();
    await inCancelledScope(async () => {
      await expectRejects('send()', Cancelled, () => a.send(to(b, 'never')));
      await expectRejects('receive()', Cancelled, () => b.receive());
    });
    await a.send(to(b, 'kept'));
    for (let i = 0; i < 2; i++) expectBytes((await b.receive()).data, 'kept');
  }),
  check('13 a receive() that is cancelled while it waits loses nothing', async ([a, b]) => {
    await openNursery(async (nursery) => {
      const scope = new CancelScope();
      nursery.startSoon(() => scope.run(() => expectRejects('the cancelled receive()', Cancelled, () => b.receive())));
      await waitAllTasksBlocked();
      scope.cancel();
      await waitAllTasksBlocked();
      await a.send(to(b, 'x'));
      expectBytes((await b.receive()).data, 'x');
    });
  }),
  check('14 in a cancelled scope close() closes all the same, and does not throw', async ([a]) => {
    await inCancelledScope(() => a.close());
    await expectRejects('receive()', ClosedResourceError, () => a.receive());
  }),
];

function to({ address }: DatagramSocketLike, text: string): Datagram {
  return { data: bytes(text), address };
}

function same(a: InetAddress, b: InetAddress): boolean {
  return show(a) === show(b);
}

function show({ host, port }: InetAddress): string {
  return `${host} port ${port}`;
}
