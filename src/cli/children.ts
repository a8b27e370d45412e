/**
 * The commands of exec:, at most so many alive at a time. A connection whose turn has not come is accepted and waits; its
 * bytes wait in the system's buffers, so it costs two descriptors and no memory here.
 */
import type { HalfCloseableStream } from '../core/stream.ts';
import { redactAddress } from '../endpoints/address.ts';
import type { Address } from '../endpoints/address.ts';
import type { Command } from '../endpoints/grammar/exec.ts';
import { openProcess } from '../sockets/process.ts';
import type { Process } from '../sockets/process.ts';
import type { ProcessOptions } from '../sockets/process-start.ts';
import { CapacityLimiter } from '../tasks/capacity-limiter.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { openNursery } from '../tasks/nursery.ts';
import { cancelRequested } from '../tasks/waiter.ts';
import { EndpointFailure } from './failure.ts';
import type { Run } from './run.ts';

export class Children {
  readonly #limiter: CapacityLimiter;
  readonly #run: Run;
  readonly #alive = new Set<Process>();
  #peak = 0;
  #hasSaid = false;

  constructor(maxChildren: number, run: Run) {
    this.#limiter = new CapacityLimiter(maxChildren);
    this.#run = run;
    run.interruption.cut.addEventListener('abort', () => {
      for (const child of this.#alive) child.abort();
    });
  }

  /** Most that were alive at once. */
  get peak(): number {
    return this.#peak;
  }

  /**
   * Runs the command of an exec: address when its turn has come, with `body` at its input and output; resolves when it has
   * ended. `over` aborts when the command has ended; its output may still have to be read.
   *
   * @throws EndpointFailure it could not be started, or ended with a status other than 0; and what `body` throws
   */
  async run(address: Address, body: (stdio: HalfCloseableStream, over: AbortSignal) => Promise<void>): Promise<void> {
    if (this.#limiter.availableTokens <= 0) this.#sayOnce();
    await this.#limiter.run(async () => {
      const child = await start(address);
      this.#alive.add(child);
      this.#peak = Math.max(this.#peak, this.#alive.size);
      const over = new AbortController();
      try {
        await openNursery(async (nursery) => {
          nursery.startSoon(async () => {
            await child.wait();
            over.abort();
          });
          await body(child.stdio, over.signal);
          nursery.cancelScope.cancel('the connection has ended');
        });
        await child.close();
      } finally {
        // Its place is free when it is gone, not before.
        if (this.#run.interruption.cut.aborted) child.abort();
        else child.terminate();
        await new CancelScope({ shield: true }).run(() => child.wait());
        this.#alive.delete(child);
      }
      const { exitCode, signal } = await child.wait();
      if (exitCode === 0) return;
      throw new EndpointFailure(redactAddress(address), `ended with ${signal ?? `status ${exitCode}`}`, undefined);
    });
  }

  #sayOnce(): void {
    if (this.#hasSaid) return;
    this.#hasSaid = true;
    this.#run.messages.say(
      `${this.#limiter.totalTokens} commands are running (--max-children): further connections wait`,
    );
  }
}

async function start(address: Address): Promise<Process> {
  const { program, args } = address.target as Command;
  try {
    // The options of exec: have the names that they have in code.
    return await openProcess(program, args, address.options as ProcessOptions);
  } catch (error) {
    if (cancelRequested()) throw error;
    throw new EndpointFailure(redactAddress(address), 'cannot start', error);
  }
}
