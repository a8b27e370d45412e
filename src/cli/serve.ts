/** `bowline serve ADDRESS --echo|--discard|--source|--exec`: the built-in services, one instance per connection. */
import type { HalfCloseableStream, ReceiveStream } from '../core/stream.ts';
import { parseAddress } from '../endpoints/address.ts';
import { gather } from '../tasks/gather.ts';
import type { Service as ServiceName, Settings } from './arguments.ts';
import { currentBudget } from './connection-budget.ts';
import type { Plan } from './plan.ts';
import { execAddressText, planRelay, whyNoWorkers } from './relay.ts';
import { serveUntilStopped } from './serving.ts';
import { UsageError } from './usage-error.ts';

/** @throws AddressError, UsageError the address makes no sense, or cannot be served */
export function planServe(text: string, service: ServiceName, settings: Settings): Plan {
  const address = parseAddress(text, { role: 'listen' });
  const scheme = address.scheme.name;
  if (scheme === 'stdio' || scheme === 'exec')
    throw new UsageError(`serve listens on a network or a Unix socket, not on ${scheme}:`);
  if (service.kind === 'exec') {
    const connect = execAddressText(service.command);
    return { ...planRelay({ listen: text, connect, through: undefined, settings }), command: 'serve' };
  }
  return {
    command: 'serve',
    settings,
    outputIsData: false,
    isSingle: false,
    noWorkersBecause: whyNoWorkers(address),
    async run(run, onListening) {
      const budget = currentBudget({
        maxConnections: run.shareOf(settings.maxConnections),
        maxChildren: 0,
        descriptorsEach: 1,
      });
      await serveUntilStopped(
        run,
        address,
        {
          to: service.kind,
          handle: (connection, stream) => connection.whileBusy(() => handlerOf(service)(connection.near(stream))),
        },
        budget,
        onListening,
      );
      return {};
    },
  };
}

type BuiltIn = Exclude<ServiceName, { kind: 'exec' }>;

function handlerOf(service: BuiltIn): (stream: HalfCloseableStream) => Promise<void> {
  switch (service.kind) {
    case 'echo':
      return echo;
    case 'discard':
      return discard;
    case 'source':
      return (stream) => source(stream, service.sizeBytes);
  }
}

async function echo(stream: HalfCloseableStream): Promise<void> {
  for await (const chunk of stream) await stream.sendAll(chunk);
  await stream.sendEof();
}

async function discard(stream: ReceiveStream): Promise<void> {
  while ((await stream.receiveSome()) !== null);
}

const zeros = new Uint8Array(65_536);

async function source(stream: HalfCloseableStream, sizeBytes: number): Promise<void> {
  await gather([
    async () => {
      for (let left = sizeBytes; left > 0; left -= zeros.length) {
        await stream.sendAll(left < zeros.length ? zeros.subarray(0, left) : zeros);
      }
      await stream.sendEof();
    },
    () => discard(stream),
  ]);
}
