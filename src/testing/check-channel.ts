/** Does a channel keep the contract? One suite, in the manner of `check-streams.ts`. */
import { channelChecks } from './channel-checks.ts';
import type { ChannelEnds } from './channel-checks.ts';
import { runChecks } from './contract-check.ts';
import type { CheckOptions, Maker } from './contract-check.ts';

/**
 * Checks a channel that is reliable and has an end: 10 rules. (One over UDP is neither.)
 *
 * @param maker gives a fresh channel for every check: where to send, and where that is received
 * @param messages what to send; at least two, all different. Bytes are compared by content, other objects as JSON
 * @throws ContractError a rule is broken; AggregateError of ContractErrors if several are
 */
export async function checkChannel<T>(
  maker: Maker<ChannelEnds<T>>,
  messages: readonly T[],
  options: CheckOptions = {},
): Promise<void> {
  if (messages.length < 2) throw new RangeError('checkChannel needs at least two messages');
  await runChecks(options, (suite) => {
    suite.add('checkChannel', channelChecks(messages), maker);
  });
}
