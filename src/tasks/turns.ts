/**
 * Keeping the event loop turning.
 *
 * A promise that is settled already continues in a microtask, and microtasks run before any I/O, timer or signal. A loop
 * of operations that all finish at once would therefore stop the world. So everything of the library that settles at once
 * is counted, and every 512th goes through the event loop (setImmediate): rare enough to cost nothing (about 1 µs each),
 * often enough that nothing else waits longer than some 100 µs for it.
 */
const COMPLETIONS_PER_TURN = 512;

let completions = 0;

/** Counts a completion; true if this one has to go through the event loop. */
export function turnIsDue(): boolean {
  if (++completions < COMPLETIONS_PER_TURN) return false;
  completions = 0;
  return true;
}

/** To be called when the event loop gets a turn anyway. */
export function startNewTurn(): void {
  completions = 0;
}
