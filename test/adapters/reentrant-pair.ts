/**
 * Two Duplexes connected to each other, after `stream.duplexPair`, with its worst habit: what is written arrives within
 * the call to `write()`. Unlike Node 20's, destroying one is noticed by the other, as with every real connection.
 */
import { Duplex } from 'node:stream';

type Callback = (error?: Error | null) => void;

export class ReentrantDuplex extends Duplex {
  #peer: ReentrantDuplex | undefined;
  #waiting: Callback | undefined;

  static pair(): [ReentrantDuplex, ReentrantDuplex] {
    const [a, b] = [new ReentrantDuplex(), new ReentrantDuplex()];
    a.#peer = b;
    b.#peer = a;
    return [a, b];
  }

  override _read(): void {
    const callback = this.#waiting;
    this.#waiting = undefined;
    callback?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    const peer = this.#peer as ReentrantDuplex;
    if (peer.destroyed) {
      callback(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      return;
    }
    if (peer.push(chunk)) callback();
    else peer.#waiting = callback;
  }

  override _final(callback: Callback): void {
    this.#peer?.push(null);
    callback();
  }

  override _destroy(error: Error | null, callback: Callback): void {
    const peer = this.#peer as ReentrantDuplex;
    if (!this.writableFinished && !peer.destroyed) {
      process.nextTick(() => peer.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })));
    }
    this.#waiting?.(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    callback(error);
  }
}
