/** A protocol that writes down what it is told, and can be waited for. */
import { once, EventEmitter } from 'node:events';

import type { Protocol, Transport } from 'bowline/callbacks';

export class RecordingProtocol implements Protocol {
  readonly events: string[] = [];
  readonly #emitter = new EventEmitter();
  transport!: Transport;
  lost: Error | null | undefined;
  /** Overrides, called after the event was written down. */
  readonly #on: Partial<Protocol>;

  constructor(on: Partial<Protocol> = {}) {
    this.#on = on;
  }

  connectionMade(transport: Transport): void {
    this.transport = transport;
    this.#note('made');
    this.#on.connectionMade?.(transport);
  }

  dataReceived(chunk: Uint8Array<ArrayBuffer>): void {
    // How the bytes are cut means nothing.
    const text = Buffer.from(chunk).toString('latin1');
    if (this.events.at(-1)?.startsWith('data ') === true) this.events[this.events.length - 1] += text;
    else this.events.push(`data ${text}`);
    this.#emitter.emit('event');
    this.#on.dataReceived?.(chunk);
  }

  eofReceived(): boolean | void {
    this.#note('eof');
    return this.#on.eofReceived?.();
  }

  connectionLost(error: Error | null): void {
    this.lost = error;
    this.#note(error === null ? 'lost' : `lost ${error.name}`);
    this.#on.connectionLost?.(error);
  }

  pauseWriting(): void {
    this.#note('pause');
    this.#on.pauseWriting?.();
  }

  resumeWriting(): void {
    this.#note('resume');
    this.#on.resumeWriting?.();
  }

  /** Resolves when an event begins like this. */
  async heard(beginning: string): Promise<void> {
    while (!this.events.some((event) => event.startsWith(beginning))) await once(this.#emitter, 'event');
  }

  #note(event: string): void {
    this.events.push(event);
    this.#emitter.emit('event');
  }
}
