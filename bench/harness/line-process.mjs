// A child process that is spoken to in lines: servers say {"port":N} once, load generators answer each command with one line.
//
// Every wait is bounded and every child is in one set, killed when the bench ends, however it ends: a server that outlives its
// bench holds a core and spoils the next run. A child that dies or falls silent rejects what waits for it, so one broken
// contestant costs its own rows and nothing else. The telling line of its stderr goes into the error.
import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';

/** @type {Set<LineProcess>} */
const alive = new Set();

export function killAll() {
  for (const child of alive) child.kill();
}

export class LineProcess {
  #name;
  #child;
  #stderr = '';
  /** @type {string[]} */
  #lines = [];
  /** @type {{ resolve: (line: string) => void, reject: (error: Error) => void, timer: NodeJS.Timeout } | null} */
  #waiting = null;
  /** @type {Error | null} */
  #ended = null;

  /**
   * @param {string} name for error messages
   * @param {readonly string[]} argv
   */
  constructor(name, argv) {
    this.#name = name;
    this.#child = spawn(argv[0], argv.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] });
    alive.add(this);
    // Less is preempted under a high priority; only a privileged user may have it, and the bench works without.
    try {
      if (this.#child.pid !== undefined) setPriority(this.#child.pid, -15);
    } catch {
      // Not privileged.
    }
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const waiting = this.#take();
      if (waiting === null) this.#lines.push(line);
      else waiting.resolve(line);
    });
    this.#child.stderr.on('data', (chunk) => {
      this.#stderr = (this.#stderr + chunk).slice(-2000);
    });
    this.#child.stdin.on('error', () => {
      // The exit is what is reported.
    });
    this.#child.on('error', (error) => this.#end(error));
    this.#child.on('close', (code, signal) => this.#end(new Error(`${this.#name} ended (${signal ?? code})`)));
  }

  get pid() {
    return this.#child.pid ?? 0;
  }

  /**
   * The next line it prints.
   * @param {number} timeoutMs
   * @returns {Promise<string>}
   */
  next(timeoutMs) {
    const line = this.#lines.shift();
    if (line !== undefined) return Promise.resolve(line);
    if (this.#ended !== null) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting = null;
        reject(this.#explained(new Error(`${this.#name} was silent for ${timeoutMs / 1000} s`)));
      }, timeoutMs);
      this.#waiting = { resolve, reject, timer };
    });
  }

  /**
   * Sends a command and reads its one answer.
   * @param {string} command
   * @param {number} timeoutMs
   * @returns {Promise<any>}
   */
  async ask(command, timeoutMs) {
    this.#child.stdin.write(`${command}\n`);
    return JSON.parse(await this.next(timeoutMs));
  }

  kill() {
    alive.delete(this);
    this.#child.kill('SIGKILL');
  }

  /** @param {Error} error */
  #end(error) {
    alive.delete(this);
    this.#ended ??= this.#explained(error);
    this.#take()?.reject(this.#ended);
  }

  #take() {
    const waiting = this.#waiting;
    if (waiting !== null) clearTimeout(waiting.timer);
    this.#waiting = null;
    return waiting;
  }

  /** @param {Error} error */
  #explained(error) {
    const said = this.#stderr.trim().split('\n');
    const telling = said.find((line) => /error/i.test(line)) ?? said.at(-1);
    return telling ? new Error(`${error.message}: ${telling.trim()}`) : error;
  }
}
