// Forwards a port: node port-forwarder.js LISTEN CONNECT, such as tcp:127.0.0.1:8080 tcp:example.org:80
//
// `bowline relay` does the same and more; this is the heart of it.
import { connect, formatSocketAddress, listen, relayStreams, serveListeners } from 'bowline';
import type { HalfCloseableStream } from 'bowline';

const [from = 'tcp:127.0.0.1:8080', to = 'tcp:example.org:80'] = process.argv.slice(2);

async function forward(client: HalfCloseableStream): Promise<void> {
  const server = await connect(to);
  // Copies both ways, passes half-closes on, and closes both at the end.
  await relayStreams(client, server);
}

const listeners = await listen(from);
for (const { address } of listeners) {
  if (address !== undefined) console.log(`listening on ${formatSocketAddress(address)}`);
}
await serveListeners(forward, listeners);
