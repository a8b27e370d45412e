import assert from 'node:assert/strict';
import test from 'node:test';

import { BrokenResourceError, ClosedResourceError } from 'bowline/core';
import { CancelScope, openNursery, withClock } from 'bowline/tasks';
import type { Nursery } from 'bowline/tasks';
import { lockstepStreamOneWayPair, MockClock, waitAllTasksBlocked } from 'bowline/testing';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (chunk: Uint8Array | null): string | null => (chunk === null ? null : new TextDecoder().decode(chunk));

function virtual(body: (nursery: Nursery) => Promise<void>): Promise<void> {
  return withClock(new MockClock(), () => openNursery(body));
}

test('a send is done when its last byte was received, not before', () =>
  virtual(async (nursery) => {
    const [send, receive] = lockstepStreamOneWayPair();
    let sent = false;
    nursery.startSoon(async () => {
      await send.sendAll([bytes('ab'), bytes('c')]);
      sent = true;
    });
    await waitAllTasksBlocked();
    assert.equal(text(await receive.receiveSome(2)), 'ab');
    await waitAllTasksBlocked();
    assert.equal(sent, false);
    assert.equal(text(await receive.receiveSome(2)), 'c');
    await waitAllTasksBlocked();
    assert.equal(sent, true);
  }));

test('waitSendAllMightNotBlock waits for a receiver', () =>
  virtual(async (nursery) => {
    const [send, receive] = lockstepStreamOneWayPair();
    let ready = false;
    nursery.startSoon(async () => {
      await send.waitSendAllMightNotBlock();
      ready = true;
      await send.sendAll(bytes('x'));
    });
    await waitAllTasksBlocked();
    assert.equal(ready, false);
    assert.equal(text(await receive.receiveSome()), 'x');
    assert.equal(ready, true);
  }));

test('D20 a cancelled send withdraws what was not received, and the stream stays usable', () =>
  virtual(async (nursery) => {
    const [send, receive] = lockstepStreamOneWayPair();
    const scope = new CancelScope();
    nursery.startSoon(() => scope.run(() => send.sendAll(bytes('abcdef'))));
    await waitAllTasksBlocked();
    assert.equal(text(await receive.receiveSome(2)), 'ab');
    scope.cancel();
    await waitAllTasksBlocked();
    nursery.startSoon(async () => {
      await send.sendAll(bytes('next'));
      await send.close();
    });
    assert.equal(text(await receive.receiveSome()), 'next');
    assert.equal(await receive.receiveSome(), null);
  }));

test('a send that completes in the same turn as its cancel is not both received and withdrawn', () =>
  virtual(async (nursery) => {
    const [send, receive] = lockstepStreamOneWayPair();
    const scope = new CancelScope();
    let sent = false;
    nursery.startSoon(() =>
      scope.run(async () => {
        await send.sendAll(bytes('ab'));
        sent = true;
      }),
    );
    await waitAllTasksBlocked();
    const received = receive.receiveSome();
    scope.cancel();
    assert.equal(text(await received), 'ab');
    await waitAllTasksBlocked();
    assert.equal(sent, true, 'a wait that was given its value keeps it');
  }));

test('the receiver going away breaks a send that is under way, and lets a wait return', () =>
  virtual(async (nursery) => {
    const [send, receive] = lockstepStreamOneWayPair();
    nursery.startSoon(() => assert.rejects(send.sendAll(bytes('abc')), BrokenResourceError));
    await waitAllTasksBlocked();
    assert.equal(text(await receive.receiveSome(1)), 'a');
    await receive.close();
    await waitAllTasksBlocked();
    await send.waitSendAllMightNotBlock();
    await assert.rejects(send.sendAll(bytes('x')), BrokenResourceError);
    await send.sendAll(bytes(''));
  }));

test('the sender closing cuts its send off: what was received is a prefix, then comes the end', () =>
  virtual(async (nursery) => {
    const [send, receive] = lockstepStreamOneWayPair();
    nursery.startSoon(() => assert.rejects(send.sendAll(bytes('abc')), ClosedResourceError));
    await waitAllTasksBlocked();
    assert.equal(text(await receive.receiveSome(1)), 'a');
    send.abort();
    assert.equal(await receive.receiveSome(), null);
    assert.equal(await receive.receiveSome(), null);
  }));
