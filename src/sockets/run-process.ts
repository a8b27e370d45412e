/**
 * A process from start to end: input fed, output collected, exit status judged. `openProcess` is for conversations.
 *
 * Source: Trio `run_process`, Python `subprocess.run`. Feeding and collecting run at the same time, so neither side can
 * stop the other by a full pipe; a child that does not want all of its input is no error.
 */
import type { Bytes } from '../core/bytes.ts';
import { BowlineError, BrokenResourceError } from '../core/errors.ts';
import type { ReceiveStream, SendStream } from '../core/stream.ts';
import { wrongData } from '../streams/stream-arguments.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { openNursery } from '../tasks/nursery.ts';
import { openProcess } from './process.ts';
import type { Process, ProcessExit } from './process.ts';
import type { ProcessOptions, ProcessStdio } from './process-start.ts';

export interface RunProcessOptions extends Omit<ProcessOptions, 'stdin' | 'stdout' | 'stderr'> {
  /** What the child reads; default: nothing. Not together with `stdin`. */
  readonly input?: Uint8Array | readonly Uint8Array[] | undefined;
  /** Collects the output; default: it goes where ours goes. Not together with `stdout`. */
  readonly captureStdout?: boolean | undefined;
  readonly captureStderr?: boolean | undefined;
  /** Whether an end other than exit code 0 is a ProcessError. Default `true`. */
  readonly check?: boolean | undefined;
  /** Most bytes collected of each output; a child that writes more is terminated. Default 64 MiB. */
  readonly maxOutputBytes?: number | undefined;
  readonly stdin?: Exclude<ProcessStdio, 'pipe'> | undefined;
  readonly stdout?: Exclude<ProcessStdio, 'pipe'> | undefined;
  readonly stderr?: Exclude<ProcessStdio, 'pipe'> | undefined;
}

export interface ProcessResult extends ProcessExit {
  /** Empty where it was not captured. */
  readonly stdout: Bytes;
  readonly stderr: Bytes;
}

const DEFAULT_MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** A process did not end well. Has what it wrote, as far as that was captured; the message has none of it. */
export class ProcessError extends BowlineError {
  readonly code = 'ERR_BOWLINE_PROCESS';
  /** The program, without its arguments. */
  readonly command: string;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Bytes;
  readonly stderr: Bytes;

  constructor(message: string, command: string, result: ProcessResult) {
    super(message);
    this.command = command;
    this.exitCode = result.exitCode;
    this.signal = result.signal;
    this.stdout = result.stdout;
    this.stderr = result.stderr;
  }
}

/**
 * Runs a program and waits until it has ended and its captured output has been read to the end.
 *
 * Cancelled, it terminates the process (SIGTERM, then SIGKILL after `graceMs`) and waits for its end before it throws.
 *
 * @throws ProcessError it ended with another status than 0 or by a signal (unless `check` is false), or wrote too much
 * @throws ConnectError it could not be started; see `openProcess`
 */
export async function runProcess(
  command: string,
  args: readonly string[] = [],
  options: RunProcessOptions = {},
): Promise<ProcessResult> {
  const { input, captureStdout = false, captureStderr = false, check = true, stdin, stdout, stderr, ...rest } = options;
  const { maxOutputBytes = DEFAULT_MAX_OUTPUT_BYTES, ...processOptions } = rest;
  checkOptions(options, maxOutputBytes);
  const process = await openProcess(command, args, {
    ...processOptions,
    stdin: input === undefined ? (stdin ?? 'ignore') : 'pipe',
    stdout: captureStdout ? 'pipe' : (stdout ?? 'inherit'),
    stderr: captureStderr ? 'pipe' : (stderr ?? 'inherit'),
  });
  const captured = { stdout: new Capture(maxOutputBytes), stderr: new Capture(maxOutputBytes) };
  let exit: ProcessExit;
  try {
    await openNursery(async (nursery) => {
      if (process.stdin !== null && input !== undefined) nursery.startSoon(feed, process.stdin, input);
      if (process.stdout !== null) nursery.startSoon(collect, process, process.stdout, captured.stdout);
      if (process.stderr !== null) nursery.startSoon(collect, process, process.stderr, captured.stderr);
      await process.wait();
    });
  } finally {
    exit = await seeOut(process);
  }
  const result = { ...exit, stdout: captured.stdout.bytes(), stderr: captured.stderr.bytes() };
  if (captured.stdout.isOver || captured.stderr.isOver) {
    throw new ProcessError(`${command} was ended: it wrote more than ${maxOutputBytes} bytes`, command, result);
  }
  if (check && exit.exitCode !== 0) throw new ProcessError(describe(command, exit), command, result);
  return result;
}

/** Waits for the end, which has been brought about where the work above did not get through. */
async function seeOut(process: Process): Promise<ProcessExit> {
  const scope = new CancelScope({ shield: true });
  const exit = await scope.run(async () => {
    process.terminate();
    const result = await process.wait();
    await process.close();
    return result;
  });
  return exit as ProcessExit;
}

async function feed(stdin: SendStream, input: Uint8Array | readonly Uint8Array[]): Promise<void> {
  try {
    await stdin.sendAll(input);
    await stdin.close();
  } catch (error) {
    // It ended, or closed its input, without reading everything: its right.
    if (!(error instanceof BrokenResourceError)) throw error;
  }
}

/** Once over the limit, the rest is read and dropped until the process has gone. */
async function collect(process: Process, output: ReceiveStream, capture: Capture): Promise<void> {
  for await (const chunk of output) {
    capture.add(chunk);
    if (capture.isOver) process.terminate();
  }
}

class Capture {
  readonly #maxBytes: number;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;
  isOver = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(chunk: Uint8Array): void {
    const room = this.#maxBytes - this.#length;
    if (chunk.length > room) this.isOver = true;
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#chunks.push(kept);
    this.#length += kept.length;
  }

  bytes(): Bytes {
    const all = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }
}

function describe(command: string, exit: ProcessExit): string {
  return exit.signal === null
    ? `${command} exited with status ${exit.exitCode}`
    : `${command} was ended by ${exit.signal}`;
}

function checkOptions(options: RunProcessOptions, maxOutputBytes: number): void {
  const wrong = options.input === undefined ? undefined : wrongData(options.input);
  if (wrong !== undefined) throw wrong;
  if (options.input !== undefined && options.stdin !== undefined) throw new TypeError('give input or stdin, not both');
  if (options.captureStdout === true && options.stdout !== undefined)
    throw new TypeError('give captureStdout or stdout, not both');
  if (options.captureStderr === true && options.stderr !== undefined)
    throw new TypeError('give captureStderr or stderr, not both');
  if (!Number.isInteger(maxOutputBytes)) throw new TypeError('maxOutputBytes is an integer');
  if (maxOutputBytes < 0) throw new RangeError('maxOutputBytes is 0 or more');
  if ([options.stdin, options.stdout, options.stderr].includes('pipe' as never)) {
    throw new TypeError('runProcess makes its own pipes: use input, captureStdout and captureStderr, or openProcess');
  }
}
