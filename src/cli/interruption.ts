/**
 * How the command is told to stop: once politely, twice at once.
 *
 * The first SIGINT or SIGTERM aborts `stop`: no new connections, those there are may end by themselves. The second aborts
 * `cut`: everything ends now. A worker process gets the same two steps as messages of its primary, because a terminal
 * sends its Ctrl-C to every process of the group and the two ways must not add up.
 */
import type { StopSignal } from './exit-status.ts';

export type InterruptionStep = 'stop' | 'cut';

export class Interruption {
  readonly #stop = new AbortController();
  readonly #cut = new AbortController();
  #signal: StopSignal | undefined;

  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  get cut(): AbortSignal {
    return this.#cut.signal;
  }

  /** The signal that came first, for the exit status. */
  get signal(): StopSignal | undefined {
    return this.#signal;
  }

  /** A signal came: stop at the first, cut at the second. */
  request(signal: StopSignal): void {
    this.take(this.#stop.signal.aborted ? 'cut' : 'stop', signal);
  }

  /** One step in particular; taking it again changes nothing. */
  take(step: InterruptionStep, signal: StopSignal): void {
    if (step === 'cut' || this.#signal === undefined) this.#signal = signal;
    this.#stop.abort();
    if (step === 'cut') this.#cut.abort();
  }
}

/** What of `process` this needs. */
export interface SignalSource {
  on(event: StopSignal, listener: (signal: StopSignal) => void): unknown;
  off(event: StopSignal, listener: (signal: StopSignal) => void): unknown;
}

const stopSignals: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];

/** Turns the signals of the system into requests; returns what undoes that. */
export function followSignals(source: SignalSource, request: (signal: StopSignal) => void): () => void {
  for (const signal of stopSignals) source.on(signal, request);
  return () => {
    for (const signal of stopSignals) source.off(signal, request);
  };
}
