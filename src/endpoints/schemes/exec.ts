/**
 * `exec:`: a process, whose standard input and output are the stream.
 *
 * Closing the stream closes the command's input, gives it `graceMs` to end by itself, then asks harder (see Process). It
 * belongs to the scope that it was opened in, so it never outlives a cancelled one.
 */
import type { HalfCloseableStream } from '../../core/stream.ts';
import { openProcess } from '../../sockets/process.ts';
import type { OptionValues } from '../grammar/option-kinds.ts';
import type { Command } from '../grammar/exec.ts';
import { execGrammar } from '../grammar/exec.ts';
import { ReleasedStream } from '../released-stream.ts';
import type { Scheme } from '../scheme.ts';
import { defineScheme } from '../scheme.ts';
import { SingleConnectionListener } from '../single-connection-listener.ts';

export const exec: Scheme = defineScheme(execGrammar, {
  connect: start,
  listen: async (command, options) => [new SingleConnectionListener(await start(command, options))],
});

async function start(
  { program, args }: Command,
  { cwd, graceMs, stderr }: OptionValues<typeof execGrammar.options>,
): Promise<HalfCloseableStream> {
  const process = await openProcess(program, args, { cwd, graceMs, stderr });
  return new ReleasedStream(process.stdio, process);
}
