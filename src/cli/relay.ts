/** `bowline relay LISTEN CONNECT`: every connection at one address goes on to the other. */
import { parseAddress, redactAddress } from '../endpoints/address.ts';
import type { Address } from '../endpoints/address.ts';
import { joinCommand, splitCommand } from '../endpoints/grammar/command-words.ts';
import { relayStreams } from '../streams/pump.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import type { Settings } from './arguments.ts';
import { Children } from './children.ts';
import { currentBudget } from './connection-budget.ts';
import { destinationOf, schemes } from './destination.ts';
import { endableInput } from './endable-input.ts';
import { SideBroken } from './failure.ts';
import type { Plan } from './plan.ts';
import { relayThrough } from './relay-through.ts';
import { serveOnce, serveUntilStopped } from './serving.ts';
import type { Service } from './serving.ts';
import { standardStreams } from './standard-streams.ts';
import { UsageError } from './usage-error.ts';

export interface RelayWishes {
  readonly listen: string;
  readonly connect: string;
  /** A command that the bytes from `listen` to `connect` go through. */
  readonly through: string | undefined;
  readonly settings: Settings;
}

/** @throws AddressError, UsageError an address makes no sense, or the two do not go together */
export function planRelay({ listen, connect, through, settings }: RelayWishes): Plan {
  const near = parseAddress(listen, { role: 'listen' });
  const far = parseAddress(connect, { role: 'connect', schemes });
  const filter = through === undefined ? undefined : parseAddress(execAddressText(through), { role: 'connect' });
  const [nearScheme, farScheme] = [near.scheme.name, far.scheme.name];
  const isSingle = nearScheme === 'stdio' || nearScheme === 'exec';
  if (farScheme === 'stdio') {
    throw new UsageError("stdio: is for one connection: write 'relay stdio: ADDRESS' or 'connect ADDRESS'");
  }
  if (filter !== undefined && farScheme === 'exec')
    throw new UsageError('--through needs an address that is not exec:');
  const runsCommands = farScheme === 'exec' || filter !== undefined;
  return {
    command: 'relay',
    settings,
    outputIsData: nearScheme === 'stdio',
    isSingle,
    noWorkersBecause: whyNoWorkers(near),
    async run(run, onListening) {
      const budget = currentBudget({
        maxConnections: run.shareOf(settings.maxConnections),
        maxChildren: runsCommands ? run.shareOf(settings.maxChildren) : 0,
        descriptorsEach: 2,
      });
      const children = new Children(budget.children, run);
      const destination = destinationOf(far, settings.connectTimeoutMs, children);
      const direct: Service['handle'] = (connection, stream) =>
        destination(async (farStream, over) => {
          const nearSide = connection.near(over === undefined ? stream : endableInput(stream, over));
          await tolerateUnreadInput([near, far], () =>
            connection.whileBusy(() => relayStreams(nearSide, connection.far(farStream))),
          );
        });
      const filtered = (command: Address): Service['handle'] => {
        return (connection, stream) =>
          children.run(command, (stdio) =>
            destination(async (farStream) => {
              const commandSide = connection.far(stdio, redactAddress(command));
              await tolerateUnreadInput([near], () =>
                connection.whileBusy(() =>
                  relayThrough(connection.near(stream), commandSide, connection.far(farStream)),
                ),
              );
            }),
          );
      };
      const service: Service = {
        to: redactAddress(far),
        handle: filter === undefined ? direct : filtered(filter),
      };
      if (nearScheme === 'stdio') {
        const whileRead = new CancelScope();
        const streams = standardStreams(run.interruption.stop, () => whileRead.cancel('nobody reads the output'));
        const handle: Service['handle'] = (...args) => whileRead.run(() => service.handle(...args));
        await serveOnce(run, streams, near, { ...service, handle });
      } else if (nearScheme === 'exec') {
        await new Children(1, run).run(near, (stream) => serveOnce(run, stream, near, service));
      } else {
        await serveUntilStopped(run, near, service, budget, onListening);
      }
      return runsCommands ? { peakChildren: children.peak } : {};
    },
  };
}

/** A command line as an address. A question mark in it would begin the options of the address, so it is quoted. */
export function execAddressText(command: string): string {
  return `exec:${joinCommand(splitCommand(command))}`;
}

/** Runs `body`; that a command has not read all its input is no failure: whether it should have, its status tells. */
async function tolerateUnreadInput(sides: readonly Address[], body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    const isRefusal = error instanceof SideBroken && error.during === 'sending';
    if (!isRefusal || !sides.some((side) => side.scheme.name === 'exec' && redactAddress(side) === error.address)) {
      throw error;
    }
  }
}

/** Why the workers of --workers cannot share a listener at this address, if so. */
export function whyNoWorkers({ scheme }: Address): string | undefined {
  // The system gives a peer's datagrams to any of the processes, and its keys are known to one.
  if (scheme.name === 'dtls') return 'dtls: associations belong to one process';
  if (scheme.name !== 'stdio' && scheme.name !== 'exec') return undefined;
  return `${scheme.name}: is a single connection, there is nothing to share`;
}
