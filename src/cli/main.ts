#!/usr/bin/env node
/** The `bowline` command. */
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { suspend } from '../tasks/waiter.ts';
import { runCommand } from './command.ts';

// A reader that has gone is no reason to crash; those who write data hear of it from their stream.
for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);

const status = await runCommand(process.argv.slice(2), fileURLToPath(import.meta.url));

// What was printed last may still be on its way into a pipe.
for (const output of [process.stdout, process.stderr]) {
  if (output.writable) await suspend<void>((waiter) => void output.write('', () => waiter.resolve()));
}
process.exit(status);
