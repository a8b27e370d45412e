/**
 * Messages out of a connection's bytes, one after another: heads, body data, ends.
 *
 *     head ──▶ data* ──▶ end ──▶ head ──▶ …        the next message is looked for only when `next()` is called again
 *       └─ tunnel: what follows is another protocol, and `takeRest()` has its first bytes
 *
 * The decoder pulls: `push` takes what arrived, `next` gives one part or `undefined` when it needs more. A server that does not call
 * `next` before it has answered thereby bounds pipelining without counting requests. Data parts are views of what was
 * pushed. The rest that is kept between calls is never more than a head, or what the caller pushed and did not ask for.
 *
 * After an error the decoder is done: where the next message begins is not known (RFC 9112 §9.3.2 asks for the connection to
 * be closed), so every later call fails the same way.
 */
import type { Bytes } from '../../core/bytes.ts';
import { IncompleteRead } from '../../core/errors.ts';
import { requestFraming, responseFraming } from './body-framing.ts';
import type { BodyFraming } from './body-framing.ts';
import { CR, LF } from './characters.ts';
import { ChunkedBody } from './chunked-body.ts';
import type { BodyPart } from './chunked-body.ts';
import { NO_FIELDS } from './fields.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { MessageLimits } from './limits.ts';
import { MessageError } from './message-error.ts';
import { readRequestHead } from './request-head.ts';
import type { RequestHead } from './request-head.ts';
import { readResponseHead } from './response-head.ts';
import type { ResponseHead } from './response-head.ts';
import { findSectionEnd } from './section-end.ts';

export type MessagePart<Head> =
  { readonly kind: 'head'; readonly head: Head; readonly framing: BodyFraming } | BodyPart;

type Body =
  | { readonly kind: 'length'; left: number }
  | { readonly kind: 'chunked'; readonly reader: ChunkedBody }
  | { readonly kind: 'until-close' };

type State =
  | { readonly kind: 'head' }
  | { readonly kind: 'body'; readonly body: Body }
  | { readonly kind: 'end' }
  | { readonly kind: 'tunnel' }
  | { readonly kind: 'failed'; readonly error: MessageError };

const NOTHING: Bytes = new Uint8Array(0);
const HEAD: State = { kind: 'head' };
const END: State = { kind: 'end' };
const TUNNEL: State = { kind: 'tunnel' };

export interface RequestDecoderOptions {
  readonly limits?: MessageLimits | undefined;
}

/** Requests, as a server reads them. CONNECT and upgrades are the caller's to decide: it answers, and calls `takeRest`. */
export function requestDecoder(options: RequestDecoderOptions = {}): MessageDecoder<RequestHead> {
  return new MessageDecoder(readRequestHead, requestFraming, options.limits ?? DEFAULT_LIMITS);
}

export interface ResponseDecoderOptions extends RequestDecoderOptions {
  /** The method of the request that the next final response answers; asked for each head. */
  readonly requestMethod: () => string;
}

/** Responses, as a client reads them; 1xx come as messages of their own, without a body. */
export function responseDecoder(options: ResponseDecoderOptions): MessageDecoder<ResponseHead> {
  const framing = (head: ResponseHead): BodyFraming => responseFraming(head, options.requestMethod());
  return new MessageDecoder(readResponseHead, framing, options.limits ?? DEFAULT_LIMITS);
}

export class MessageDecoder<Head> {
  readonly #readHead: (bytes: Bytes, start: number, end: number, limits: MessageLimits) => Head;
  readonly #framing: (head: Head) => BodyFraming;
  readonly #limits: MessageLimits;
  #state: State = HEAD;
  #input: Bytes = NOTHING;
  readonly #from = { at: 0 };
  /** Up to where the end of a head has been looked for. */
  #seen = 0;
  #skippedEmptyLine = false;

  constructor(
    readHead: (bytes: Bytes, start: number, end: number, limits: MessageLimits) => Head,
    framing: (head: Head) => BodyFraming,
    limits: MessageLimits,
  ) {
    this.#readHead = readHead;
    this.#framing = framing;
    this.#limits = limits;
  }

  /** Takes what arrived. Not copied while nothing of an earlier chunk is left; see `keepRest` for memory that is only lent. */
  push(chunk: Bytes): void {
    const rest = this.#input.length - this.#from.at;
    if (rest === 0) {
      this.#input = chunk;
    } else {
      const whole = new Uint8Array(rest + chunk.length);
      whole.set(this.#input.subarray(this.#from.at));
      whole.set(chunk, rest);
      this.#input = whole;
    }
    this.#seen -= this.#from.at;
    this.#from.at = 0;
  }

  /**
   * The next part, or `undefined` when it is not all there.
   * @throws MessageError the message is refused; so is all that follows
   */
  next(): MessagePart<Head> | undefined {
    if (this.#state.kind === 'failed') throw this.#state.error;
    try {
      return this.#next();
    } catch (error) {
      if (error instanceof MessageError) this.#state = { kind: 'failed', error };
      throw error;
    }
  }

  /**
   * The peer ended the connection.
   * @returns the end of a body that ends with the connection, if it was that
   * @throws IncompleteRead it ended inside a message
   */
  end(): MessagePart<Head> | undefined {
    if (this.#state.kind === 'failed') throw this.#state.error;
    if (this.#state.kind === 'body' && this.#state.body.kind === 'until-close') {
      this.#state = TUNNEL;
      return { kind: 'end', trailers: NO_FIELDS };
    }
    const rest = this.#input.subarray(this.#from.at);
    if (this.#state.kind === 'body' || (this.#state.kind === 'head' && rest.length > 0))
      throw new IncompleteRead('the connection ended inside a message', rest.slice());
    return undefined;
  }

  /** Copies what is not used yet, so that the memory of the last chunk may be used again. */
  keepRest(): void {
    const rest = this.#input.subarray(this.#from.at);
    this.#input = rest.length === 0 ? NOTHING : rest.slice();
    this.#seen = Math.max(0, this.#seen - this.#from.at);
    this.#from.at = 0;
  }

  /** Everything that was pushed and not used: the first bytes of the protocol that follows. The decoder is empty afterwards. */
  takeRest(): Bytes {
    const rest = this.#input.subarray(this.#from.at);
    this.#input = NOTHING;
    this.#from.at = 0;
    this.#seen = 0;
    return rest;
  }

  #next(): MessagePart<Head> | undefined {
    switch (this.#state.kind) {
      case 'head':
        return this.#head();
      case 'body':
        return this.#body(this.#state.body);
      case 'end':
        this.#state = HEAD;
        this.#skippedEmptyLine = false;
        return { kind: 'end', trailers: NO_FIELDS };
      default:
        return undefined;
    }
  }

  #head(): MessagePart<Head> | undefined {
    const input = this.#input;
    const from = this.#from;
    if (!this.#skippedEmptyLine && input[from.at] === CR) {
      // One empty line in front of a message (RFC 9112 §2.2), as old clients leave behind a body.
      if (input.length - from.at < 2) return undefined;
      if (input[from.at + 1] === LF) from.at += 2;
      this.#skippedEmptyLine = true;
    }
    const end = findSectionEnd(input, from.at, Math.max(from.at, this.#seen));
    this.#seen = input.length;
    if ((end === -1 ? input.length : end) - from.at > this.#limits.maxHeadBytes)
      throw new MessageError(431, `a head of more than ${this.#limits.maxHeadBytes} bytes`, 'RFC 6585 §5');
    if (end === -1) return undefined;
    const head = this.#readHead(input, from.at, end, this.#limits);
    const framing = this.#framing(head);
    from.at = end;
    this.#seen = end;
    this.#state = this.#stateAfter(framing);
    return { kind: 'head', head, framing };
  }

  #stateAfter(framing: BodyFraming): State {
    switch (framing.kind) {
      case 'none':
        return END;
      case 'tunnel':
        return TUNNEL;
      case 'chunked':
        return { kind: 'body', body: { kind: 'chunked', reader: new ChunkedBody(this.#limits) } };
      case 'until-close':
        return { kind: 'body', body: framing };
      case 'length':
        if (framing.bytes > this.#limits.maxBodyBytes)
          throw new MessageError(413, `a body of more than ${this.#limits.maxBodyBytes} bytes`, 'RFC 9110 §15.5.14');
        return { kind: 'body', body: { kind: 'length', left: framing.bytes } };
    }
  }

  #body(body: Body): MessagePart<Head> | undefined {
    if (body.kind === 'chunked') {
      const part = body.reader.read(this.#input, this.#from);
      if (part?.kind === 'end') this.#beginHead();
      return part;
    }
    const available = this.#input.length - this.#from.at;
    if (available === 0) return undefined;
    const length = body.kind === 'length' ? Math.min(available, body.left) : available;
    const data = this.#input.subarray(this.#from.at, this.#from.at + length);
    this.#from.at += length;
    if (body.kind === 'length' && (body.left -= length) === 0) this.#state = END;
    return { kind: 'data', data };
  }

  #beginHead(): void {
    this.#state = HEAD;
    this.#skippedEmptyLine = false;
    this.#seen = this.#from.at;
  }
}
