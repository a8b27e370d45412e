/**
 * Is anything going on? The question that virtual time has to answer before it may jump.
 *
 * JavaScript has no task object to ask whether it is blocked. But every wait of the library is registered in a node of
 * the tree, and every task is a node; so a task is blocked as far as anyone can know if some wait is registered in its
 * own part of the tree. A task without one is running, or awaits a promise the library knows nothing of.
 */
import type { ScopeNode } from './scope-node.ts';

export interface Idleness {
  /** Name of a task that has no wait registered; `undefined` if every task is blocked. */
  readonly unblocked: string | undefined;
  /** Waits by what ends them; see `WaitKind`. */
  readonly virtual: number;
  readonly external: number;
  readonly busy: number;
}

interface TaskRecord {
  readonly node: ScopeNode;
  waits: number;
}

/** Looks at every task and wait below `root`. */
export function inspectTasks(root: ScopeNode): Idleness {
  const counts = { virtual: 0, external: 0, busy: 0, parked: 0 };
  const records: TaskRecord[] = [];
  const pending: { readonly node: ScopeNode; readonly record: TaskRecord }[] = [];
  const visit = (node: ScopeNode, outer: TaskRecord | undefined): void => {
    let record = outer;
    if (record === undefined || node.role !== 'scope') {
      record = { node, waits: 0 };
      records.push(record);
    }
    pending.push({ node, record });
  };
  visit(root, undefined);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { node, record } = next;
    for (let wait = node.firstWait; wait !== null; wait = wait.nextWait) {
      record.waits++;
      counts[wait.kind]++;
    }
    for (let child = node.firstChild; child !== null; child = child.nextSibling) visit(child, record);
  }
  // Background work is there to be woken by others; having nothing to do is its normal state.
  const unblocked = records.find((record) => record.waits === 0 && record.node.role !== 'background');
  return {
    unblocked: unblocked === undefined ? undefined : unblocked.node.name || '(anonymous task)',
    virtual: counts.virtual,
    external: counts.external,
    busy: counts.busy,
  };
}
