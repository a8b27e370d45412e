/** A memory channel under any sequence of calls from any number of tasks agrees with three lists. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { BrokenResourceError, ClosedResourceError, EndOfChannel, WouldBlock } from 'bowline/core';
import { CancelScope, openMemoryChannel } from 'bowline/tasks';

import { settle } from '../support/scripted-clock.js';

interface Pending {
  readonly call: number;
  readonly scope: CancelScope;
  readonly handle: number;
}

/** What should become of every call: by the rules, on plain lists. */
class Model {
  readonly outcomes = new Map<number, string>();
  readonly buffer: number[] = [];
  sending: (Pending & { readonly value: number })[] = [];
  receiving: Pending[] = [];
  readonly senders = [true];
  readonly receivers = [true];
  readonly capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  send(pending: Pending, value: number, isNowait: boolean): void {
    const { call, handle } = pending;
    if (this.senders[handle] !== true) this.outcomes.set(call, 'closed');
    else if (!this.receivers.includes(true)) this.outcomes.set(call, 'broken');
    else if (this.receiving.length > 0) {
      this.outcomes.set((this.receiving.shift() as Pending).call, `got ${value}`);
      this.outcomes.set(call, 'sent');
    } else if (this.buffer.length < this.capacity) {
      this.buffer.push(value);
      this.outcomes.set(call, 'sent');
    } else if (isNowait) this.outcomes.set(call, 'would block');
    else this.sending.push({ ...pending, value });
  }

  receive(pending: Pending, isNowait: boolean): void {
    const { call, handle } = pending;
    if (this.receivers[handle] !== true) this.outcomes.set(call, 'closed');
    else if (this.buffer.length > 0 || this.sending.length > 0) {
      const sender = this.sending.shift();
      if (sender !== undefined) {
        this.outcomes.set(sender.call, 'sent');
        this.buffer.push(sender.value);
      }
      this.outcomes.set(call, `got ${this.buffer.shift()}`);
    } else if (!this.senders.includes(true)) this.outcomes.set(call, 'end');
    else if (isNowait) this.outcomes.set(call, 'would block');
    else this.receiving.push(pending);
  }

  cancel(call: number): void {
    for (const list of [this.sending, this.receiving]) {
      const index = list.findIndex((pending) => pending.call === call);
      if (index < 0) continue;
      list.splice(index, 1);
      this.outcomes.set(call, 'cancelled');
    }
  }

  closeSender(handle: number): void {
    this.senders[handle] = false;
    for (const { call } of this.sending.filter((it) => it.handle === handle)) this.outcomes.set(call, 'closed');
    this.sending = this.sending.filter((it) => it.handle !== handle);
    if (this.senders.includes(true)) return;
    for (const { call } of this.receiving) this.outcomes.set(call, 'end');
    this.receiving = [];
  }

  closeReceiver(handle: number): void {
    this.receivers[handle] = false;
    for (const { call } of this.receiving.filter((it) => it.handle === handle)) this.outcomes.set(call, 'closed');
    this.receiving = this.receiving.filter((it) => it.handle !== handle);
    if (this.receivers.includes(true)) return;
    this.buffer.length = 0;
    for (const { call } of this.sending) this.outcomes.set(call, 'broken');
    this.sending = [];
  }
}

const handle = fc.nat({ max: 5 });
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('send' as const), handle, nowait: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constant('receive' as const), handle, nowait: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('cancel' as const), handle: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constantFrom('clone sender' as const, 'clone receiver' as const), handle }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constantFrom('close sender' as const, 'close receiver' as const), handle }),
  },
);

test('any sequence of calls: each is done, refused or cut exactly as the model says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 3 }), fc.array(operation, { maxLength: 50 }), async (capacity, operations) => {
      const model = new Model(capacity);
      const [sender, receiver] = openMemoryChannel<number>(capacity);
      const senders = [sender];
      const receivers = [receiver];
      const scopes = new Map<number, CancelScope>();
      const outcomes = new Map<number, string>();
      operations.forEach((step, call) => {
        const pick = <T>(handles: readonly T[]): number => step.handle % handles.length;
        const run = (isNowait: boolean, now: () => string, later: () => Promise<string>): CancelScope => {
          const scope = new CancelScope();
          scopes.set(call, scope);
          const note = (outcome: string | undefined): unknown => outcomes.set(call, outcome ?? 'cancelled');
          if (isNowait) note(nameErrors(now));
          else scope.run(later).then(note, (error: unknown) => note(nameOf(error)));
          return scope;
        };
        switch (step.op) {
          case 'send': {
            const index = pick(senders);
            const channel = senders[index] as typeof sender;
            model.send({ call, scope: new CancelScope(), handle: index }, call, step.nowait);
            run(
              step.nowait,
              () => {
                channel.sendNowait(call);
                return 'sent';
              },
              () => channel.send(call).then(() => 'sent'),
            );
            break;
          }
          case 'receive': {
            const index = pick(receivers);
            const channel = receivers[index] as typeof receiver;
            model.receive({ call, scope: new CancelScope(), handle: index }, step.nowait);
            run(
              step.nowait,
              () => `got ${channel.receiveNowait()}`,
              () => channel.receive().then((value) => `got ${value}`),
            );
            break;
          }
          case 'cancel': {
            const calls = [...scopes.keys()];
            const target = calls[step.handle % Math.max(calls.length, 1)];
            if (target === undefined) break;
            model.cancel(target);
            scopes.get(target)?.cancel();
            break;
          }
          case 'clone sender': {
            const index = pick(senders);
            if (model.senders[index] !== true) break;
            senders.push((senders[index] as typeof sender).clone());
            model.senders.push(true);
            break;
          }
          case 'clone receiver': {
            const index = pick(receivers);
            if (model.receivers[index] !== true) break;
            receivers.push((receivers[index] as typeof receiver).clone());
            model.receivers.push(true);
            break;
          }
          case 'close sender': {
            const index = pick(senders);
            model.closeSender(index);
            senders[index]?.abort();
            break;
          }
          case 'close receiver': {
            const index = pick(receivers);
            model.closeReceiver(index);
            receivers[index]?.abort();
          }
        }
        const { currentBufferUsed, tasksWaitingSend, tasksWaitingReceive, openSendChannels, openReceiveChannels } =
          sender.statistics();
        assert.deepEqual(
          [currentBufferUsed, tasksWaitingSend, tasksWaitingReceive, openSendChannels, openReceiveChannels],
          [
            model.buffer.length,
            model.sending.length,
            model.receiving.length,
            model.senders.filter(Boolean).length,
            model.receivers.filter(Boolean).length,
          ],
        );
      });
      await settle(2);
      assert.deepEqual([...outcomes].sort(byCall), [...model.outcomes].sort(byCall));
      for (const scope of scopes.values()) scope.cancel();
      await settle(1);
    }),
    { numRuns: 300 },
  );
});

function byCall([a]: readonly [number, string], [b]: readonly [number, string]): number {
  return a - b;
}

function nameErrors(call: () => string): string {
  try {
    return call();
  } catch (error) {
    return nameOf(error);
  }
}

function nameOf(error: unknown): string {
  if (error instanceof ClosedResourceError) return 'closed';
  if (error instanceof BrokenResourceError) return 'broken';
  if (error instanceof EndOfChannel) return 'end';
  if (error instanceof WouldBlock) return 'would block';
  return String(error);
}
