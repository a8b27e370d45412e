/** Does a listener keep the contract? One suite, in the manner of `check-streams.ts`. */
import type { Listener } from '../core/listener.ts';
import type { Stream } from '../core/stream.ts';
import { runChecks } from './contract-check.ts';
import type { CheckOptions } from './contract-check.ts';
import { ListenerBench, listenerChecks } from './listener-checks.ts';

/** A fresh listener, and how to connect to it. */
export interface MadeListener {
  readonly listener: Listener<Stream>;
  readonly connect: () => Promise<Stream>;
}

/**
 * Checks a listener: 10 rules.
 *
 * @param maker gives a fresh listener and a function that connects to it, for every check
 * @throws ContractError a rule is broken; AggregateError of ContractErrors if several are
 */
export async function checkListener(maker: () => Promise<MadeListener>, options: CheckOptions = {}): Promise<void> {
  await runChecks(options, (suite) => {
    suite.add('checkListener', listenerChecks, async () => {
      const { listener, connect } = await maker();
      return [new ListenerBench(listener, connect)] as const;
    });
  });
}
