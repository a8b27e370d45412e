/** bowline/tasks: nurseries, cancel scopes, deadlines, and the one primitive under every wait. */
export type { Clock } from '../core/clock.ts';
export { CancelScope, currentEffectiveDeadline, currentSignal } from './cancel-scope.ts';
export type { CancelScopeOptions, TryRunResult } from './cancel-scope.ts';
export { Cancelled, ScopeExitedError } from './cancelled.ts';
export type { CancelSource } from './cancelled.ts';
export { currentNetwork, currentTime, runDetached, runWithStop, stopRequested, withClock, withNetwork } from './environment.ts';
export * from './gather.ts';
export { openNursery } from './nursery.ts';
export type { Nursery, Started } from './nursery.ts';
export { failAfter, failAt, moveOnAfter, moveOnAt, sleep, sleepForever, sleepUntil, withSignal } from './timeouts.ts';
export { cancelRequested, checkpoint, foreign, pass, suspend, Waiter } from './waiter.ts';
export type { CancelCallback, SuspendOptions } from './waiter.ts';
