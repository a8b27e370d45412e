/** `bowline relay LISTEN CONNECT`: every connection at one address goes on to the other. */
import { parseAddress, redactAddress } from '../endpoints/address.ts';
import type { Address } from '../endpoints/address.ts';
import { relayStreams } from '../streams/pump.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import type { Settings } from './arguments.ts';
import { Children } from './children.ts';
import { currentBudget } from './connection-budget.ts';
import { destinationOf } from './destination.ts';
import { EndableInput } from './endable-input.ts';
import { SideBroken } from './failure.ts';
import type { Plan } from './plan.ts';
import { serveOnce, serveUntilStopped } from './serving.ts';
import type { Service } from './serving.ts';
import { StandardStreams } from './standard-streams.ts';
import { UsageError } from './usage-error.ts';

/** @throws AddressError, UsageError an address makes no sense, or the two do not go together */
export function planRelay(listenText: string, connectText: string, settings: Settings): Plan {
  const near = parseAddress(listenText, { role: 'listen' });
  const far = parseAddress(connectText, { role: 'connect' });
  const [nearScheme, farScheme] = [near.scheme.name, far.scheme.name];
  const isSingle = nearScheme === 'stdio' || nearScheme === 'exec';
  if (farScheme === 'stdio') {
    throw new UsageError("stdio: is for one connection: write 'relay stdio: ADDRESS' or 'connect ADDRESS'");
  }
  return {
    command: 'relay',
    settings,
    outputIsData: nearScheme === 'stdio',
    isSingle,
    noWorkersBecause: whyNoWorkers(near),
    async run(run, onListening) {
      const budget = currentBudget({
        maxConnections: run.shareOf(settings.maxConnections),
        maxChildren: farScheme === 'exec' ? run.shareOf(settings.maxChildren) : 0,
        descriptorsEach: 2,
      });
      const children = new Children(budget.children, run);
      const destination = destinationOf(far, settings.connectTimeoutMs, children);
      const service: Service = {
        to: redactAddress(far),
        handle: (connection, stream) =>
          destination(async (farStream, over) => {
            const nearStream = connection.near(over === undefined ? stream : new EndableInput(stream, over));
            const relay = (): Promise<unknown> => relayStreams(nearStream, connection.far(farStream));
            await connection.whileBusy(relay).catch((error: unknown) => {
              if (!isUnreadInput(error, [near, far])) throw error;
            });
          }),
      };
      if (nearScheme === 'stdio') {
        const whileRead = new CancelScope();
        const streams = new StandardStreams(run.interruption.stop, () => whileRead.cancel('nobody reads the output'));
        const handle: Service['handle'] = (...args) => whileRead.run(() => service.handle(...args));
        await serveOnce(run, streams, near, { ...service, handle });
      } else if (nearScheme === 'exec') {
        await new Children(1, run).run(near, (stream) => serveOnce(run, stream, near, service));
      } else {
        await serveUntilStopped(run, near, service, budget, onListening);
      }
      return farScheme === 'exec' ? { peakChildren: children.peak } : {};
    },
  };
}

/** Whether an error is only that a command has not read all its input. It need not; whether it should, its status tells. */
function isUnreadInput(error: unknown, sides: readonly Address[]): boolean {
  if (!(error instanceof SideBroken) || error.during !== 'sending') return false;
  return sides.some((side) => side.scheme.name === 'exec' && redactAddress(side) === error.address);
}

/** Why the workers of --workers cannot share a listener at this address, if so. */
export function whyNoWorkers({ scheme }: Address): string | undefined {
  return scheme.name === 'tcp' ? undefined : `workers share a listener at tcp:, not at ${scheme.name}:`;
}
