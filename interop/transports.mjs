/** The same client and server over every transport: memory, TCP and Unix sockets. */
import { join } from 'node:path';

import { openTcpListeners, openTcpStream, openUnixListener, openUnixSocket, serveListeners } from 'bowline/sockets';
import { openNursery } from 'bowline/tasks';
import { memoryStreamPair } from 'bowline/testing';

import { withFolder } from './programs.mjs';

/** One case for each transport; `run(withServer)` gets the function below, bound to one. */
export function overTransports(name, run, names = Object.keys(transports)) {
  return names.map((transport) => ({ name: `${name} over ${transport}`, run: () => run(transports[transport]) }));
}

/** `transport(handler, body)`: every connection goes to `handler`, `body(connect)` opens them, and at the end all is closed. */
export const transports = {
  async memory(handler, body) {
    const failures = [];
    const result = await body(async () => {
      const [near, far] = memoryStreamPair({ capacityBytes: 65_536 });
      handler(far).catch((error) => failures.push(error));
      return near;
    });
    if (failures.length > 0) throw failures[0];
    return result;
  },

  async TCP(handler, body) {
    const [listener] = await openTcpListeners(0, { host: '127.0.0.1' });
    return await serving(handler, listener, () => body(() => openTcpStream('127.0.0.1', listener.address.port)));
  },

  'a Unix socket': (handler, body) =>
    withFolder(async (folder) => {
      const path = join(folder, 'socket');
      const listener = await openUnixListener(path);
      return await serving(handler, listener, () => body(() => openUnixSocket(path)));
    }),
};

export async function serving(handler, listener, body) {
  let result;
  await openNursery(async (nursery) => {
    nursery.startSoon(serveListeners, handler, [listener], { onHandlerError: 'propagate' });
    try {
      result = await body();
    } finally {
      nursery.cancelScope.cancel();
    }
  });
  return result;
}

/** For handlers that hand their stream to a library: waits until the library is done with it. */
export function untilClosed(duplex) {
  return new Promise((resolve) => {
    if (duplex.closed) resolve();
    else duplex.once('close', resolve);
  });
}

/** Everything up to the end of file. */
export async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
