/**
 * Time for the tests of tasks themselves: it moves when a test says so. The shipped MockClock stands on the bookkeeping that
 * these tests are about, so they use this one, which only knows its timers and gives the event loop some turns.
 */
import type { Clock } from 'bowline/tasks';
import { withClock } from 'bowline/tasks';

interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

export class ScriptedClock implements Clock {
  #now: number;
  #timers: Timer[] = [];

  constructor(now = 0) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  get timers(): number {
    return this.#timers.length;
  }

  setTimer(at: number, fn: () => void): () => void {
    const timer = { at, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves the time without running timers: as if the event loop had been busy. */
  skip(ms: number): void {
    this.#now += ms;
  }

  /** Lets `ms` milliseconds pass, running what falls due in order. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settle();
    for (let due = this.#takeNext(until); due !== undefined; due = this.#takeNext(until)) {
      this.#now = Math.max(this.#now, due.at);
      due.fn();
      await settle();
    }
    this.#now = until;
  }

  /** Jumps to the next timer and runs it; false if there is none. */
  jump(): boolean {
    const due = this.#takeNext(Number.MAX_VALUE);
    if (due === undefined) return false;
    this.#now = Math.max(this.#now, due.at);
    due.fn();
    return true;
  }

  #takeNext(until: number): Timer | undefined {
    let earliest: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.at <= until && (earliest === undefined || timer.at < earliest.at)) earliest = timer;
    }
    if (earliest !== undefined) this.#timers = this.#timers.filter((timer) => timer !== earliest);
    return earliest;
  }
}

/** Gives everything that can go on a few turns of the event loop. */
export async function settle(turns = 4): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Runs `body` on a clock that jumps to the next timer whenever nothing else happens.
 *
 * @param turns turns of the event loop without a jump that count as nothing
 */
export async function virtually<T>(body: (clock: ScriptedClock) => Promise<T>, turns = 4): Promise<T> {
  const clock = new ScriptedClock();
  let ended = false;
  const result = withClock(clock, () => body(clock)).finally(() => {
    ended = true;
  });
  result.catch(() => undefined);
  for (let idle = 0; !ended && idle < 500; idle++) {
    await settle(turns);
    if (clock.jump()) idle = 0;
  }
  if (!ended) throw new Error('the body waits for something that is not a timer and never comes');
  return result;
}
