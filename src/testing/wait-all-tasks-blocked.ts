/**
 * `waitAllTasksBlocked()`: let everything happen that can happen now, then go on.
 *
 * The replacement for "sleep a little and hope" in tests: start a task, wait until it is blocked, then look, or do the
 * next thing. What counts as blocked is told in `idle-watch.ts`.
 */
import { checkDuration } from '../tasks/cancel-scope.ts';
import { currentNode } from '../tasks/environment.ts';
import type { ScopeNode } from '../tasks/scope-node.ts';
import { suspend } from '../tasks/waiter.ts';
import { IdleWatch } from './idle-watch.ts';

/** By the node that is the root of what they watch: where a clock is installed, or the outermost scope. */
const watches = new WeakMap<ScopeNode, IdleWatch>();

/** For clocks: `waitAllTasksBlocked` below `root` goes through `watch`. */
export function registerWatch(root: ScopeNode, watch: IdleWatch): () => void {
  watches.set(root, watch);
  return () => {
    watches.delete(root);
  };
}

/**
 * Waits until every other task has been blocked for `cushionMs`. Of several such calls those with the smallest cushion
 * go on first, together. An autojumping MockClock does not jump while a call is waiting.
 *
 * "Every other task" are the tasks under the current MockClock; without one, those under the outermost scope around the
 * caller. Code that runs outside of any scope or nursery is not seen, except that it must have come to rest.
 *
 * @param cushionMs real milliseconds, >= 0. Default 0: a few turns of the event loop
 * @throws Error nothing moved for 10 s of real time (of a MockClock: its `watchdogMs`) and the tasks are not all blocked; names the one that is not
 */
export function waitAllTasksBlocked(cushionMs = 0): Promise<void> {
  try {
    checkDuration(cushionMs);
  } catch (error) {
    return Promise.reject(error);
  }
  return suspend<void>((waiter) => findWatch().addWait(cushionMs, waiter), { kind: 'virtual' });
}

/** The watch that sees the current task: that of its MockClock, or one on all tasks that can be reached from here. */
function findWatch(): IdleWatch {
  let top: ScopeNode | null = null;
  for (let node = currentNode(); node !== null; node = node.parent) {
    const watch = watches.get(node);
    if (watch !== undefined) return watch;
    top = node;
  }
  const watch = new IdleWatch();
  if (top !== null) {
    // Kept, so that calls with different cushions know of each other.
    watches.set(top, watch);
    watch.addRoot(top);
  }
  return watch;
}
