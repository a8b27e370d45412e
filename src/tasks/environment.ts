/**
 * What is ambient: the current scope, clock, network and stop signal, carried across awaits by one AsyncLocalStorage.
 *
 * The storage is made when the first scope, clock or network is entered and not before: on Node 20 and 22 an entered
 * AsyncLocalStorage makes every promise of the process about 0.4 µs dearer (reference measurement; nothing on Node 24),
 * and a program that only opens sockets should not pay for scopes it does not use. Openers and `accept` enter nothing.
 *
 * An environment is an immutable record. The scope node in it stays the same object for the whole life of a task, while
 * its place in the tree may change (`started()` moves a task from its caller to the nursery).
 */
import { AsyncLocalStorage } from 'node:async_hooks';

import type { Clock } from '../core/clock.ts';
import type { Network } from '../core/network.ts';
import { newAbortController } from '../platform/abort-signal.ts';
import { systemClock } from '../platform/clock.ts';
import { ScopeNode } from './scope-node.ts';

export interface Environment {
  /** `null` outside of any scope: nothing can be cancelled there. */
  readonly node: ScopeNode | null;
  readonly clock: Clock;
  /** `undefined`: Node's own. */
  readonly network: Network | undefined;
  readonly stop: AbortSignal | undefined;
  /** Where long-lived objects run their own loops: never cancelled, but seen by the clock's bookkeeping. */
  readonly background: ScopeNode | null;
}

const rootEnvironment: Environment = Object.freeze({
  node: null,
  clock: systemClock,
  network: undefined,
  stop: undefined,
  background: null,
});

let storage: AsyncLocalStorage<Environment> | undefined;

export function currentEnvironment(): Environment {
  return storage === undefined ? rootEnvironment : (storage.getStore() ?? rootEnvironment);
}

export function currentNode(): ScopeNode | null {
  return storage === undefined ? null : (storage.getStore()?.node ?? null);
}

/** The same surroundings, in another place of the tree. Spelled out: a spread costs four times as much. */
export function withNode(environment: Environment, node: ScopeNode): Environment {
  const { clock, network, stop, background } = environment;
  return { node, clock, network, stop, background };
}

/** Runs `fn` with another environment, now and in everything that it starts. */
export function runIn<A extends unknown[], R>(environment: Environment, fn: (...args: A) => R, ...args: A): R {
  storage ??= new AsyncLocalStorage<Environment>();
  return storage.run(environment, fn, ...args);
}

/**
 * Runs `fn` outside of the current scope but under the same clock and network: for the loops of objects that outlive the
 * scope they were made in, such as the pumps of an adapter. Whoever calls this takes over the duty to end what it starts.
 */
export function runDetached<R>(fn: () => R): R {
  const environment = currentEnvironment();
  if (environment.node === environment.background) return fn();
  return runIn({ ...environment, node: environment.background, stop: undefined }, fn);
}

/** Milliseconds on the ambient clock. */
export function currentTime(): number {
  return currentEnvironment().clock.now();
}

/** The ambient network, or `undefined` for Node's own. */
export function currentNetwork(): Network | undefined {
  return currentEnvironment().network;
}

/** Method by which a clock learns where it is used; see `withClock`. */
export const clockInstalled: unique symbol = Symbol('bowline.clockInstalled');

/** A clock that wants to watch the tasks that run under it, such as one that jumps when they are all idle. */
export interface WatchingClock extends Clock {
  /** Called with the root of the tasks; returns what to call when they have ended. */
  [clockInstalled](root: ScopeNode): () => void;
}

/** Runs `body` with `clock` as the ambient clock: every deadline, sleep and `currentTime()` inside is on it. */
export async function withClock<T>(clock: Clock, body: () => Promise<T>): Promise<T> {
  const outer = currentEnvironment();
  const root = new ScopeNode('clock', 'withClock', outer.node);
  const background = new ScopeNode('background', 'background', root);
  background.setShield(true);
  const uninstall = clockInstalled in clock ? (clock as WatchingClock)[clockInstalled](root) : undefined;
  try {
    return await runIn({ ...outer, node: root, clock, background }, body);
  } finally {
    uninstall?.();
    root.exit();
  }
}

/** Runs `body` with `network` as the ambient network: every opener and name look-up inside uses it. */
export async function withNetwork<T>(network: Network, body: () => Promise<T>): Promise<T> {
  return runIn({ ...currentEnvironment(), network }, body);
}

let neverStopped: AbortSignal | undefined;

/**
 * Aborts when the server that runs this code was asked to stop gracefully: finish what is under way and return. Outside
 * of a server it never aborts.
 */
export function stopRequested(): AbortSignal {
  return currentEnvironment().stop ?? (neverStopped ??= newAbortController().signal);
}

/** Runs `fn` with another graceful-stop signal (for servers). */
export function runWithStop<R>(stop: AbortSignal, fn: () => R): R {
  return runIn({ ...currentEnvironment(), stop }, fn);
}
