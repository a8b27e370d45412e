import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import type { Cancelled } from 'bowline/tasks';
import { ScopeExitedError, Waiter } from 'bowline/tasks';

import { ScopeNode } from '#src/tasks/scope-node.js';

/** By the definition, without anything remembered. */
function isCancelled(node: ScopeNode): boolean {
  return node.own !== null || (!node.shield && node.parent !== null && isCancelled(node.parent));
}

function waitIn(node: ScopeNode, onCancel: (why: Cancelled) => false | void): Waiter<void> {
  const waiter = new Waiter<void>('virtual', onCancel);
  waiter.waitIn(node).catch(() => undefined);
  return waiter;
}

test('on a cancel every flag of the subtree is set before any callback runs', () => {
  const root = new ScopeNode('scope', 'root', null);
  const nodes = [root];
  for (let i = 1; i < 20; i++) nodes.push(new ScopeNode('scope', `${i}`, nodes[(i - 1) >> 1] as ScopeNode));
  let calls = 0;
  for (const node of nodes) {
    waitIn(node, () => {
      calls++;
      for (const other of nodes) assert.equal(other.effective, root.own);
    });
  }
  root.cancel('explicit');
  assert.equal(calls, 20);
});

test('cancellation is delivered outer before inner, older before younger', () => {
  const log: string[] = [];
  const node = (name: string, parent: ScopeNode | null): ScopeNode => {
    const made = new ScopeNode('scope', name, parent);
    for (const which of ['first', 'second']) {
      waitIn(made, () => {
        log.push(`${name} ${which}`);
      });
    }
    return made;
  };
  const root = node('root', null);
  const older = node('older', root);
  node('in older', older);
  node('younger', root);
  root.cancel('explicit');
  assert.deepEqual(log, [
    'root first',
    'root second',
    'older first',
    'older second',
    'in older first',
    'in older second',
    'younger first',
    'younger second',
  ]);
});

test('moving a subtree delivers what the new place means, and takes away what the old one meant', () => {
  const cancelled = new ScopeNode('scope', 'cancelled', null);
  cancelled.cancel('explicit');
  const calm = new ScopeNode('scope', 'calm', null);
  const task = new ScopeNode('task', 'task', calm);
  const inner = new ScopeNode('scope', 'inner', task);
  const waiter = waitIn(inner, () => undefined);
  const { signal } = inner;
  task.moveTo(cancelled);
  assert.equal(waiter.pending, false);
  assert.equal(inner.effective, cancelled.own);
  assert.equal(signal.aborted, true);
  task.moveTo(calm);
  assert.equal(inner.effective, null);
  assert.equal(inner.signal.aborted, false);
  assert.equal(cancelled.firstChild, null);
});

test('a tree ten thousand deep and one fifty thousand wide are cancelled and ended without recursion', () => {
  for (const shape of ['deep', 'wide'] as const) {
    const root = new ScopeNode('scope', 'root', null);
    let parent = root;
    let calls = 0;
    for (let i = 0; i < (shape === 'deep' ? 10_000 : 50_000); i++) {
      const node = new ScopeNode('scope', '', shape === 'deep' ? parent : root);
      waitIn(node, () => {
        calls++;
        return false;
      });
      parent = node;
    }
    root.cancel('explicit');
    assert.equal(calls, shape === 'deep' ? 10_000 : 50_000);
    assert.equal(parent.effective, root.own);
    root.exit();
    assert.equal(parent.exited, true);
  }
});

test('random trees: the flags agree with the definition, and each wait is told once, exactly when it is cut', () => {
  const operation = fc.oneof(
    { weight: 4, arbitrary: fc.record({ op: fc.constant('child' as const), at: fc.nat(), shield: fc.boolean() }) },
    { weight: 4, arbitrary: fc.record({ op: fc.constant('wait' as const), at: fc.nat(), stubborn: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('cancel' as const), at: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('shield' as const), at: fc.nat(), on: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('move' as const), at: fc.nat(), to: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('exit' as const), at: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('settle' as const), at: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('signal' as const), at: fc.nat() }) },
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      let nodes = [new ScopeNode('scope', 'root', null)];
      const waits: { node: ScopeNode; waiter: Waiter<void>; told: number; stubborn: boolean }[] = [];
      const signals: { node: ScopeNode; signal: AbortSignal }[] = [];
      const isBelow = (node: ScopeNode, top: ScopeNode): boolean => {
        for (let at: ScopeNode | null = node; at !== null; at = at.parent) if (at === top) return true;
        return false;
      };
      for (const step of operations) {
        const node = nodes[step.at % nodes.length] as ScopeNode;
        switch (step.op) {
          case 'child': {
            const child = new ScopeNode('scope', '', node);
            child.setShield(step.shield);
            nodes.push(child);
            break;
          }
          case 'wait': {
            if (isCancelled(node)) break;
            const record = { node, waiter: null as unknown as Waiter<void>, told: 0, stubborn: step.stubborn };
            record.waiter = waitIn(node, () => {
              record.told++;
              return step.stubborn ? false : undefined;
            });
            waits.push(record);
            break;
          }
          case 'cancel':
            node.cancel('explicit');
            break;
          case 'shield':
            node.setShield(step.on);
            break;
          case 'move': {
            const to = nodes[step.to % nodes.length] as ScopeNode;
            if (!isBelow(to, node)) node.moveTo(to);
            break;
          }
          case 'exit': {
            if (node.parent === null) break;
            const gone = new Set(nodes.filter((other) => isBelow(other, node)));
            node.exit();
            nodes = nodes.filter((other) => !gone.has(other));
            for (const wait of waits) if (gone.has(wait.node)) assert.equal(wait.waiter.pending, false);
            break;
          }
          case 'settle': {
            const wait = waits[step.at % Math.max(waits.length, 1)];
            wait?.waiter.resolve();
            break;
          }
          case 'signal':
            signals.push({ node, signal: node.signal });
        }
        for (const each of nodes) {
          assert.equal(each.effective !== null, isCancelled(each));
          assert.equal(each.signal.aborted, isCancelled(each));
        }
        for (const wait of waits) {
          assert.ok(wait.told <= 1, 'told at most once');
          if (wait.told === 1 && !wait.stubborn) assert.equal(wait.waiter.pending, false);
          if (nodes.includes(wait.node) && wait.waiter.pending && isCancelled(wait.node)) {
            assert.ok(wait.stubborn && wait.told === 1, 'what is pending in a cancelled node was asked and refused');
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('a node that has ended refuses with ScopeExitedError, cancelled or not', async () => {
  const node = new ScopeNode('scope', 'ended', null);
  node.cancel('explicit');
  node.exit();
  for (let i = 0; i < 3; i++) await assert.rejects(node.refuse(), ScopeExitedError);
  assert.equal(node.signal.aborted, true);
});
