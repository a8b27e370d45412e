/**
 * What can go wrong, told apart by whose doing it was.
 *
 *     ClosedResourceError   you closed it                       your program
 *     BusyResourceError     two calls at once in one direction  your program
 *     MisuseError           the call cannot make sense now      your program
 *     BrokenResourceError   the peer or the world broke it      not you; the original error is the cause
 *     EndOfChannel          the other side ended it cleanly     nobody's fault
 *     ConnectError          no attempt to connect succeeded     not you; every attempt is listed
 *     AddressError          the text is not an address          whoever wrote the text
 *     ProtocolError         the peer broke a rule               the peer; `rule` names the section
 *     FramingError          a frame was too long or cut off     the peer
 *     CertificateError      the peer is not who it should be    the peer, or a trust decision; `reason` says why
 *     DatagramError         a datagram did not get through      the world; the socket goes on
 *
 * Bad arguments are `TypeError` and `RangeError`, checked before any state. Cancellation is none of these: `Cancelled`
 * (bowline/tasks) extends `Error` and is an AbortError. End of file is a value, `null`.
 *
 * Every error carries a stable `code`. `instanceof` recognises errors also across two copies of the package in one
 * program (npm makes such copies), by a brand that lists the class names of an error's lineage; so a `catch` in your code
 * works for an error thrown by a library that bundles its own bowline.
 */
const brand: unique symbol = Symbol.for('bowline.error');

export type ErrorCode = `ERR_BOWLINE_${string}`;

export interface ErrorOptionsWithCause {
  readonly cause?: unknown;
}

export abstract class BowlineError extends Error {
  /** Stable across versions; for scripts and tests. */
  abstract readonly code: ErrorCode;

  override get name(): string {
    return this.constructor.name;
  }

  /** Class names from the most derived to BowlineError. */
  get [brand](): readonly string[] {
    const lineage: string[] = [];
    let prototype: unknown = Object.getPrototypeOf(this);
    while (prototype instanceof Error && prototype !== Error.prototype) {
      lineage.push(prototype.constructor.name);
      prototype = Object.getPrototypeOf(prototype);
    }
    return lineage;
  }

  static override [Symbol.hasInstance](
    this: { readonly prototype: object; readonly name: string },
    value: unknown,
  ): boolean {
    if (typeof value !== 'object' || value === null) return false;
    if (Object.prototype.isPrototypeOf.call(this.prototype, value)) return true;
    const lineage = (value as { [brand]?: unknown })[brand];
    return Array.isArray(lineage) && lineage.includes(this.name);
  }
}

/** You used something that you had closed, or closed it while the call was waiting. */
export class ClosedResourceError extends BowlineError {
  readonly code = 'ERR_BOWLINE_CLOSED';
  constructor(message = 'this resource was closed by this program', options?: ErrorOptionsWithCause) {
    super(message, options);
  }
}

/** The peer, the network or the operating system made the resource unusable. */
export class BrokenResourceError extends BowlineError {
  readonly code = 'ERR_BOWLINE_BROKEN';
  constructor(message = 'the connection is broken', options?: ErrorOptionsWithCause) {
    super(message, options);
  }
}

/** A second call entered an operation that only one may be in. The first call is not affected. */
export class BusyResourceError extends BowlineError {
  readonly code = 'ERR_BOWLINE_BUSY';
  constructor(message = 'another call is already using this direction', options?: ErrorOptionsWithCause) {
    super(message, options);
  }
}

/** The other side ended the channel cleanly, and everything that it sent has been received. */
export class EndOfChannel extends BowlineError {
  readonly code = 'ERR_BOWLINE_END_OF_CHANNEL';
  constructor(message = 'the channel has ended', options?: ErrorOptionsWithCause) {
    super(message, options);
  }
}

/** A fact was asked for that exists only after the handshake. */
export class NeedHandshakeError extends BowlineError {
  readonly code = 'ERR_BOWLINE_NEED_HANDSHAKE';
  constructor(message = 'the handshake has not completed', options?: ErrorOptionsWithCause) {
    super(message, options);
  }
}

/** `failAfter` or `failAt`: the deadline passed before the body was done. */
export class TooSlowError extends BowlineError {
  readonly code = 'ERR_BOWLINE_TOO_SLOW';
  constructor(message = 'the deadline passed before the operation was done', options?: ErrorOptionsWithCause) {
    super(message, options);
  }
}

/** A `…Nowait` call could not be done at once. */
export class WouldBlock extends BowlineError {
  readonly code = 'ERR_BOWLINE_WOULD_BLOCK';
  constructor(message = 'the operation could not be done without waiting', options?: ErrorOptionsWithCause) {
    super(message, options);
  }
}

/** The program asked for something that cannot make sense: a scope used twice, a lock released by who does not hold it. */
export class MisuseError extends BowlineError {
  readonly code: ErrorCode = 'ERR_BOWLINE_MISUSE';
}

/** One try to connect: where, how it failed, and how long it took. */
export interface ConnectAttempt {
  /** As shown to people, such as `192.0.2.1:443` or `/run/x.sock`. */
  readonly address: string;
  readonly error: Error;
  /** From the start of this attempt to its failure. */
  readonly durationMs: number;
}

/** Every attempt to connect failed; `attempts` has each one, in the order in which they were started. */
export class ConnectError extends BowlineError {
  readonly code: ErrorCode = 'ERR_BOWLINE_CONNECT';
  readonly attempts: readonly ConnectAttempt[];
  constructor(message: string, attempts: readonly ConnectAttempt[], options?: ErrorOptionsWithCause) {
    super(message, options);
    this.attempts = attempts;
  }
}

/** A text is not the address (IP address, address block, `host:port`, endpoint) that it should be. One line, safe to print. */
export class AddressError extends BowlineError {
  readonly code = 'ERR_BOWLINE_ADDRESS';
  /** What is wrong, without the text itself: for a message that shows the text in another way, or not at all. */
  readonly reason: string;
  constructor(message: string, reason: string = message, options?: ErrorOptionsWithCause) {
    super(message, options);
    this.reason = reason;
  }
}

/** The peer broke a rule of the protocol. */
export class ProtocolError extends BowlineError {
  readonly code: ErrorCode = 'ERR_BOWLINE_PROTOCOL';
  /** The rule, as a citation such as `RFC 9112 §6.3`. */
  readonly rule: string;
  constructor(message: string, rule: string, options?: ErrorOptionsWithCause) {
    super(message, options);
    this.rule = rule;
  }
}

/** What a `CertificateError` knows besides its message. */
export interface CertificateErrorDetails {
  readonly reason: string;
  readonly depth?: number | undefined;
  readonly subject?: string | undefined;
  readonly cause?: unknown;
}

/** The peer's certificate, key or name was refused. */
export class CertificateError extends BowlineError {
  readonly code: ErrorCode = 'ERR_BOWLINE_CERTIFICATE';
  /** A stable word for programs, such as `expired`, `unknown-issuer` or `name-mismatch`. */
  readonly reason: string;
  /** Which certificate is at fault: 0 is the peer's own, 1 its issuer's, and so on; undefined where none in particular is. */
  readonly depth: number | undefined;
  /** The subject of that certificate as one line that is safe to print. */
  readonly subject: string | undefined;
  constructor(message: string, details: CertificateErrorDetails) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.reason = details.reason;
    this.depth = details.depth;
    this.subject = details.subject;
  }
}

/** What became of a datagram, or of the socket's errand; the socket itself goes on. */
export type DatagramFailure = 'refused' | 'unreachable' | 'not permitted' | 'too large' | 'no buffers' | 'failed';

/** A datagram could not be sent, or the network told that an earlier one did not arrive. The socket goes on. */
export class DatagramError extends BowlineError {
  readonly code: ErrorCode = 'ERR_BOWLINE_DATAGRAM';
  readonly reason: DatagramFailure;
  constructor(message: string, reason: DatagramFailure, options?: ErrorOptionsWithCause) {
    super(message, options);
    this.reason = reason;
  }
}

/** More data than one datagram may carry here. Nothing was sent. */
export class DatagramTooLargeError extends DatagramError {
  override readonly code = 'ERR_BOWLINE_DATAGRAM_TOO_LARGE';
  /** Most that would have been sent; `undefined` where nobody knows. */
  readonly maxBytes: number | undefined;
  constructor(dataBytes: number, maxBytes: number | undefined, options?: ErrorOptionsWithCause) {
    const limit = maxBytes === undefined ? '' : `; the most is ${maxBytes}`;
    super(`${dataBytes} bytes are too many for one datagram here${limit}`, 'too large', options);
    this.maxBytes = maxBytes;
  }
}

/** The bytes cannot be cut into frames. */
export class FramingError extends BowlineError {
  readonly code: ErrorCode = 'ERR_BOWLINE_FRAMING';
}

/** A frame is longer than the limit `maxBytes`, or says that it is. What was read stays in the buffer. */
export class FrameTooLarge extends FramingError {
  override readonly code: ErrorCode = 'ERR_BOWLINE_FRAME_TOO_LARGE';
  readonly maxBytes: number;
  constructor(message: string, maxBytes: number, options?: ErrorOptionsWithCause) {
    super(message, options);
    this.maxBytes = maxBytes;
  }
}

/** The limit was reached before the delimiter was found. What was read stays in the buffer. */
export class DelimiterNotFound extends FrameTooLarge {
  override readonly code = 'ERR_BOWLINE_DELIMITER_NOT_FOUND';
  constructor(maxBytes: number, options?: ErrorOptionsWithCause) {
    super(`no delimiter within ${maxBytes} bytes`, maxBytes, options);
  }
}

/** End of file in the middle of a frame. */
export class IncompleteRead extends FramingError {
  override readonly code = 'ERR_BOWLINE_INCOMPLETE_READ';
  /** What did arrive. */
  readonly partial: Uint8Array<ArrayBuffer>;
  constructor(message: string, partial: Uint8Array<ArrayBuffer>, options?: ErrorOptionsWithCause) {
    super(message, options);
    this.partial = partial;
  }
}
