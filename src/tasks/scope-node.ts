/**
 * The tree under all cancellation: scopes, tasks and the waits registered in them.
 *
 * Every cancel scope and every task is a node. A node is *effectively cancelled* when it was cancelled itself, or when
 * its parent is effectively cancelled and it is not shielded. That fact is stored in each node (`effective`), because it
 * is asked at every wait and changes rarely; whoever changes a cause of it (cancel, shield, re-parent) calls
 * `propagate`, which walks down iteratively (scopes can be nested ten thousand deep).
 *
 * Delivery has two phases: first all flags of the subtree are set, then callbacks run. A callback therefore sees a
 * consistent tree, and one that settles another wait, or cancels another scope, does no harm: each wait is checked again
 * when its turn comes. Cancellation is level-triggered: the flag stays, and every later wait is refused (`refuse`).
 *
 * Waits form an intrusive doubly linked list per node: registering and leaving cost a few pointer writes and no
 * allocation, so a million waits in one long-lived scope leave nothing behind.
 *
 * Children are linked the same way. A node leaves the tree when its body ends; what is still registered then has
 * escaped and is told so (`ScopeExitedError`).
 *
 * Source: Trio `CancelStatus`. Rejected: a chain of AbortControllers (0.6 µs a listener, and it cannot be un-aborted
 * when a shield goes up), AbortSignal.any (leaks, see nodejs/node#54614).
 */
import { report } from '../observe/index.ts';
import { newAbortController } from '../platform/abort-signal.ts';
import { Cancelled, ScopeExitedError } from './cancelled.ts';
import type { CancelSource } from './cancelled.ts';
import { turnIsDue } from './turns.ts';

/** What a node knows of a registered wait. */
export interface RegisteredWait {
  nextWait: RegisteredWait | null;
  previousWait: RegisteredWait | null;
  readonly kind: WaitKind;
  readonly node: ScopeNode | null;
  readonly origin: Error | undefined;
  /** Delivers a cancellation; the wait may refuse and stay. */
  cancel(why: Cancelled): void;
  /** Ends the wait with `error`, whether it likes it or not: its scope has ended. Its registration is undone with `why`. */
  expire(error: ScopeExitedError, why: Cancelled): void;
}

/**
 * What a wait waits for, as far as virtual time cares: `virtual` ends by other tasks or the clock only; `external` by
 * real I/O; `busy` by work under way outside that will surely end (DNS, thread pool); `parked` is a nursery's exit.
 */
export type WaitKind = 'virtual' | 'external' | 'busy' | 'parked';

/** `scope`: a cancel scope. `task`: a child of a nursery. `clock`: what `withClock` runs. `background`: detached work of long-lived objects. */
export type NodeRole = 'scope' | 'task' | 'clock' | 'background';

/** Cleaning up takes a few waits that are refused; this many are a loop that catches `Cancelled` and goes on. */
const DELIVERIES_TO_REPORT = 1000;

export class ScopeNode {
  readonly role: NodeRole;
  /** Name of the task's function, for messages. */
  readonly name: string;
  parent: ScopeNode | null = null;
  firstChild: ScopeNode | null = null;
  nextSibling: ScopeNode | null = null;
  #previousSibling: ScopeNode | null = null;
  firstWait: RegisteredWait | null = null;

  /** Set when this node itself was cancelled. */
  own: Cancelled | null = null;
  /** Set while this node is effectively cancelled, to the Cancelled that its waits throw. */
  effective: Cancelled | null = null;
  shield = false;
  /** Absolute reading of the clock this node's scope was entered under; Infinity without a deadline. */
  deadline = Infinity;
  exited = false;
  #deliveries = 0;
  #controller: AbortController | undefined;

  constructor(role: NodeRole, name: string, parent: ScopeNode | null) {
    this.role = role;
    this.name = name;
    if (parent !== null) {
      this.#attach(parent);
      this.effective = parent.effective;
    }
  }

  /** Cancels this node; the first call's source and reason count. Never throws. */
  cancel(source: CancelSource, reason?: unknown): void {
    if (this.own !== null) return;
    this.own = new Cancelled(source, reason);
    propagate(this);
  }

  setShield(shield: boolean): void {
    if (this.shield === shield) return;
    this.shield = shield;
    propagate(this);
  }

  /** Moves this node, with all below it, under another parent, and delivers what that means. */
  moveTo(parent: ScopeNode): void {
    this.#detach();
    this.#attach(parent);
    propagate(this);
  }

  /** Whether an outer cancellation reaches this node, so that its Cancelled is not this node's to swallow. */
  get isCancelledFromOutside(): boolean {
    return !this.shield && this.parent !== null && this.parent.effective !== null;
  }

  /** Aborts while the node is effectively cancelled. A shield that goes up afterwards brings a fresh one. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = newAbortController();
      const why = this.effective ?? (this.exited ? this.own : null);
      if (why !== null) this.#controller.abort(why);
    }
    return this.#controller.signal;
  }

  addWait(wait: RegisteredWait): void {
    const first = this.firstWait;
    wait.nextWait = first;
    if (first !== null) first.previousWait = wait;
    this.firstWait = wait;
  }

  removeWait(wait: RegisteredWait): void {
    const { nextWait, previousWait } = wait;
    if (nextWait !== null) nextWait.previousWait = previousWait;
    if (previousWait === null) this.firstWait = nextWait;
    else previousWait.nextWait = nextWait;
    wait.nextWait = null;
    wait.previousWait = null;
  }

  /**
   * What a wait gets that begins in a cancelled or ended node: a rejected promise. The first delivery comes at once; later
   * ones through the event loop, so that code which catches `Cancelled` and tries again cannot starve everything else.
   * The thousandth is reported.
   */
  refuse(): Promise<never> {
    const error = this.exited ? new ScopeExitedError() : (this.effective as Cancelled);
    const deliveries = this.noteDelivery();
    if (deliveries === DELIVERIES_TO_REPORT && !this.exited) {
      // Made here, below whoever waits again: the stack names them.
      report({ kind: 'cancellation-swallowed', deliveries, place: new Error('the wait began here').stack });
    }
    const refused: Promise<never> =
      deliveries === 1 && !turnIsDue()
        ? Promise.reject(error)
        : new Promise((_, reject) => {
            setImmediate(reject, error);
          });
    // Nobody has to await a wait that was cancelled; one that escaped its scope must be noticed.
    if (!this.exited) refused.catch(ignore);
    return refused;
  }

  /**
   * Counts a delivery to the code that runs in this node. That code is a task or the body of the cancelled scope: a loop
   * that enters a new scope each time round is one loop.
   */
  noteDelivery(): number {
    return ++loopOf(this).#deliveries;
  }

  /** Takes this node out of the tree for good. Waits and scopes still inside have escaped and get ScopeExitedError. */
  exit(): void {
    if (this.firstWait === null && this.firstChild === null) {
      this.exited = true;
      this.effective = null;
      this.#detach();
      return;
    }
    const escaped: RegisteredWait[] = [];
    const pending: ScopeNode[] = [this];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      node.exited = true;
      node.effective = null;
      for (let wait = node.firstWait; wait !== null; wait = wait.nextWait) escaped.push(wait);
      for (let child = node.firstChild; child !== null; child = child.nextSibling) pending.push(child);
    }
    this.#detach();
    if (escaped.length === 0) return;
    // One for all: there may be very many, and without a trace of where each began they say the same.
    const error = new ScopeExitedError();
    const why = new Cancelled('explicit', error);
    for (const wait of escaped) {
      wait.expire(wait.origin === undefined ? error : new ScopeExitedError(undefined, { cause: wait.origin }), why);
    }
  }

  /** For `propagate` only: recomputes the flag; true if it changed. */
  updateEffective(): boolean {
    const inherited = this.shield || this.parent === null ? null : this.parent.effective;
    const effective = this.own ?? inherited;
    if (effective === this.effective) return false;
    this.effective = effective;
    if (effective === null) {
      this.#deliveries = 0;
      // A signal that has not aborted yet (a callback raised a shield in time) stays the scope's signal.
      if (this.#controller?.signal.aborted === true) this.#controller = undefined;
    }
    return true;
  }

  /** For `propagate` only. */
  abortSignal(why: Cancelled): void {
    this.#controller?.abort(why);
  }

  #attach(parent: ScopeNode): void {
    this.parent = parent;
    const first = parent.firstChild;
    this.nextSibling = first;
    if (first !== null) first.#previousSibling = this;
    parent.firstChild = this;
  }

  #detach(): void {
    const { parent, nextSibling } = this;
    if (parent === null) return;
    if (nextSibling !== null) nextSibling.#previousSibling = this.#previousSibling;
    if (this.#previousSibling === null) parent.firstChild = nextSibling;
    else this.#previousSibling.nextSibling = nextSibling;
    this.parent = null;
    this.nextSibling = null;
    this.#previousSibling = null;
  }
}

function ignore(): void {
  // A cancelled wait that nobody awaits is not an unhandled rejection.
}

/** The node that stands for the code running in `node`: its task, or the cancelled scope if that is nearer. */
function loopOf(node: ScopeNode): ScopeNode {
  let loop = node;
  while (loop.role === 'scope' && loop.own === null && loop.parent !== null) loop = loop.parent;
  return loop;
}

/** Recomputes the flags from `top` down, then delivers to what became cancelled: outer before inner, older before younger. */
function propagate(top: ScopeNode): void {
  const topWasCancelled = top.effective !== null;
  if (!top.updateEffective()) return;
  const cancelled: ScopeNode[] = topWasCancelled ? [] : [top];
  const pending: ScopeNode[] = [];
  pushChildren(top, pending);
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const wasCancelled = node.effective !== null;
    if (!node.updateEffective()) continue;
    if (!wasCancelled) cancelled.push(node);
    pushChildren(node, pending);
  }
  const waits: RegisteredWait[] = [];
  for (const node of cancelled) {
    const firstOfNode = waits.length;
    for (let wait = node.firstWait; wait !== null; wait = wait.nextWait) waits.push(wait);
    reverseFrom(waits, firstOfNode);
  }
  // An earlier callback may have settled a later wait, or raised a shield above it.
  for (const wait of waits) {
    const why = wait.node?.effective;
    if (why !== null && why !== undefined) wait.cancel(why);
  }
  for (const node of cancelled) {
    if (node.effective !== null) node.abortSignal(node.effective);
  }
}

/** The list has the youngest wait first. */
function reverseFrom(waits: RegisteredWait[], from: number): void {
  for (let low = from, high = waits.length - 1; low < high; low++, high--) {
    const wait = waits[low] as RegisteredWait;
    waits[low] = waits[high] as RegisteredWait;
    waits[high] = wait;
  }
}

/** The youngest child comes first in the list, and so ends up deepest in the stack. */
function pushChildren(node: ScopeNode, stack: ScopeNode[]): void {
  for (let child = node.firstChild; child !== null; child = child.nextSibling) stack.push(child);
}
