// bowline as its users write it, public modules only: the pull API with one async handler per connection, and callbacks.
//
// `protocol` is a callback protocol, without a promise or a scope for anything that a connection does. The others pull. Two ways to own connections. `serveTcp` is the paved path: a nursery holds every handler, so each runs in a cancel scope.
// `bare` loops on accept() and opens no scope at all; in such a process AsyncLocalStorage is never entered, which on Node 20
// spares every promise its hooks. Two ways to receive in bulk: `receiveSome` hands out bytes that the caller owns,
// `receiveInto` fills one buffer of the caller's again and again.
//
// Usage: node bowline.mjs http|echo|source|sink BYTES serveTcp|bare|protocol [into]     prints {"port":N} when it listens
import { createServer } from 'bowline/callbacks';
import { BrokenResourceError } from 'bowline/core';
import { openTcpListeners, serveTcp } from 'bowline/sockets';
import { piece, response } from './payload.mjs';

const [kind, bytes, owner, receiving = 'some'] = process.argv.slice(2);
const listening = { host: '127.0.0.1', backlog: 4096 };

/** @param {import('bowline/core').SocketStream} stream */
async function handler(stream) {
  try {
    if (kind === 'http') {
      while ((await stream.receiveSome()) !== null) await stream.sendAll(response);
    } else if (kind === 'echo') {
      for (let chunk; (chunk = await stream.receiveSome()) !== null;) await stream.sendAll(chunk);
    } else if (kind === 'source') {
      for (let left = Number(bytes); left > 0; left -= piece.length) await stream.sendAll(piece);
    } else if (receiving === 'into') {
      const buffer = new Uint8Array(65_536);
      while ((await stream.receiveInto(buffer)) !== null);
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

/** @param {readonly import('bowline/core').SocketListener[]} listeners */
function announce(listeners) {
  const { address } = listeners[0];
  if ('port' in address) console.log(JSON.stringify({ port: address.port }));
}

/** @implements {import('bowline/callbacks').Protocol} */
class Answering {
  /** @param {import('bowline/callbacks').Transport} transport */
  connectionMade(transport) {
    this.transport = transport;
  }

  /** @param {Uint8Array} chunk */
  dataReceived(chunk) {
    if (kind === 'http') void this.transport?.write(response);
    else if (kind === 'echo') void this.transport?.write(chunk);
  }
}

if (owner === 'protocol') {
  announce(
    await openTcpListeners(0, listening).then(async (listeners) => {
      await createServer(() => new Answering(), listeners);
      return listeners;
    }),
  );
} else if (owner === 'serveTcp') {
  await serveTcp(handler, 0, { ...listening, started: announce });
} else {
  const listeners = await openTcpListeners(0, listening);
  announce(listeners);
  for (;;) void handler(await listeners[0].accept());
}
