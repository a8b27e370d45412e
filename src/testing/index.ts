/** bowline/testing: virtual time, scripted order, streams in memory, and the checks that every stream must pass. */
export { MockClock } from './mock-clock.ts';
export type { MockClockOptions } from './mock-clock.ts';
export { Sequencer } from './sequencer.ts';
export { waitAllTasksBlocked } from './wait-all-tasks-blocked.ts';
