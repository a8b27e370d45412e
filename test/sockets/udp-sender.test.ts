import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ClosedResourceError, DatagramError, WouldBlock } from 'bowline/core';
import { Cancelled, CancelScope, openNursery } from 'bowline/tasks';
import { waitAllTasksBlocked } from 'bowline/testing';

import type { QueuedSend } from '#src/platform/datagram-handle.js';
import type { UdpCarrier } from '#src/sockets/udp-carrier.js';
import { UdpSender } from '#src/sockets/udp-sender.js';

/** A system whose buffer is always full: everything is queued. */
class FullCarrier {
  readonly queued: QueuedSend[] = [];
  readonly peer = undefined;

  send(): QueuedSend {
    const request: QueuedSend = { settle: undefined };
    this.queued.push(request);
    return request;
  }
}

const data = new Uint8Array(10);

function full(): { carrier: FullCarrier; sender: UdpSender; late: Error[] } {
  const carrier = new FullCarrier();
  const late: Error[] = [];
  const sender = new UdpSender(carrier as unknown as UdpCarrier, {
    waitKind: 'virtual',
    onLateError: (error) => late.push(error),
  });
  return { carrier, sender, late };
}

test('a send waits while the system holds its datagram, and fails as the datagram does', async () => {
  const { carrier, sender } = full();
  await openNursery(async (nursery) => {
    const order: string[] = [];
    nursery.startSoon(async () => {
      await sender.send(data, 7, '192.0.2.1');
      order.push('sent');
    });
    nursery.startSoon(() =>
      assert.rejects(sender.send(data, 7, '2001:db8::1'), (error) => {
        assert.ok(error instanceof DatagramError && error.reason === 'no buffers');
        assert.equal(error.message, 'datagram to [2001:db8::1]:7: the system has no memory for it (ENOBUFS)');
        return true;
      }),
    );
    await waitAllTasksBlocked();
    assert.deepEqual(order, []);
    carrier.queued[0]?.settle?.(undefined);
    carrier.queued[1]?.settle?.(Object.assign(new Error('x'), { code: 'ENOBUFS' }));
  });
  assert.equal(sender.datagramsSent, 1);
  assert.equal(sender.bytesSent, 10);
});

test('no more than 64 datagrams are given to the system; further sends wait their turn, in order', async () => {
  const { carrier, sender } = full();
  await openNursery(async (nursery) => {
    for (let i = 0; i < 100; i++) nursery.startSoon(() => sender.send(data, 7, '192.0.2.1'));
    await waitAllTasksBlocked();
    assert.equal(carrier.queued.length, 64);
    assert.throws(() => sender.sendNowait(data, 7, '192.0.2.1'), WouldBlock);
    for (let i = 0; i < 36; i++) carrier.queued[i]?.settle?.(undefined);
    await waitAllTasksBlocked();
    assert.equal(carrier.queued.length, 100);
    for (let i = 36; i < 100; i++) carrier.queued[i]?.settle?.(undefined);
  });
  assert.equal(sender.datagramsSent, 100);
});

test('a send that is cancelled while the system holds its datagram ends at once; the next go on', async () => {
  const { carrier, sender } = full();
  await openNursery(async (nursery) => {
    const scope = new CancelScope();
    nursery.startSoon(() => scope.run(() => assert.rejects(sender.send(data, 7, '192.0.2.1'), Cancelled)));
    await waitAllTasksBlocked();
    scope.cancel();
    await waitAllTasksBlocked();
    nursery.startSoon(() => sender.send(data, 7, '192.0.2.1'));
    await waitAllTasksBlocked();
    for (const request of carrier.queued) request.settle?.(undefined);
  });
  assert.equal(sender.datagramsSent, 2);
});

test('the end of the socket ends the sends that wait, those for their turn as well; what the system says later is nobody’s', async () => {
  const { carrier, sender, late } = full();
  await openNursery(async (nursery) => {
    for (let i = 0; i < 65; i++) {
      nursery.startSoon(() => assert.rejects(sender.send(data, 7, '192.0.2.1'), ClosedResourceError));
    }
    await waitAllTasksBlocked();
    sender.finish(() => new ClosedResourceError());
  });
  for (const request of carrier.queued) request.settle?.(new Error('cancelled'));
  assert.deepEqual(late, []);
  await assert.rejects(sender.send(data, 7, '192.0.2.1'), ClosedResourceError);
});

test('what becomes of a datagram of sendNowait later is told as an error of the socket', () => {
  const { carrier, sender, late } = full();
  sender.sendNowait(data, 7, '192.0.2.1');
  carrier.queued[0]?.settle?.(new Error('of the system'));
  assert.deepEqual(
    late.map(({ message }) => message),
    ['of the system'],
  );
});
