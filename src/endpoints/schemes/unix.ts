/** `unix:`: openUnixSocket and openUnixListener. */
import { openUnixListener, openUnixSocket } from '../../sockets/unix.ts';
import { unixGrammar } from '../grammar/unix.ts';
import type { Scheme } from '../scheme.ts';
import { defineScheme } from '../scheme.ts';

export const unix: Scheme = defineScheme(unixGrammar, {
  connect: ({ path }) => openUnixSocket(path),
  listen: async ({ path }, { mode, backlog, acceptQueue, maxConnections }) => [
    await openUnixListener(path, { mode, backlog, acceptQueue, maxConnections }),
  ],
});
