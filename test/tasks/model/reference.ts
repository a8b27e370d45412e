/**
 * The model: what should happen, computed in the most direct way. Tasks are generators, whether something is cancelled is
 * looked up from the definition each time, and a loop moves the time to whatever comes next.
 *
 *     effectively cancelled = cancelled itself, or not shielded and the parent effectively cancelled
 */
/* eslint-disable @typescript-eslint/only-throw-error -- what a model throws is data */
import type { Block, Program, Step, Trace } from './program.js';

interface Node {
  parent: Node | undefined;
  own: boolean;
  shield: boolean;
  deadline: number;
  /** A deadline counts while the block runs. */
  entered: boolean;
  left: boolean;
}

interface Group {
  readonly node: Node;
  living: number;
  failures: Thrown[];
  wasCut: boolean;
}

/** What is thrown: a cancellation, or failures by their ids. */
type Thrown = 'cancelled' | readonly string[];

type Wait =
  | { readonly kind: 'sleep'; readonly until: number; readonly node: Node }
  | { readonly kind: 'join'; readonly group: Group }
  | { readonly kind: 'start'; readonly starting: Starting };

interface Starting {
  outcome: { readonly failed: false } | { readonly failed: true; readonly thrown: Thrown } | undefined;
  reported: boolean;
  moved: boolean;
}

type Run = Generator<Wait, void, void>;

interface Task {
  readonly run: Run;
  wait: Wait | undefined;
  readonly ended: (thrown: Thrown | undefined) => void;
}

export function simulate({ root }: Program): Trace {
  const trace: Trace = new Map();
  const nodes = new Map<number, Node>();
  const groups = new Map<number, Group>();
  const tasks = new Set<Task>();
  let now = 0;

  function isCancelled(node: Node): boolean {
    return node.own || isCancelledFromOutside(node);
  }
  function isCancelledFromOutside(node: Node): boolean {
    return !node.shield && node.parent !== undefined && isCancelled(node.parent);
  }
  function makeNode(parent: Node | undefined, shield = false): Node {
    return { parent, own: false, shield, deadline: Infinity, entered: true, left: false };
  }

  function* sleep(node: Node, ms: number): Run {
    const until = now + ms;
    if (isCancelled(node)) throw 'cancelled' satisfies Thrown;
    yield { kind: 'sleep', until, node };
  }

  function* runBlock(
    block: Block,
    parent: Node | undefined,
    starting: Starting | undefined,
    task: Node | undefined,
  ): Run {
    const node = makeNode(parent, block.shield);
    if (block.timeoutMs !== Infinity) node.deadline = now + block.timeoutMs;
    nodes.set(block.id, node);
    const group: Group = { node, living: 1, failures: [], wasCut: false };
    if (block.kind === 'nursery') groups.set(block.id, group);
    let thrown: Thrown | undefined;
    try {
      yield* runBody(block, node, starting, task);
    } catch (error) {
      thrown = error as Thrown;
    }
    let outcome = 'value';
    let caught = false;
    const wasThrown = thrown !== undefined;
    if (block.kind === 'nursery') {
      if (thrown !== undefined) judge(group, thrown, node);
      group.living--;
      if (group.living > 0) yield { kind: 'join', group };
      groups.delete(block.id);
      const isOwn = node.own && !isCancelledFromOutside(node);
      caught = group.wasCut && isOwn;
      thrown = undefined;
      const real = group.failures.filter((failure) => failure !== 'cancelled');
      if (real.length > 0) thrown = real.flat();
      else if (group.failures.length > 0) thrown = 'cancelled';
      else if (group.wasCut && !isOwn) thrown = 'cancelled';
      else if (wasThrown) outcome = 'cut';
    } else if (thrown === 'cancelled' && node.own && !isCancelledFromOutside(node)) {
      caught = true;
      thrown = undefined;
      outcome = 'cut';
    }
    node.left = true;
    if (thrown !== undefined) outcome = thrown === 'cancelled' ? 'cancelled' : [...thrown].sort().join();
    trace.set(block.id, { at: now, outcome, cancelCalled: node.own, cancelledCaught: caught });
    if (thrown !== undefined && !block.isSwallowed) throw thrown;
  }

  function* runBody(block: Block, node: Node, starting: Starting | undefined, task: Node | undefined): Run {
    let thrown: Thrown | undefined;
    try {
      for (const step of block.steps) {
        yield* sleep(node, step.ms);
        yield* runStep(step, node, starting, task);
      }
    } catch (error) {
      thrown = error as Thrown;
    }
    if (block.cleansUp) yield* sleep(makeNode(node, true), block.cleanupMs);
    if (thrown !== undefined) throw thrown;
  }

  function* runStep(step: Step, node: Node, starting: Starting | undefined, task: Node | undefined): Run {
    switch (step.op) {
      case 'sleep':
        return;
      case 'throw':
        throw [String(step.id)] satisfies Thrown;
      case 'started': {
        if (starting === undefined || starting.reported || task === undefined) return;
        starting.reported = true;
        if (isCancelled(task)) return;
        starting.moved = true;
        task.parent = (starting as Starting & { readonly target: Node }).target;
        starting.outcome = { failed: false };
        return;
      }
      case 'cancel':
      case 'shield':
      case 'deadline': {
        const target = nodes.get(step.target);
        if (target === undefined || target.left) return;
        if (step.op === 'cancel') target.own = true;
        else if (step.op === 'shield') target.shield = step.on;
        else {
          target.deadline = now + step.later;
          if (step.later <= 0) target.own = true;
        }
        return;
      }
      case 'block':
        yield* runBlock(step.block, node, undefined, undefined);
        return;
      case 'spawn': {
        const group = groups.get(step.target);
        if (group === undefined) return;
        group.living++;
        const child = makeNode(group.node);
        start(runBlock(step.block, child, undefined, undefined), (thrown) => {
          if (thrown !== undefined) judge(group, thrown, child);
          group.living--;
        });
        return;
      }
      case 'start': {
        const group = groups.get(step.target);
        if (group === undefined) return;
        group.living++;
        const child = makeNode(node);
        const record = { outcome: undefined, reported: false, moved: false, target: group.node } as Starting;
        start(runBlock(step.block, child, record, child), (thrown) => {
          if (record.moved) {
            if (thrown !== undefined) judge(group, thrown, child);
          } else if (thrown !== undefined) record.outcome = { failed: true, thrown };
          else if (record.reported) record.outcome = { failed: false };
          else record.outcome = { failed: true, thrown: ['not started'] };
          group.living--;
        });
        if (record.outcome === undefined) yield { kind: 'start', starting: record };
        const { outcome } = record as { outcome: NonNullable<Starting['outcome']> };
        if (!outcome.failed) return;
        yield* sleep(makeNode(node, true), step.failsLaterMs);
        throw outcome.thrown;
      }
    }
  }

  function judge(group: Group, thrown: Thrown, node: Node): void {
    if (thrown === 'cancelled' && isCancelled(node)) {
      group.wasCut = true;
      return;
    }
    group.failures.push(thrown);
    group.node.own = true;
  }

  function start(run: Run, ended: Task['ended']): void {
    const task: Task = { run, wait: undefined, ended };
    tasks.add(task);
    resume(task, () => run.next());
  }

  function resume(task: Task, go: () => IteratorResult<Wait, void>): void {
    let thrown: Thrown | undefined;
    let result: IteratorResult<Wait, void>;
    try {
      result = go();
    } catch (error) {
      thrown = error as Thrown;
      result = { done: true, value: undefined };
    }
    task.wait = result.done === true ? undefined : result.value;
    if (task.wait !== undefined) return;
    tasks.delete(task);
    task.ended(thrown);
  }

  /** Lets everything happen that can at this moment. */
  function settle(): void {
    for (let isMoving = true; isMoving;) {
      isMoving = false;
      for (const task of [...tasks]) {
        const { wait } = task;
        if (wait === undefined) continue;
        if (wait.kind === 'sleep' && isCancelled(wait.node)) {
          resume(task, () => task.run.throw('cancelled' satisfies Thrown));
        } else if (wait.kind === 'join' && wait.group.living === 0) resume(task, () => task.run.next());
        else if (wait.kind === 'start' && wait.starting.outcome !== undefined) resume(task, () => task.run.next());
        else continue;
        isMoving = true;
      }
    }
  }

  start(runBlock(root, undefined, undefined, undefined), () => undefined);
  settle();
  while (tasks.size > 0) {
    let next = Infinity;
    let happen: () => void = () => {
      throw new Error('the model is stuck');
    };
    for (const task of tasks) {
      if (task.wait?.kind !== 'sleep' || task.wait.until >= next) continue;
      next = task.wait.until;
      happen = () => {
        resume(task, () => task.run.next());
      };
    }
    for (const node of nodes.values()) {
      if (node.left || node.own || node.deadline >= next) continue;
      next = node.deadline;
      happen = () => {
        node.own = true;
      };
    }
    now = next;
    happen();
    settle();
  }
  return trace;
}
