/**
 * `exec:command with args`: a program whose standard input and output are the stream. No shell is started; how the words
 * are cut is in command-words.ts. Options come after a `?` that is not quoted; a `?` of the command stands in quotes.
 *
 * Arguments often hold passwords, so only the program's name is ever shown.
 */
import { AddressError } from '../../core/errors.ts';
import { joinCommand, splitCommand } from './command-words.ts';
import { milliseconds, oneOf, text } from './option-kinds.ts';
import { defineGrammar } from './scheme-grammar.ts';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

export const execGrammar = defineGrammar({
  name: 'exec',
  form: "exec:command 'arg'",
  roles: ['connect', 'listen'],
  permission: 'exec',
  isCommand: true,
  options: {
    cwd: text('a directory'),
    graceMs: milliseconds(0),
    stderr: oneOf(['inherit', 'ignore']),
  },
  parseTarget: (line): Command => {
    const [program, ...args] = splitCommand(line);
    if (program === undefined || program === '')
      throw new AddressError('bad command: it is empty', 'the command is missing');
    return { program, args };
  },
  formatTarget: ({ program, args }) => joinCommand([program, ...args]),
  redactTarget: ({ program, args }) => joinCommand([program]) + (args.length > 0 ? ' …' : ''),
});
