/** bowline/testing: virtual time, scripted order, streams in memory, and the checks that every stream must pass. */
export { checkChannel } from './check-channel.ts';
export { checkListener } from './check-listener.ts';
export type { MadeListener } from './check-listener.ts';
export { checkHalfCloseableStream, checkOneWayStream, checkTwoWayStream } from './check-streams.ts';
export { ContractError } from './contract-check.ts';
export type { CheckOptions, Maker } from './contract-check.ts';
export { lockstepStreamOneWayPair, lockstepStreamPair } from './lockstep-stream.ts';
export {
  memoryStreamOneWayPair,
  memoryStreamPair,
  memoryStreamPump,
  MemoryReceiveStream,
  MemorySendStream,
} from './memory-stream.ts';
export type {
  AsyncHook,
  MemoryReceiveStreamHooks,
  MemorySendStreamHooks,
  MemoryStream,
  MemoryStreamOptions,
} from './memory-stream.ts';
export { MockClock } from './mock-clock.ts';
export type { MockClockOptions } from './mock-clock.ts';
export { openStreamToSocketListener } from './open-stream-to-listener.ts';
export { Sequencer } from './sequencer.ts';
export { waitAllTasksBlocked } from './wait-all-tasks-blocked.ts';
