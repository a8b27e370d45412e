/**
 * Starting a child process, up to the moment when it is known whether that worked.
 *
 * Node reports failures to start in two ways, thrown and as an 'error' event; both become a ConnectError that names the
 * command and never its arguments, which may hold passwords. Whatever goes wrong, no process and no descriptor stays behind.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions, StdioOptions } from 'node:child_process';
import { statSync } from 'node:fs';

import { BowlineError, ConnectError } from '../core/errors.ts';
import { pass, refusal, suspend } from '../tasks/waiter.ts';

/**
 * Where a standard stream of the child leads: `'pipe'` to a stream of the Process, `'inherit'` to the same place as this
 * program's own, `'ignore'` to nowhere, a number to that file descriptor of this program.
 */
export type ProcessStdio = 'pipe' | 'inherit' | 'ignore' | number;

export interface ProcessOptions {
  /** Default `'pipe'`. */
  readonly stdin?: ProcessStdio | undefined;
  /** Default `'pipe'`. */
  readonly stdout?: ProcessStdio | undefined;
  /** Default `'inherit'`: a pipe that nobody reads would stop the child when it is full. */
  readonly stderr?: ProcessStdio | undefined;
  /** Working directory of the child; default: ours. */
  readonly cwd?: string | undefined;
  /** The whole environment of the child; default: ours. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** From a polite request to end until the next, harder one, in milliseconds; >= 0. Default 5,000. */
  readonly graceMs?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Makes the child the leader of a new session, away from this terminal's signals. Default `false`. */
  readonly detached?: boolean | undefined;
}

/**
 * Starts a program and gives it to `own`, in the same turn of the event loop in which it is known to run.
 *
 * @throws ConnectError, TypeError as `openProcess`
 */
export async function startChild<T>(
  command: string,
  args: readonly string[],
  options: ProcessOptions,
  own: (child: ChildProcess) => T,
): Promise<T> {
  checkCommand(command, args);
  const stdio = [
    checkStdio(options.stdin, 'pipe'),
    checkStdio(options.stdout, 'pipe'),
    checkStdio(options.stderr, 'inherit'),
  ];
  await pass();
  // The scope may have been cancelled since; from here to the wait for the child nothing else runs.
  const refused = refusal();
  if (refused !== undefined) return refused;
  const startedAt = performance.now();
  let child: ChildProcess | undefined;
  try {
    child = spawn(command, [...args], spawnOptions(options, stdio));
    await untilSpawned(child);
    return own(child);
  } catch (error) {
    if (child !== undefined) discard(child);
    // Of the arguments, or of the scope that ended meanwhile.
    if (error instanceof TypeError || error instanceof RangeError || error instanceof BowlineError) throw error;
    throw cannotStart(command, options.cwd, error as NodeJS.ErrnoException, performance.now() - startedAt);
  }
}

function checkCommand(command: unknown, args: unknown): void {
  if (typeof command !== 'string') throw new TypeError(`the command is a string, not ${typeof command}`);
  if (command === '') throw new TypeError('the command is empty');
  if (!Array.isArray(args) || args.some((arg) => typeof arg !== 'string')) {
    throw new TypeError('the arguments are an array of strings; there is no shell that would split one');
  }
}

function checkStdio(value: ProcessStdio | undefined, fallback: ProcessStdio): ProcessStdio {
  if (value === undefined) return fallback;
  if (value === 'pipe' || value === 'inherit' || value === 'ignore') return value;
  if (Number.isInteger(value) && value >= 0) return value;
  throw new TypeError(`a standard stream is 'pipe', 'inherit', 'ignore' or a file descriptor, not ${String(value)}`);
}

function spawnOptions(options: ProcessOptions, stdio: StdioOptions): SpawnOptions {
  const { cwd, env, uid, gid, detached = false } = options;
  return {
    cwd,
    env: env as NodeJS.ProcessEnv | undefined,
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    detached,
    stdio,
    shell: false,
    windowsHide: true,
  };
}

/** Node knows at once whether it worked, and says so in the next tick. */
function untilSpawned(child: ChildProcess): Promise<void> {
  return suspend((waiter) => {
    child.once('spawn', () => {
      child.removeAllListeners('error');
      waiter.resolve();
    });
    child.once('error', (error) => {
      waiter.reject(error);
    });
    return () => false;
  });
}

function discard(child: ChildProcess): void {
  child.on('error', ignore);
  // Without descriptors there are not even pipes.
  for (const pipe of (child.stdio as ChildProcess['stdio'] | undefined) ?? []) pipe?.destroy();
  child.kill('SIGKILL');
}

function ignore(): void {
  // What becomes of a process that nobody got is of no interest.
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such program',
  EACCES: 'not executable, or not permitted',
  EPERM: 'not permitted',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files in the system',
  EAGAIN: 'too many processes',
  ENOMEM: 'not enough memory',
  E2BIG: 'the arguments and environment are too long',
};

function cannotStart(
  command: string,
  cwd: string | undefined,
  error: NodeJS.ErrnoException,
  durationMs: number,
): ConnectError {
  // Arguments may hold passwords, and errors get printed.
  if ('spawnargs' in error) delete error.spawnargs;
  const code = error.code ?? error.message;
  let reason = reasons[code];
  // The system does not say which of the two it did not find.
  if (code === 'ENOENT' && cwd !== undefined && statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true) {
    reason = `there is no directory ${cwd}`;
  }
  const message = `cannot start ${command}: ${reason === undefined ? code : `${reason} (${code})`}`;
  return new ConnectError(message, [{ address: `exec:${command}`, error, durationMs }], { cause: error });
}
