/**
 * Waiting until nothing goes on, in a language that cannot ask a task whether it is blocked.
 *
 * A watch looks at a tree of tasks and decides, from three observations, that every task in it is blocked:
 *
 *     (a) every task has a wait of the library registered (`inspectTasks`), and none is of the kind `busy`;
 *     (b) Node has no request under way that the library knows nothing of (a file read, a name look-up);
 *     (c) the library's activity counter stood still for four turns of the event loop, so that no promise reaction,
 *         `setImmediate` or completed I/O was still working its way up.
 *
 * Then the `waitAllTasksBlocked` calls with the smallest cushion go on, all of the same cushion together; if there are
 * none, the clock under watch may jump. While something stands in the way, the watch looks again every few milliseconds.
 *
 * A test that hangs must say why: where nothing moved for `watchdogMs` of real time, the watch names what is stuck. The
 * waits for quiet are rejected with that text or, without any, the watched tasks are cancelled with it as the reason, so that
 * the stack traces of the failing test show where they were. What cannot be cancelled is reported by a process warning.
 *
 * Unsound, and documented in MockClock: (b) cannot see work that is no libuv request (WebCrypto, zlib, worker threads)
 * while its task also has a wait of the library registered.
 *
 * Source: Trio's `wait_all_tasks_blocked` and autojump, which have a scheduler to ask.
 */
import type { ScopeNode } from '../tasks/scope-node.ts';
import { inspectTasks } from '../tasks/quiescence.ts';
import { activity } from '../tasks/waiter.ts';
import type { Waiter } from '../tasks/waiter.ts';

/** The clock whose tasks are under watch. */
export interface WatchedClock {
  /** A timer is due and has not run: wait for it. */
  readonly hasDueTimer: boolean;
  /** How long all tasks must have been blocked before a jump; Infinity where there is nothing to jump to. */
  quietBeforeJumpMs(waitsForIo: boolean): number;
  jumpToNextTimer(): void;
  /** The clock will move by itself. */
  readonly isRunning: boolean;
  readonly watchdogMs: number;
}

/** One call of `waitAllTasksBlocked`. */
interface QuietWait {
  readonly cushionMs: number;
  readonly waiter: Waiter<void>;
}

const QUIET_TURNS = 4;
const LONGEST_POLL_MS = 5;
const DEFAULT_WATCHDOG_MS = 10_000;
/** After the tasks were cancelled they get this long to end before a warning says what did not. */
const UNWIND_MS = 1000;

export class IdleWatch {
  readonly #roots = new Set<ScopeNode>();
  readonly #waits = new Set<QuietWait>();
  readonly #clock: WatchedClock | undefined;
  #lastCount = -1;
  #quietTurns = 0;
  #lastLook = 0;
  /** How long all tasks have been blocked, as far as is known. */
  #quietMs = 0;
  /** How long nothing has moved. */
  #stuckMs = 0;
  #pollMs = 1;
  #cancelTurn: (() => void) | undefined;
  #bites = 0;

  constructor(clock?: WatchedClock) {
    this.#clock = clock;
  }

  /** Takes a tree of tasks under watch; returns what to call at its end. */
  addRoot(root: ScopeNode): () => void {
    this.#roots.add(root);
    this.#bites = 0;
    this.poke();
    return () => {
      this.#roots.delete(root);
      this.#stopIfUnused();
    };
  }

  /** Settles `waiter` when everything has been blocked for `cushionMs`; returns what takes it back. */
  addWait(cushionMs: number, waiter: Waiter<void>): () => void {
    const wait = { cushionMs, waiter };
    this.#waits.add(wait);
    this.poke();
    return () => {
      this.#waits.delete(wait);
      this.#stopIfUnused();
    };
  }

  /** Looks anew, at the next turn: something that the decision depends on has changed. */
  poke(): void {
    if (!this.#isUsed) return;
    this.#lastCount = -1;
    this.#schedule(0);
  }

  get #isUsed(): boolean {
    return this.#waits.size > 0 || (this.#clock !== undefined && this.#roots.size > 0);
  }

  #stopIfUnused(): void {
    if (this.#isUsed) return;
    this.#cancelTurn?.();
    this.#cancelTurn = undefined;
  }

  #schedule(delayMs: number): void {
    this.#cancelTurn?.();
    const look = (): void => {
      this.#cancelTurn = undefined;
      this.#look();
    };
    if (delayMs <= 0) {
      const turn = setImmediate(look);
      this.#cancelTurn = () => {
        clearImmediate(turn);
      };
    } else {
      const timer = setTimeout(look, delayMs);
      this.#cancelTurn = () => {
        clearTimeout(timer);
      };
    }
  }

  #look(): void {
    const now = performance.now();
    // A process that was held up has not had the chance to see its I/O: what counts is time in which the event loop turned.
    const elapsedMs = Math.min(now - this.#lastLook, 2 * LONGEST_POLL_MS);
    this.#lastLook = now;
    if (activity.count !== this.#lastCount || this.#clock?.hasDueTimer === true) {
      this.#lastCount = activity.count;
      this.#quietTurns = 0;
      this.#quietMs = 0;
      this.#stuckMs = 0;
      this.#pollMs = 1;
      this.#schedule(0);
      return;
    }
    this.#quietMs += elapsedMs;
    this.#stuckMs += elapsedMs;
    if (++this.#quietTurns < QUIET_TURNS) {
      this.#schedule(0);
      return;
    }
    const { obstacle, waitsForIo } = this.#inspect();
    if (obstacle !== undefined) {
      this.#quietTurns = 0;
      this.#quietMs = 0;
      this.#lookLater(obstacle);
    } else if (this.#waits.size > 0) {
      this.#wakeWhenQuiet();
    } else {
      this.#jumpWhenQuiet(waitsForIo);
    }
  }

  #wakeWhenQuiet(): void {
    const cushionMs = Math.min(...[...this.#waits].map((wait) => wait.cushionMs));
    if (this.#quietMs < cushionMs) {
      this.#schedule(Math.min(cushionMs - this.#quietMs, LONGEST_POLL_MS));
      return;
    }
    for (const wait of [...this.#waits]) {
      if (wait.cushionMs > cushionMs) continue;
      this.#waits.delete(wait);
      wait.waiter.resolve();
    }
    if (this.#isUsed) this.#schedule(0);
  }

  #jumpWhenQuiet(waitsForIo: boolean): void {
    const clock = this.#clock as WatchedClock;
    const neededMs = clock.quietBeforeJumpMs(waitsForIo);
    if (this.#quietMs >= neededMs) {
      activity.count++;
      clock.jumpToNextTimer();
      this.#schedule(0);
    } else if (neededMs === Infinity && !clock.isRunning) {
      const what = waitsForIo ? 'every task is blocked, at least one of them in real I/O' : 'every task is blocked';
      this.#lookLater(`${what}, and no timer is set that the clock may jump to`);
    } else {
      this.#schedule(Math.min(neededMs - this.#quietMs, LONGEST_POLL_MS));
    }
  }

  #inspect(): { readonly obstacle: string | undefined; readonly waitsForIo: boolean } {
    let waitsForIo = false;
    for (const root of this.#roots) {
      const { unblocked, busy, external } = inspectTasks(root);
      if (unblocked !== undefined) {
        const what = 'awaits a promise that bowline does not know (see foreign() of bowline/tasks), or is computing';
        return { obstacle: `the task ${unblocked} ${what}`, waitsForIo };
      }
      if (busy > 0)
        return { obstacle: 'a wait of the kind busy (a name look-up, a foreign promise) is pending', waitsForIo };
      waitsForIo ||= external > 0;
    }
    const requests = activeRequests();
    if (requests.foreign !== undefined) {
      return { obstacle: `Node has a request under way that is not bowline's: ${requests.foreign}`, waitsForIo };
    }
    return { obstacle: undefined, waitsForIo: waitsForIo || requests.socket };
  }

  /** Something stands in the way, or nothing can happen: look again soon, and bark when that has lasted too long. */
  #lookLater(why: string): void {
    const watchdogMs = this.#clock?.watchdogMs ?? DEFAULT_WATCHDOG_MS;
    if (this.#stuckMs >= (this.#bites === 0 ? watchdogMs : UNWIND_MS)) {
      this.#bite(`nothing moved for ${Math.round(this.#stuckMs)} ms of real time: ${why}`);
      this.#stuckMs = 0;
    }
    if (!this.#isUsed) return;
    this.#schedule(this.#pollMs);
    this.#pollMs = Math.min(this.#pollMs * 2, LONGEST_POLL_MS);
  }

  #bite(message: string): void {
    if (this.#waits.size > 0) {
      for (const wait of [...this.#waits]) {
        this.#waits.delete(wait);
        wait.waiter.reject(new Error(`waitAllTasksBlocked: ${message}`));
      }
      return;
    }
    this.#bites++;
    if (this.#bites === 1) for (const root of this.#roots) root.cancel('explicit', `MockClock: ${message}`);
    else if (this.#bites === 2) process.emitWarning(`MockClock: ${message}`, { code: 'BOWLINE_STUCK' });
  }
}

/** What Node says it is waiting for, apart from handles (sockets, servers, timers), which say nothing about work under way. */
function activeRequests(): { readonly foreign: string | undefined; readonly socket: boolean } {
  let socket = false;
  for (const name of process.getActiveResourcesInfo()) {
    // FSReqCallback, FSReqPromise, CloseReq, GetAddrInfoReqWrap, GetNameInfoReqWrap, FileHandleReadWrap
    if (name.includes('Req') || name.startsWith('FileHandle')) return { foreign: name, socket };
    // ConnectWrap, SimpleWriteWrap, ShutdownWrap, SendWrap: these wait for a peer, like a wait of the kind external.
    socket ||= /(Connect|Write|Shutdown|Send)Wrap$/.test(name);
  }
  return { foreign: undefined, socket };
}
