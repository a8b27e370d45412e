/** Runs a program on the library itself, and notes how each block ended. */
import { CancelScope, Cancelled, currentTime, openNursery, sleep } from 'bowline/tasks';
import type { Nursery } from 'bowline/tasks';

import { virtually } from '../../support/scripted-clock.js';
import type { Block, Program, Step, Trace } from './program.js';

/** Enough turns of the event loop for every chain of refused waits that a program can make at one moment. */
const TURNS = 40;

export async function execute({ root }: Program): Promise<Trace> {
  const trace: Trace = new Map();
  const scopes = new Map<number, CancelScope>();
  const nurseries = new Map<number, Nursery>();
  const running = new Set<number>();

  async function runBlock(block: Block, started?: () => void): Promise<void> {
    let outcome = 'value';
    let scope: CancelScope | undefined;
    running.add(block.id);
    try {
      let value: string | undefined;
      if (block.kind === 'scope') {
        scope = new CancelScope({ shield: block.shield, timeoutMs: block.timeoutMs });
        scopes.set(block.id, scope);
        value = await scope.run(() => runBody(block, started));
      } else {
        value = await openNursery((nursery) => {
          scope = nursery.cancelScope;
          scope.shield = block.shield;
          if (block.timeoutMs !== Infinity) scope.deadline = currentTime() + block.timeoutMs;
          scopes.set(block.id, scope);
          nurseries.set(block.id, nursery);
          return runBody(block, started);
        });
      }
      if (value === undefined) outcome = 'cut';
    } catch (error) {
      outcome = describe(error);
      if (!block.isSwallowed) throw error;
    } finally {
      running.delete(block.id);
      nurseries.delete(block.id);
      const { cancelCalled, cancelledCaught } = scope as CancelScope;
      trace.set(block.id, { at: currentTime(), outcome, cancelCalled, cancelledCaught });
    }
  }

  async function runBody(block: Block, started?: () => void): Promise<string> {
    try {
      for (const step of block.steps) {
        await sleep(step.ms);
        await runStep(step, started);
      }
    } finally {
      if (block.cleansUp) await new CancelScope({ shield: true }).run(() => sleep(block.cleanupMs));
    }
    return 'value';
  }

  async function runStep(step: Step, started?: () => void): Promise<void> {
    switch (step.op) {
      case 'sleep':
        return;
      case 'throw':
        throw new Error(String(step.id));
      case 'started':
        started?.();
        return;
      case 'cancel':
      case 'shield':
      case 'deadline': {
        const id = step.target;
        const scope = scopes.get(id);
        if (scope === undefined || !running.has(id)) return;
        if (step.op === 'cancel') scope.cancel();
        else if (step.op === 'shield') scope.shield = step.on;
        else scope.deadline = currentTime() + step.later;
        return;
      }
      case 'block':
        await runBlock(step.block);
        return;
      case 'spawn':
        nurseries.get(step.target)?.startSoon(() => runBlock(step.block));
        return;
      case 'start': {
        const nursery = nurseries.get(step.target);
        try {
          await nursery?.start((report) => {
            let reported = false;
            return runBlock(step.block, () => {
              if (!reported) report();
              reported = true;
            });
          });
        } catch (error) {
          await new CancelScope({ shield: true }).run(() => sleep(step.failsLaterMs));
          throw error;
        }
      }
    }
  }

  await virtually(() => runBlock(root).catch(() => undefined), TURNS);
  return trace;
}

function describe(error: unknown): string {
  if (error instanceof Cancelled) return 'cancelled';
  return leaves(error)
    .map((leaf) => (/started/.test(leaf.message) ? 'not started' : leaf.message))
    .sort()
    .join();
}

function leaves(error: unknown): Error[] {
  return error instanceof AggregateError ? (error.errors as unknown[]).flatMap(leaves) : [error as Error];
}
