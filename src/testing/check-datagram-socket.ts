/** Does a datagram socket keep the contract? One suite, in the manner of `check-streams.ts`. */
import { runChecks } from './contract-check.ts';
import type { CheckOptions, Maker } from './contract-check.ts';
import { datagramChecks } from './datagram-checks.ts';
import type { DatagramPair } from './datagram-checks.ts';

/**
 * Checks a datagram socket: 14 rules. `checkChannel` is for channels that are reliable and have an end.
 *
 * @param maker gives two fresh sockets for every check, bound to an address each by which the other reaches it, on a network
 *   that loses nothing
 * @throws ContractError a rule is broken; AggregateError of ContractErrors if several are
 */
export async function checkDatagramSocket(maker: Maker<DatagramPair>, options: CheckOptions = {}): Promise<void> {
  await runChecks(options, (suite) => {
    suite.add('checkDatagramSocket', datagramChecks, maker);
  });
}
