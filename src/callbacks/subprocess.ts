/**
 * The callback face of a child process: its pipes and its end.
 *
 *     connectionMade ──▶ (pipeDataReceived | pipeConnectionLost)* ──▶ processExited ──▶ connectionLost
 *
 * Pipes are numbered as the system does: 0 the child's input, 1 its output, 2 its errors. Output may still come after `processExited`;
 * `connectionLost` comes when the process has ended and all that it wrote was handed out. The process belongs to the scope that it was
 * started in, as with `openProcess`, which this stands on; its callbacks belong to nobody's.
 *
 * Source: PEP 3156 and asyncio `SubprocessProtocol`.
 */
import type { Bytes } from '../core/bytes.ts';
import { ClosedResourceError } from '../core/errors.ts';
import type { ReceiveStream } from '../core/stream.ts';
import { openProcess } from '../sockets/process.ts';
import type { Process, ProcessExit } from '../sockets/process.ts';
import type { ProcessOptions } from '../sockets/process-start.ts';
import { quietly } from '../sockets/socket-failure.ts';
import { captureDetached } from '../tasks/detached.ts';
import type { Detached } from '../tasks/detached.ts';
import { runDetached } from '../tasks/environment.ts';
import { quietIfCancelled } from '../tasks/waiter.ts';
import { checkFactory } from './connect.ts';
import { errorSink } from './error-sink.ts';
import type { ErrorSink } from './error-sink.ts';

export interface SubprocessProtocol {
  connectionMade?(transport: SubprocessTransport): void;
  /** @param fd 1 for its output, 2 for its errors */
  pipeDataReceived?(fd: 1 | 2, chunk: Bytes): void;
  /** A pipe has ended: 0 when nothing more can be written, 1 and 2 when all was read. @param error `null` for a clean end */
  pipeConnectionLost?(fd: 0 | 1 | 2, error: Error | null): void;
  processExited?(exit: ProcessExit): void;
  /** The process has ended, and all that it wrote was handed out. @param error what a callback threw, else `null` */
  connectionLost?(error: Error | null): void;
}

export interface SubprocessTransport {
  readonly pid: number;
  /** How it ended, once it has. */
  readonly exit: ProcessExit | undefined;
  /** Writes to the child's input. @throws ClosedResourceError its input was ended, or is no pipe */
  write(data: Uint8Array): Promise<void>;
  /** Ends the child's input, when what was written is out. */
  writeEof(): Promise<void>;
  /** Sends a signal, by default SIGTERM. @returns whether there was a process to send it to */
  kill(signal?: NodeSignal): boolean;
  /** Closes the pipes and sees the process out, harder and harder; see `Process.close`. */
  close(): Promise<void>;
  /** Closes the pipes and sends SIGKILL. */
  abort(): void;
}

type NodeSignal = Parameters<Process['kill']>[0];

export interface SubprocessOptions extends ProcessOptions {
  /** Hears what callbacks throw; they end the process in any case. Default: a `handler-error` report. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * Starts a program and runs a protocol over its pipes. Its errors go where this program's go, unless `stderr: 'pipe'` is asked for.
 *
 * @returns after `connectionMade`
 * @throws what `openProcess` throws, and what the factory throws; no process is left then
 */
export function createSubprocess<P extends SubprocessProtocol>(
  factory: () => P,
  command: string,
  args: readonly string[] = [],
  options: SubprocessOptions = {},
): Promise<{ readonly transport: SubprocessTransport; readonly protocol: P }> {
  return quietIfCancelled(create(factory, command, args, options));
}

async function create<P extends SubprocessProtocol>(
  factory: () => P,
  command: string,
  args: readonly string[],
  { onError, ...options }: SubprocessOptions,
): Promise<{ readonly transport: SubprocessTransport; readonly protocol: P }> {
  checkFactory(factory);
  const sink = errorSink(onError);
  const child = await openProcess(command, args, options);
  const run = captureDetached();
  let protocol: P;
  try {
    protocol = run(factory);
  } catch (error) {
    child.abort();
    throw error;
  }
  const transport = new ChildTransport(child, protocol, run, sink);
  transport.begin();
  return { transport, protocol };
}

class ChildTransport implements SubprocessTransport {
  readonly #child: Process;
  readonly #protocol: SubprocessProtocol;
  readonly #run: Detached;
  readonly #onError: ErrorSink;
  /** The write that was begun last; writes to a pipe go one after another. */
  #writing: Promise<void> = Promise.resolve();
  #isInputEnded = false;
  #failure: Error | null = null;

  constructor(child: Process, protocol: SubprocessProtocol, run: Detached, onError: ErrorSink) {
    this.#child = child;
    this.#protocol = protocol;
    this.#run = run;
    this.#onError = onError;
  }

  get pid(): number {
    return this.#child.pid;
  }

  get exit(): ProcessExit | undefined {
    return this.#child.exit;
  }

  begin(): void {
    this.#call(() => this.#protocol.connectionMade?.(this));
    void runDetached(() => this.#watch());
  }

  write(data: Uint8Array): Promise<void> {
    if (!(data instanceof Uint8Array))
      return Promise.reject(new TypeError('only bytes can be written; encode text first'));
    const { stdin } = this.#child;
    if (stdin === null || this.#isInputEnded) {
      return quietly(Promise.reject(new ClosedResourceError('the input of this process is closed')));
    }
    const sent = this.#inOrder(() => stdin.sendAll(data));
    sent.catch((error: unknown) => {
      if (this.#isInputEnded) return;
      this.#isInputEnded = true;
      this.#call(() => this.#protocol.pipeConnectionLost?.(0, error as Error));
    });
    return sent;
  }

  writeEof(): Promise<void> {
    if (this.#isInputEnded) return this.#writing;
    this.#isInputEnded = true;
    return this.#inOrder(async () => {
      await this.#child.stdin?.close();
      this.#call(() => this.#protocol.pipeConnectionLost?.(0, null));
    });
  }

  #inOrder(operation: () => Promise<void>): Promise<void> {
    this.#writing = quietly(this.#writing.then(() => runDetached(operation)));
    return this.#writing;
  }

  kill(signal?: NodeSignal): boolean {
    return this.#child.kill(signal);
  }

  close(): Promise<void> {
    this.#isInputEnded = true;
    return this.#child.close();
  }

  abort(): void {
    this.#isInputEnded = true;
    this.#child.abort();
  }

  /** Never rejects. */
  async #watch(): Promise<void> {
    const { stdout, stderr } = this.#child;
    const outputs = [this.#read(1, stdout), this.#read(2, stderr)];
    const exit = await this.#child.wait();
    this.#call(() => this.#protocol.processExited?.(exit));
    await Promise.all(outputs);
    try {
      this.#run(() => this.#protocol.connectionLost?.(this.#failure));
    } catch (thrown) {
      this.#onError(thrown, { getExtraInfo: () => undefined });
    }
  }

  /** Never rejects. */
  async #read(fd: 1 | 2, pipe: ReceiveStream | null): Promise<void> {
    if (pipe === null) return;
    let error: Error | null = null;
    try {
      for await (const chunk of pipe) this.#call(() => this.#protocol.pipeDataReceived?.(fd, chunk));
    } catch (thrown) {
      if (!(thrown instanceof ClosedResourceError)) error = thrown as Error;
    }
    this.#call(() => this.#protocol.pipeConnectionLost?.(fd, error));
  }

  /** What a callback throws ends the process. After that nothing is told but its end. */
  #call(method: () => unknown): void {
    if (this.#failure !== null) return;
    try {
      this.#run(method);
    } catch (thrown) {
      this.#failure =
        thrown instanceof Error ? thrown : new Error('a callback threw what is no Error', { cause: thrown });
      this.#onError(thrown, { getExtraInfo: () => undefined });
      this.abort();
    }
  }
}
