/**
 * Makes any stream push: one task receives in a loop, another sends what is queued, one call of `write` at a time, as it was given.
 *
 * For the streams that cannot push themselves; see streams/push-source.ts. The receiving task runs in a scope of its own, so that a
 * receive can be called off without losing a byte when the stream is given back.
 */
import type { Bytes } from '../core/bytes.ts';
import { ClosedResourceError } from '../core/errors.ts';
import type { Stream } from '../core/stream.ts';
import type { PushSink, PushSource } from '../streams/push-source.ts';
import { lengthOf } from '../streams/stream-arguments.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { runDetached } from '../tasks/environment.ts';
import { Fifo } from '../tasks/fifo.ts';

export class PullPump implements PushSource {
  readonly #stream: Stream;
  #sink: PushSink | undefined;
  #wantsMore = false;
  #receiving: { readonly scope: CancelScope; readonly ended: Promise<void> } | undefined;
  #hasEnded = false;
  /** Came although its receive was called off. */
  #late: Bytes | undefined;
  readonly #queue = new Fifo<Uint8Array | readonly Uint8Array[]>();
  #isSending = false;
  #unsentBytes = 0;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  pushTo(sink: PushSink | null): void {
    this.#sink = sink ?? undefined;
    if (sink !== null) return;
    this.#wantsMore = false;
    this.#receiving?.scope.cancel();
  }

  /** Resolves when nobody is receiving any more, with what was received in the last moment. */
  async released(): Promise<Bytes | undefined> {
    await this.#receiving?.ended;
    return this.#late;
  }

  resume(): void {
    this.#wantsMore = true;
    if (this.#receiving !== undefined || this.#hasEnded) return;
    const scope = new CancelScope();
    const ended = runDetached(() => scope.run(() => this.#receive())).then(() => {
      this.#receiving = undefined;
      // Asked for again while the loop was ending.
      if (this.#wantsMore) this.resume();
    });
    this.#receiving = { scope, ended };
  }

  writeNow(data: Uint8Array | readonly Uint8Array[]): boolean {
    this.#queue.push(data);
    this.#unsentBytes += lengthOf(data);
    if (!this.#isSending) void runDetached(() => this.#send());
    return false;
  }

  /** Never rejects: what goes wrong is told to the sink. */
  async #receive(): Promise<void> {
    while (this.#wantsMore) {
      let chunk: Bytes | null;
      try {
        chunk = await this.#stream.receiveSome();
      } catch (error) {
        if (this.#sink === undefined) return;
        this.#hasEnded = true;
        this.#wantsMore = false;
        this.#sink.onBroken(error instanceof ClosedResourceError ? null : (error as Error));
        return;
      }
      // The sink went while the bytes were on their way to it: that cannot be called off any more.
      const sink = this.#sink;
      if (chunk === null) {
        this.#hasEnded = true;
        this.#wantsMore = false;
        sink?.onEndOfFile();
      } else if (sink === undefined) {
        this.#late = chunk;
      } else {
        this.#wantsMore = sink.onOwnBytes(chunk);
      }
    }
  }

  /** Never rejects either. */
  async #send(): Promise<void> {
    this.#isSending = true;
    while (this.#queue.size > 0) {
      const data = this.#queue.shift();
      try {
        await this.#stream.sendAll(data);
      } catch (error) {
        this.#queue.clear();
        this.#sink?.onWriteFailure(error as Error);
        return;
      }
      this.#unsentBytes -= lengthOf(data);
      this.#sink?.onWritten();
    }
    this.#isSending = false;
  }
}
