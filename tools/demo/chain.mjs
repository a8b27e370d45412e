// One way through bowline: a relay from TCP to a Unix socket, and one from there on, by way of a child per connection.
import { existsSync } from 'node:fs';

import { RelayProcess } from './relay-process.mjs';

export class Chain {
  #first;
  #second;
  #socketPath;

  /** @param onwards how the second relay goes on from the Unix socket: the end of its command line */
  constructor({ main, socketPath, onwards, maxConnections, maxChildren }) {
    this.#socketPath = socketPath;
    const limit = ['--max-connections', String(maxConnections)];
    this.#second = new RelayProcess('relay Unix socket → child → TCP', main, [
      ...[...limit, '--max-children', String(maxChildren)],
      ...[`unix:${socketPath}`, ...onwards],
    ]);
    // One after the other: the first one connects to the second.
    this.started = this.#second.started.then(() => {
      this.#first = new RelayProcess('relay TCP → Unix socket', main, [
        ...limit,
        ...['tcp:127.0.0.1:0', `unix:${socketPath}`],
      ]);
      return this.#first.started;
    });
    this.started.catch(() => undefined);
  }

  /** Resolves when both relays have this many connections. */
  async opened(count) {
    await Promise.all([this.#first.opened(count), this.#second.opened(count)]);
  }

  /** Stops both relays as a user would, and checks that all went as it should. Resolves with what each has cost. */
  async stop({ connections, maxChildren }) {
    // The first one first: it is the one that connects to the second.
    const reports = [await this.#first.stop(), await this.#second.stop()];
    for (const { name, report } of reports) {
      const { failed, cut, peakOpen } = report;
      if (failed > 0 || cut > 0) throw new Error(`${name}: ${failed} connections failed and ${cut} were cut`);
      if (report.connections !== connections) throw new Error(`${name}: ${report.connections} connections`);
      if (peakOpen !== connections) throw new Error(`${name}: at most ${peakOpen} connections were open at once`);
    }
    const { peakChildren } = reports[1].report;
    if (!(peakChildren >= 1 && peakChildren <= maxChildren))
      throw new Error(`${peakChildren} children were alive at once`);
    if (existsSync(this.#socketPath)) throw new Error(`the relay has left ${this.#socketPath} behind`);
    return [...reports, ...this.#second.childrenReports()];
  }

  async kill() {
    await Promise.all([this.#first?.kill(), this.#second.kill()]);
  }
}
