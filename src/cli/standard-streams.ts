/**
 * Standard input and output as one side of a connection.
 *
 * The end of the input is what tells the peer that all has been said. Three things are that end: the end of the file or
 * pipe; the first SIGINT or SIGTERM; and at a terminal the end of what the peer says, because a person who is shown that
 * the peer has gone does not want to be asked for a Ctrl-D first.
 *
 * A reader of the output that has gone (`bowline connect … | head -1`) has what it wanted: no failure, and nothing is left
 * to do.
 */
import type { HalfCloseableStream } from '../core/stream.ts';
import { stdioStream } from '../sockets/stdio.ts';
import { endableInput } from './endable-input.ts';
import { hasCode } from './failure.ts';
import { wrapStream } from './wrapped-stream.ts';

/**
 * @param stop ends the input
 * @param onReaderGone called when nobody reads the output any more
 */
export function standardStreams(stop: AbortSignal, onReaderGone: () => void): HalfCloseableStream {
  const endOfInput = new AbortController();
  const end = (): void => endOfInput.abort();
  if (stop.aborted) end();
  else stop.addEventListener('abort', end, { once: true });
  const stream = endableInput(stdioStream(), endOfInput.signal);
  return wrapStream(stream, {
    sendAll: async (data) => {
      try {
        await stream.sendAll(data);
      } catch (error) {
        if (hasCode(error, 'EPIPE')) onReaderGone();
        throw error;
      }
    },
    sendEof: async () => {
      if (process.stdin.isTTY) end();
      await stream.sendEof();
    },
  });
}
