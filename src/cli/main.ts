#!/usr/bin/env node
/** The `bowline` command. */
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { suspend } from '../tasks/waiter.ts';
import { runCommand } from './command.ts';
import { exitStatus } from './exit-status.ts';
import { describeFailure } from './failure.ts';

let outputError: NodeJS.ErrnoException | undefined;
// A reader that has gone is no failure. A full disk is; who writes data hears of it from the stream.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') outputError = error;
});
process.stderr.on('error', () => undefined);

let status = await runCommand(process.argv.slice(2), fileURLToPath(import.meta.url));

// What was printed last may still be on its way into a pipe.
for (const output of [process.stdout, process.stderr]) {
  if (output.writable) await suspend<void>((waiter) => void output.write('', () => waiter.resolve()));
}
if (status === exitStatus.ok && outputError !== undefined) {
  process.stderr.write(`bowline: standard output: ${describeFailure(outputError)}\n`);
  status = exitStatus.failure;
}
process.exit(status);
