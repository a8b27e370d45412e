/**
 * One connection, from its beginning to its record: counted, ended when idle, and its failure told in one line.
 *
 * Nothing that happens to one connection reaches the others or the server; only cancellation goes on outwards.
 */
import type { HalfCloseableStream } from '../core/stream.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { currentTime } from '../tasks/environment.ts';
import { cancelRequested } from '../tasks/waiter.ts';
import type { Run } from './run.ts';
import { sideOf } from './side.ts';
import type { Side } from './side.ts';
import type { ConnectionRecord } from './statistics.ts';

export class Connection {
  readonly #run: Run;
  readonly #record: ConnectionRecord;
  #idle: CancelScope | undefined;

  private constructor(run: Run, record: ConnectionRecord) {
    this.#run = run;
    this.#record = record;
  }

  /**
   * Runs `body` for a connection and records how it ended.
   *
   * @param from the side that was accepted, @param to what it is connected to, both as they may be shown
   */
  static async run(run: Run, from: string, to: string, body: (connection: Connection) => Promise<void>): Promise<void> {
    const record = run.begin(from, to);
    try {
      await body(new Connection(run, record));
    } catch (error) {
      if (cancelRequested()) {
        run.end(record, 'cut');
        throw error;
      }
      run.end(
        record,
        error instanceof IdleTooLong ? 'idle' : 'failed',
        error instanceof IdleTooLong ? undefined : error,
      );
      return;
    }
    run.end(record, 'ok');
  }

  /** The side that was accepted: what comes from it counts as forward, what goes to it as backward. */
  near(stream: HalfCloseableStream): Side {
    return sideOf(stream, this.#record.from, (receivedBytes, sentBytes) => {
      this.#record.forwardBytes += receivedBytes;
      this.#record.backwardBytes += sentBytes;
      this.#touch();
    });
  }

  /** The side that it is connected to, or with a name of its own something in between. */
  far(stream: HalfCloseableStream, name: string = this.#record.to): Side {
    return sideOf(stream, name, () => this.#touch());
  }

  /** Runs `body` until both sides have been silent for the time of --idle-timeout. */
  async whileBusy(body: () => Promise<unknown>): Promise<void> {
    const { idleTimeoutMs } = this.#run.settings;
    if (idleTimeoutMs === undefined) {
      await body();
      return;
    }
    this.#idle = new CancelScope({ timeoutMs: idleTimeoutMs });
    const result = await this.#idle.tryRun(body);
    if (result.cancelled) throw new IdleTooLong();
  }

  #touch(): void {
    // Moving a deadline later only stores the new time.
    if (this.#idle !== undefined) this.#idle.deadline = currentTime() + (this.#run.settings.idleTimeoutMs ?? Infinity);
  }
}

class IdleTooLong extends Error {
  override readonly name = 'IdleTooLong';
}
