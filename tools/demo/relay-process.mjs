// A `bowline relay` process: started, waited for, stopped politely, and killed whatever happens.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const START_MS = 10_000;
const STOP_MS = 10_000;

export class RelayProcess {
  #process;
  #ended;
  #report;
  #children = [];
  #opened = 0;
  #onOpened = () => undefined;

  constructor(name, main, words) {
    this.name = name;
    this.#process = spawn(process.execPath, [main, 'relay', '--json', '-v', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#ended = new Promise((resolve) => {
      this.#process.once('close', (status, signal) => resolve(signal ?? status));
      this.#process.once('error', (error) => resolve(error.message));
    });
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      const report = JSON.parse(line);
      if (report.event === 'end') this.#report = report;
    });
    /** Resolves with the port that it listens on (none for a Unix socket). */
    this.started = within(
      START_MS,
      `${name}: not up`,
      new Promise((resolve, reject) => {
        createInterface({ input: this.#process.stderr }).on('line', (line) => {
          const listening = /^bowline: listening on [a-z]+:.*?(?::(\d+))?$/.exec(line);
          // The children inherit this pipe: their statistics come along it.
          if (line.startsWith('{')) this.#children.push(JSON.parse(line));
          else if (listening) resolve({ port: Number(listening[1]) });
          else if (/^bowline: connection \d+ from \S+ to /.test(line)) this.#countOpened();
          else if (/^bowline: (connection \d+ from \S+ ended|stopping)/.test(line)) return;
          else process.stderr.write(`${line}\n`);
        });
        void this.#ended.then((how) => reject(new Error(`${name}: ended with ${how} before it was up`)));
      }),
    );
    this.started.catch(() => undefined);
  }

  /** Resolves when it has taken this many connections. */
  opened(count) {
    return new Promise((resolve) => {
      this.#onOpened = () => {
        if (this.#opened >= count) resolve();
      };
      this.#onOpened();
    });
  }

  #countOpened() {
    this.#opened++;
    this.#onOpened();
  }

  /** Stops it as a user would, and resolves with its statistics. */
  async stop() {
    this.#process.kill('SIGTERM');
    const how = await within(STOP_MS, `${this.name}: does not end`, this.#ended);
    if (how !== 0 || this.#report === undefined) throw new Error(`${this.name}: ended with ${how}`);
    return { name: this.name, report: this.#report };
  }

  /** The statistics of all its children together; nothing where they do not tell. */
  childrenReports() {
    const count = this.#children.length;
    if (count === 0) return [];
    const report = { cpuSeconds: 0, peakMemoryBytes: 0 };
    for (const { cpuSeconds, peakMemoryBytes } of this.#children) {
      report.cpuSeconds += cpuSeconds;
      report.peakMemoryBytes = Math.max(report.peakMemoryBytes, peakMemoryBytes);
    }
    return [{ name: count === 1 ? 'bowline connect' : `${count} children (memory: the largest)`, report }];
  }

  async kill() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    // The second signal makes it end its children at once. Two of the same kind could become one on their way.
    this.#process.kill('SIGINT');
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 3000);
    await this.#ended;
    clearTimeout(timer);
  }
}

async function within(ms, complaint, promise) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${complaint} after ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
