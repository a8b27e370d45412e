/**
 * Child processes as streams: bytes into standard input, bytes out of standard output, an exit status to wait for.
 *
 * Nothing goes through a shell: the arguments arrive as they are given, whatever is in them.
 *
 * **Whose it is.** A process belongs to the innermost cancel scope that it was opened in and that is still running. When
 * that scope is cancelled, the process gets SIGTERM at once and SIGKILL after `graceMs` (on the clock it was opened under)
 * if it is still there, which is reported (`process-killed`). This goes on in the background: leaving a cancelled scope does not wait for it, so code that has
 * to see the end awaits `wait()` in a shielded scope, or uses `runProcess`, which does. When the scope ends without being
 * cancelled (`await failAfter(1000, () => openProcess(…))`), the process passes on to the scope around it; outside of any
 * scope it lives until it ends by itself or is closed.
 *
 * **What becomes of the pipes.** They are Node's sockets and have back-pressure both ways. Node throws away what nobody
 * reads of a process that has exited; the pipes are taken out of its hands, so output can be read after the exit.
 *
 * Source: Trio `open_process`, `Process`; the owner rule is bowline's, in place of Trio's nursery-only form.
 */
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';

import type { Clock } from '../core/clock.ts';
import { BrokenResourceError, MisuseError } from '../core/errors.ts';
import type { AsyncResource } from '../core/resource.ts';
import type { ReceiveStream, SendStream } from '../core/stream.ts';
import { report } from '../observe/report.ts';
import { StapledStream } from '../streams/stapled-stream.ts';
import { checkDuration } from '../tasks/cancel-scope.ts';
import { currentEnvironment } from '../tasks/environment.ts';
import { cancelRequested, pass, quietIfCancelled, suspend } from '../tasks/waiter.ts';
import { NodeSendStream } from './node-send-stream.ts';
import { PipeReceiveStream } from './pipe-receive-stream.ts';
import { ProcessOwner } from './process-owner.ts';
import { startChild } from './process-start.ts';
import type { ProcessOptions } from './process-start.ts';

/** How a process ended: one of the two is `null`. */
export interface ProcessExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

const DEFAULT_GRACE_MS = 5_000;

/**
 * Starts a program.
 *
 * @param command a path, or a name to be found in PATH
 * @param args arguments after the program's name; handed over as they are
 * @throws ConnectError it could not be started: not found, not executable, no resources; names the command, never its
 *   arguments; nothing is left open
 * @throws TypeError, RangeError an argument or option makes no sense
 */
export function openProcess(
  command: string,
  args: readonly string[] = [],
  options: ProcessOptions = {},
): Promise<Process> {
  return quietIfCancelled(open(command, args, options));
}

async function open(command: string, args: readonly string[], options: ProcessOptions): Promise<Process> {
  const graceMs = options.graceMs ?? DEFAULT_GRACE_MS;
  checkDuration(graceMs);
  return await startChild(command, args, options, (child) => new Process(command, child, graceMs));
}

export class Process implements AsyncResource {
  /** The program that was started, without its arguments. */
  readonly command: string;
  readonly pid: number;
  /** To the child's standard input, or `null` where that is not a pipe. Closing it is the child's end of file. */
  readonly stdin: SendStream | null;
  /** From the child's standard output, or `null` where that is not a pipe. */
  readonly stdout: ReceiveStream | null;
  readonly stderr: ReceiveStream | null;
  readonly #child: ChildProcess;
  readonly #graceMs: number;
  readonly #clock: Clock;
  readonly #owner: ProcessOwner;
  /** Called when the process has ended. */
  readonly #onEnd = new Set<() => void>();
  #stdio: StapledStream | undefined;
  #exit: ProcessExit | undefined;
  #terminating = false;
  #killError: Error | undefined;
  #closing: Promise<void> | undefined;

  /** For `openProcess`, in the scope that owns the process. */
  constructor(command: string, child: ChildProcess, graceMs: number) {
    this.command = command;
    this.pid = child.pid as number;
    this.#child = child;
    this.#graceMs = graceMs;
    this.#clock = currentEnvironment().clock;
    const [stdin, stdout, stderr] = child.stdio as (Socket | null | undefined)[];
    this.stdin = stdin ? new NodeSendStream(stdin, { release: () => stdin.destroy() }) : null;
    this.stdout = stdout ? new PipeReceiveStream(stdout) : null;
    this.stderr = stderr ? new PipeReceiveStream(stderr) : null;
    // Takes the pipes out of the hands of Node's own end of a process, which would drain and discard them.
    child.stdio.fill(null as never);
    this.#owner = new ProcessOwner(`process ${command}`, () => {
      this.terminate();
    });
    // Node emits an error where a signal may not be sent; `kill` looks.
    child.on('error', (error) => {
      this.#killError = error;
    });
    child.once('exit', (exitCode, signal) => {
      this.#ended({ exitCode, signal });
    });
  }

  /** Standard input and output as one stream; its `sendEof()` closes the child's input. MisuseError if one is not a pipe. */
  get stdio(): StapledStream {
    if (this.#stdio === undefined) {
      if (this.stdin === null || this.stdout === null) {
        throw new MisuseError('stdio needs stdin and stdout of the process to be pipes');
      }
      this.#stdio = new StapledStream(this.stdin, this.stdout);
    }
    return this.#stdio;
  }

  /** How the process ended, or `undefined` while it runs. */
  get exit(): ProcessExit | undefined {
    return this.#exit;
  }

  /**
   * Waits until the process has ended, which says nothing of its output: that may still be waiting to be read. Any
   * number of callers; cancelling one disturbs nothing.
   */
  wait(): Promise<ProcessExit> {
    return quietIfCancelled(this.#waitForExit());
  }

  async #waitForExit(): Promise<ProcessExit> {
    await pass();
    while (this.#exit === undefined) await this.#untilEnd();
    return this.#exit;
  }

  /**
   * Sends a signal, by default SIGTERM.
   *
   * @returns whether there was a process to send it to; `false` after its end
   * @throws TypeError there is no such signal; BrokenResourceError it may not be sent
   */
  kill(signal: NodeJS.Signals | number = 'SIGTERM'): boolean {
    if (this.#exit !== undefined) return false;
    this.#killError = undefined;
    const sent = this.#child.kill(signal);
    const cause = this.#killError as Error | undefined;
    if (cause !== undefined)
      throw new BrokenResourceError(`cannot signal ${this.command}: ${cause.message}`, { cause });
    return sent;
  }

  /** Asks the process to end: SIGTERM now, SIGKILL after `graceMs` if it is still there. Does not wait for it. */
  terminate(): void {
    if (this.#terminating || this.#exit !== undefined) return;
    this.#terminating = true;
    this.#tryKill('SIGTERM');
    const stopTimer = this.#clock.setTimer(this.#clock.now() + this.#graceMs, () => {
      report({ kind: 'process-killed', command: this.command, pid: this.pid, graceMs: this.#graceMs });
      this.#tryKill('SIGKILL');
    });
    this.#onEnd.add(stopTimer);
  }

  /**
   * Closes all pipes and sees the process out: after `graceMs` it gets SIGTERM, after another `graceMs` SIGKILL. Resolves
   * when it has ended. In a cancelled scope SIGTERM is sent at once, what follows goes on in the background, and this
   * resolves.
   */
  close(): Promise<void> {
    if (cancelRequested()) {
      this.#abandon();
      return Promise.resolve();
    }
    return (this.#closing ??= this.#closeGently());
  }

  /** Closes the pipes and sends SIGKILL. */
  abort(): void {
    this.#abortPipes();
    this.#tryKill('SIGKILL');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #closeGently(): Promise<void> {
    try {
      await this.stdin?.close();
      this.#abortPipes();
      if (this.#exit === undefined) await this.#untilEnd(this.#graceMs);
      this.terminate();
      while (this.#exit === undefined) await this.#untilEnd();
    } catch {
      // Cancelled, which is all that can happen to these waits.
      this.#abandon();
    }
  }

  #abandon(): void {
    this.#abortPipes();
    this.terminate();
  }

  #abortPipes(): void {
    this.stdin?.abort();
    this.stdout?.abort();
    this.stderr?.abort();
  }

  /** Where no answer is possible: a signal that may not be sent changes nothing. */
  #tryKill(signal: NodeJS.Signals): void {
    try {
      this.kill(signal);
    } catch {
      // The process belongs to another user by now. What is left is to wait for it.
    }
  }

  #untilEnd(atMostMs = Infinity): Promise<void> {
    return suspend((waiter) => {
      const wake = (): void => {
        this.#onEnd.delete(wake);
        stopTimer?.();
        waiter.resolve();
      };
      this.#onEnd.add(wake);
      const stopTimer = atMostMs === Infinity ? undefined : this.#clock.setTimer(this.#clock.now() + atMostMs, wake);
      return () => {
        this.#onEnd.delete(wake);
        stopTimer?.();
      };
    });
  }

  #ended(exit: ProcessExit): void {
    this.#exit = exit;
    this.#owner.release();
    for (const callback of [...this.#onEnd]) callback();
    this.#onEnd.clear();
  }
}
