// bowline over TLS as its users write it: `serveTlsOverTcp`, one async handler per connection, public modules only.
//
// `strict` is the default, which tells truncation from an end; `https` is `httpsCompatible`, which does without and may take
// Node's native path.
//
// Usage: node bowline-tls.mjs echo|source|sink BYTES CERT KEY strict|https     prints {"port":N} when it listens
import { BrokenResourceError } from 'bowline/core';
import { serveTlsOverTcp } from 'bowline/tls';
import { Identity, serverContext } from 'bowline/trust';
import { piece } from './payload.mjs';

const [kind, bytes, cert, key, mode] = process.argv.slice(2);

/** @param {import('bowline/core').Stream} stream */
async function handler(stream) {
  try {
    if (kind === 'echo') {
      for (let chunk; (chunk = await stream.receiveSome()) !== null;) await stream.sendAll(chunk);
    } else if (kind === 'source') {
      for (let left = Number(bytes); left > 0; left -= piece.length) await stream.sendAll(piece);
    } else {
      while ((await stream.receiveSome()) !== null);
    }
  } catch (error) {
    // The generator closes its connections without ceremony.
    if (!(error instanceof BrokenResourceError)) throw error;
  } finally {
    await stream.close();
  }
}

const context = serverContext({ identity: await Identity.load({ cert, key }) });
await serveTlsOverTcp(handler, 0, context, {
  host: '127.0.0.1',
  backlog: 4096,
  httpsCompatible: mode === 'https',
  started: (listeners) => {
    const { address } = listeners[0];
    if ('port' in address) console.log(JSON.stringify({ port: address.port }));
  },
});
