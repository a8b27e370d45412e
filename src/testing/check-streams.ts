/**
 * Does a stream keep the contract? Three suites, for whoever writes one: bowline's own streams all pass them, and code
 * that composes streams relies on every rule in them.
 *
 *     test('my stream keeps the contract', () => checkHalfCloseableStream(makePair, makeCloggedPair));
 *
 * The `maker` gives two fresh streams connected to each other, for every check. The `cloggedMaker`, where there is one,
 * gives them with the sending side blocked: `sendAll` and `waitSendAllMightNotBlock` on the first stream wait until the
 * second one receives. Without it, what can only be seen on a clogged stream is not checked.
 *
 * Works with any test runner: failures are ContractErrors that name the check, several of them in an AggregateError. A hang is
 * a failure like any other. Everything is aborted at the end of each check.
 *
 * Source: Trio `trio.testing.check_one_way_stream` and its two siblings.
 */
import type { HalfCloseableStream, ReceiveStream, SendStream, Stream } from '../core/stream.ts';
import { cloggedChecks } from './clogged-checks.ts';
import { runChecks } from './contract-check.ts';
import type { CheckOptions, Maker, Suite } from './contract-check.ts';
import { halfCloseableChecks, halfCloseableCloggedChecks } from './half-closeable-checks.ts';
import { oneWayChecks } from './one-way-checks.ts';
import { twoWayChecks } from './two-way-checks.ts';

/**
 * Checks a direction of bytes: 22 rules, and 8 more on a clogged one.
 *
 * @param maker gives a sending stream and the receiving stream at its other end
 * @throws ContractError a rule is broken; AggregateError of ContractErrors if several are
 */
export async function checkOneWayStream(
  maker: Maker<readonly [SendStream, ReceiveStream]>,
  cloggedMaker?: Maker<readonly [SendStream, ReceiveStream]>,
  options: CheckOptions = {},
): Promise<void> {
  await runChecks(options, (suite) => {
    addOneWay(suite, 'checkOneWayStream', maker, cloggedMaker);
  });
}

/** Checks a stream: each direction as `checkOneWayStream` does, and both together. */
export async function checkTwoWayStream(
  maker: Maker<readonly [Stream, Stream]>,
  cloggedMaker?: Maker<readonly [Stream, Stream]>,
  options: CheckOptions = {},
): Promise<void> {
  await runChecks(options, (suite) => {
    addTwoWay(suite, 'checkTwoWayStream', maker, cloggedMaker);
  });
}

/** Checks a stream that can be half-closed: as `checkTwoWayStream` does, and `sendEof()`. */
export async function checkHalfCloseableStream(
  maker: Maker<readonly [HalfCloseableStream, HalfCloseableStream]>,
  cloggedMaker?: Maker<readonly [HalfCloseableStream, HalfCloseableStream]>,
  options: CheckOptions = {},
): Promise<void> {
  await runChecks(options, (suite) => {
    addTwoWay(suite, 'checkHalfCloseableStream', maker, cloggedMaker);
    for (const [way, make] of bothWays(maker)) suite.add(`checkHalfCloseableStream ${way}:`, halfCloseableChecks, make);
    if (cloggedMaker !== undefined) {
      suite.add('checkHalfCloseableStream:', halfCloseableCloggedChecks, cloggedMaker);
    }
  });
}

function addOneWay(
  suite: Suite,
  name: string,
  maker: Maker<readonly [SendStream, ReceiveStream]>,
  cloggedMaker: Maker<readonly [SendStream, ReceiveStream]> | undefined,
): void {
  suite.add(name, oneWayChecks, maker);
  if (cloggedMaker !== undefined) suite.add(name, cloggedChecks, cloggedMaker);
}

function addTwoWay(
  suite: Suite,
  name: string,
  maker: Maker<readonly [Stream, Stream]>,
  cloggedMaker: Maker<readonly [Stream, Stream]> | undefined,
): void {
  for (const [way, make] of bothWays(maker)) addOneWay(suite, `${name} ${way}:`, make, undefined);
  // Only the first stream of a clogged pair is promised to be blocked.
  if (cloggedMaker !== undefined) suite.add(`${name}:`, cloggedChecks, cloggedMaker);
  suite.add(`${name}:`, twoWayChecks, maker);
}

/** The pair as it is made, and with its streams exchanged. */
function bothWays<S>(maker: () => Promise<readonly [S, S]>): [way: string, make: () => Promise<readonly [S, S]>][] {
  return [
    ['a to b', maker],
    [
      'b to a',
      async () => {
        const [a, b] = await maker();
        return [b, a];
      },
    ],
  ];
}
