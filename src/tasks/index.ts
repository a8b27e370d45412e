/** bowline/tasks: nurseries, cancel scopes, deadlines, and the one primitive under every wait. */
export type { Clock } from '../core/clock.ts';
export { CapacityLimiter } from './capacity-limiter.ts';
export type { CapacityLimiterStatistics } from './capacity-limiter.ts';
export { CancelScope, currentEffectiveDeadline, currentSignal } from './cancel-scope.ts';
export type { CancelScopeOptions, TryRunResult } from './cancel-scope.ts';
export { Cancelled, ScopeExitedError } from './cancelled.ts';
export type { CancelSource } from './cancelled.ts';
export { Condition } from './condition.ts';
export type { ConditionStatistics } from './condition.ts';
export {
  currentNetwork,
  currentTime,
  runDetached,
  runWithStop,
  stopRequested,
  withClock,
  withNetwork,
} from './environment.ts';
export { Event } from './event.ts';
export type { EventStatistics } from './event.ts';
export * from './gather.ts';
export type { Guard } from './guard.ts';
export { Lock } from './lock.ts';
export type { LockStatistics } from './lock.ts';
export { MemoryReceiveChannel, MemorySendChannel, openMemoryChannel } from './memory-channel.ts';
export type { MemoryChannelStatistics } from './memory-channel.ts';
export { openNursery } from './nursery.ts';
export type { Nursery, Started } from './nursery.ts';
export { Semaphore } from './semaphore.ts';
export type { SemaphoreOptions, SemaphoreStatistics } from './semaphore.ts';
export { failAfter, failAt, moveOnAfter, moveOnAt, sleep, sleepForever, sleepUntil, withSignal } from './timeouts.ts';
export {
  cancelRequested,
  checkpoint,
  completed,
  foreign,
  pass,
  quietIfCancelled,
  refusal,
  suspend,
  Waiter,
} from './waiter.ts';
export type { CancelCallback, SuspendOptions } from './waiter.ts';
