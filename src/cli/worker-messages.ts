/** What a worker process and its primary tell each other, and the worker's side of it. */
import cluster from 'node:cluster';

import { suspend } from '../tasks/waiter.ts';
import type { StopSignal } from './exit-status.ts';
import type { InterruptionStep } from './interruption.ts';
import type { ProcessCost, Totals } from './statistics.ts';

export type FromWorker =
  /** It serves; the addresses that it is bound to. */
  | { readonly kind: 'listening'; readonly addresses: readonly string[] }
  /** It cannot start, and why: the primary says it once for all. */
  | { readonly kind: 'refused'; readonly reason: string; readonly causes: readonly string[] }
  /** Its counts until now; sent now and then, and at its end. */
  | { readonly kind: 'totals'; readonly totals: Totals; readonly cost: ProcessCost };

export interface ToWorker {
  readonly step: InterruptionStep;
  readonly signal: StopSignal;
}

/** Whether this process is a worker of `--workers`. */
export function isWorker(): boolean {
  return cluster.isWorker;
}

/** Which one of them; 0 for a process that is alone. */
export function workerNumber(): number {
  return cluster.worker?.id ?? 0;
}

/** Sends a message; resolves when it is on its way, and also where the primary is gone. */
export function tellPrimary(message: FromWorker): Promise<void> {
  return suspend<void>((waiter) => {
    if (process.send === undefined || !process.connected) waiter.resolve();
    else process.send(message, undefined, undefined, () => waiter.resolve());
  });
}

/** Takes the steps that the primary says; returns what undoes that. */
export function followPrimary(take: (step: InterruptionStep, signal: StopSignal) => void): () => void {
  const onMessage = (message: ToWorker): void => {
    take(message.step, message.signal);
  };
  process.on('message', onMessage);
  return () => {
    process.off('message', onMessage);
  };
}
