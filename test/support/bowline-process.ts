/** The `bowline` command in processes of its own, as a shell would run it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const bowlineScript = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export interface Ended {
  /** The exit status, or 128 + the number of the signal that ended it, as in a shell. */
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export class BowlineProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';
  readonly #watchers = new Set<() => void>();

  /** Killed at the end of the test, if it is still there. @param shell runs this before, in the same shell */
  constructor(t: TestContext, words: readonly string[], { shell }: { shell?: string } = {}) {
    const command = [process.execPath, bowlineScript, ...words];
    const environment = { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined };
    this.child =
      shell === undefined
        ? spawn(command[0] as string, command.slice(1), { env: environment })
        : spawn('sh', ['-c', `${shell}; exec "$@"`, 'sh', ...command], { env: environment });
    this.child.stdin.on('error', () => undefined);
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      for (const watcher of this.#watchers) watcher();
    });
    this.ended = new Promise((resolve) => {
      this.child.once('close', (status, signal) => {
        resolve({ status: status ?? (signal as string), stdout: this.#stdout, stderr: this.#stderr });
        for (const watcher of this.#watchers) watcher();
      });
    });
    t.after(async () => {
      this.child.kill('SIGKILL');
      await this.ended;
    });
  }

  /** What it has said on standard error so far. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Waits until standard error holds a match; fails if the process ends before. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#stderr);
      if (match !== null) return match;
      assert.ok(this.child.exitCode === null && this.child.signalCode === null, `it ended and said: ${this.#stderr}`);
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.#watchers.delete(watcher);
          resolve();
        };
        this.#watchers.add(watcher);
      });
    }
  }

  /** The port that it listens on, once it does. */
  async port(): Promise<number> {
    const match = await this.said(/^bowline: listening on tcp:.*:(\d+)$/m);
    return Number(match[1]);
  }
}

/** Runs a command line to its end. */
export async function bowline(
  t: TestContext,
  words: readonly string[],
  input: string | Uint8Array = '',
): Promise<Ended> {
  const process = new BowlineProcess(t, words);
  process.child.stdin.end(input);
  return await process.ended;
}
