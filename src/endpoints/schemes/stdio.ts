/** `stdio:`: this program's standard input and output. */
import { stdioStream } from '../../sockets/stdio.ts';
import { stdioGrammar } from '../grammar/stdio.ts';
import type { Scheme } from '../scheme.ts';
import { defineScheme } from '../scheme.ts';
import { SingleConnectionListener } from '../single-connection-listener.ts';

// Async, so that what stdioStream throws is a rejection here as everywhere.
export const stdio: Scheme = defineScheme(stdioGrammar, {
  connect: async () => stdioStream(),
  listen: async () => [new SingleConnectionListener(stdioStream())],
});
