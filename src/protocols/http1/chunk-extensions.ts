/**
 * Chunk extensions (RFC 9112 §7.1.1): `;name`, `;name=token`, `;name="quoted"`, read byte by byte and thrown away.
 *
 * Nobody uses them, and they are where parsers have let a bare LF through; so they are held to the grammar, without the optional white
 * space ("bad whitespace") that it forgives, as llhttp does too. Their bytes are counted over the whole body.
 */
import { CR, kindsOf, TOKEN, VALUE } from './characters.ts';
import { MessageError } from './message-error.ts';

type State = 'name' | 'in name' | 'value' | 'in value' | 'in quotes' | 'escape' | 'behind quotes' | 'ended';

const QUOTE = 0x22;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;
const RULE = 'RFC 9112 §7.1.1';

export class ChunkExtensions {
  readonly #maxBytes: number;
  #bytes = 0;
  #state: State = 'ended';

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** A semicolon was read. */
  begin(): void {
    this.#state = 'name';
  }

  /** The carriage return behind the last one was read. */
  get ended(): boolean {
    return this.#state === 'ended';
  }

  /** @throws MessageError */
  step(byte: number): void {
    this.#state = nextState(this.#state, byte);
    if (++this.#bytes > this.#maxBytes)
      throw new MessageError(400, `chunk extensions of more than ${this.#maxBytes} bytes`, RULE);
  }
}

function nextState(state: State, byte: number): State {
  const kind = kindsOf[byte] as number;
  const isToken = (kind & TOKEN) !== 0;
  switch (state) {
    case 'name':
      if (isToken) return 'in name';
      break;
    case 'in name':
      if (isToken) return 'in name';
      if (byte === EQUALS) return 'value';
      return between(byte);
    case 'value':
      if (byte === QUOTE) return 'in quotes';
      if (isToken) return 'in value';
      break;
    case 'in value':
      return isToken ? 'in value' : between(byte);
    case 'in quotes':
      if (byte === QUOTE) return 'behind quotes';
      if (byte === BACKSLASH) return 'escape';
      if ((kind & VALUE) !== 0) return 'in quotes';
      break;
    case 'escape':
      if ((kind & VALUE) !== 0) return 'in quotes';
      break;
    case 'behind quotes':
      return between(byte);
    case 'ended':
  }
  throw malformed();
}

function between(byte: number): State {
  if (byte === SEMICOLON) return 'name';
  if (byte === CR) return 'ended';
  throw malformed();
}

function malformed(): MessageError {
  return new MessageError(400, 'a malformed chunk extension', RULE);
}
