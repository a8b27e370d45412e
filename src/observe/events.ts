/**
 * What the library tells, kind by kind.
 *
 * Some things go wrong without being anybody's exception: a server cannot accept for want of descriptors, a handler fails
 * while the server goes on, a cancelled task does not end. Each is a kind of event with its own fields. An event carries
 * addresses, counts and errors, never payload bytes, keys or passwords: a reporter may write it anywhere.
 *
 * `ReportEvents` is an interface so that it can grow: a transport from elsewhere adds its kinds by declaration merging,
 *
 *     declare module 'bowline/observe' {
 *       interface ReportEvents { 'carrier-pigeon-lost': { readonly message: string; readonly pigeon: string } }
 *     }
 *
 * and reports them with `report`. Such an event describes itself in `message`; the library's own kinds are described here,
 * in one place, so that a rename of a field cannot leave a wording behind.
 */
import type { SocketAddress } from '../core/address.ts';
import { formatSocketAddress } from '../core/address.ts';
import { escapeText, quoteText } from '../core/quote.ts';

/** Every kind of event with its fields; open to declaration merging. */
export interface ReportEvents {
  /** `accept()` failed for want of descriptors or memory; the server tries again after `retryMs`. */
  readonly 'accept-backoff': {
    readonly address?: SocketAddress | undefined;
    readonly error: Error;
    readonly retryMs: number;
  };
  /** A listener closed new connections at once, because it had too many. Told for the first, then at every doubling. */
  readonly 'accept-refused': {
    readonly address: SocketAddress;
    /** The limit that was reached, by the name of its option. */
    readonly reason: 'maxConnections' | 'acceptQueue';
    /** How many were refused so far for this reason. */
    readonly refused: number;
  };
  /** The handler of a connection failed; the connection was closed, and the server goes on. */
  readonly 'handler-error': {
    readonly error: unknown;
    readonly remoteAddress?: SocketAddress | undefined;
  };
  /** Datagrams were dropped on this side. Told for the first, then at every doubling. */
  readonly 'datagram-dropped': {
    readonly address: SocketAddress;
    /** Why, in a few words, such as `the receive queue is full`. */
    readonly reason: string;
    /** How many were dropped so far for this reason. */
    readonly dropped: number;
  };
  /** A socket that talks to anybody was told an error that belongs to no call. Told for the first, then at every doubling. */
  readonly 'datagram-error': {
    readonly address: SocketAddress;
    readonly error: Error;
    /** How many there were so far. */
    readonly errors: number;
  };
  /** A client did not get through the TLS handshake; its connection is closed. Told for the first, then at every doubling. */
  readonly 'tls-handshake-failed': {
    readonly address?: SocketAddress | undefined;
    readonly remoteAddress?: SocketAddress | undefined;
    readonly error: unknown;
    /** How many failed so far. */
    readonly failed: number;
  };
  /** A task catches `Cancelled` and goes on, again and again. */
  readonly 'cancellation-swallowed': {
    /** How often it was told. */
    readonly deliveries: number;
    /** A stack trace of the wait that was cut off last. */
    readonly place?: string | undefined;
  };
  /** A listener is near the number of connections that it may have: its share of the file descriptors. */
  readonly 'descriptor-budget': {
    readonly address: SocketAddress;
    readonly connections: number;
    readonly maxConnections: number;
  };
  /** A connection that had to begin with a PROXY header was closed. Told for the first, then at every doubling. */
  readonly 'proxy-header-refused': {
    /** Where it was accepted. */
    readonly address?: SocketAddress | undefined;
    /** Who connected, and not who a header says did. */
    readonly remoteAddress?: SocketAddress | undefined;
    /** Why, in a few words, such as `it does not come from a listed balancer`. */
    readonly reason: string;
    /** How many were refused so far for this reason. */
    readonly refused: number;
  };
  /** A process did not end when it was asked to, and was made to. */
  readonly 'process-killed': {
    /** The program, without its arguments. */
    readonly command: string;
    readonly pid: number;
    /** How long it had. */
    readonly graceMs: number;
  };
  /** A file with a private key can be read by every user of this machine. */
  readonly 'key-file-exposed': {
    readonly path: string;
    /** Its permission bits, such as `0o644`. */
    readonly mode: number;
  };
  /** Something that holds a descriptor or a task was lost without being closed. */
  readonly leak: {
    /** What, such as `SocketStream 192.0.2.1:443`. */
    readonly resource: string;
    /** A stack trace of where it was made, where that is known. */
    readonly place?: string | undefined;
  };
}

export type ReportKind = keyof ReportEvents;

/** Told apart by `kind`. */
export type ReportEvent = { [K in ReportKind]: { readonly kind: K } & ReportEvents[K] }[ReportKind];

interface Description {
  /** One line, safe to print. */
  readonly text: string;
  /** A stack trace, where there is one. */
  readonly detail?: string | undefined;
}

/** An event in one line for people, and a stack trace where it has one. */
export function describeReport(event: ReportEvent): Description {
  if (Object.hasOwn(descriptions, event.kind)) {
    const describe = descriptions[event.kind] as (event: ReportEvent) => Description;
    const { text, detail } = describe(event);
    return { text: escapeText(text, MAX_TEXT_CHARACTERS), detail };
  }
  const { kind, message } = event as { readonly kind: string; readonly message?: unknown };
  return { text: escapeText(typeof message === 'string' ? message : kind, MAX_TEXT_CHARACTERS) };
}

const MAX_TEXT_CHARACTERS = 400;

/** Of the kinds above; a kind that is merged in from elsewhere is not known when this is compiled. */
const descriptions: { readonly [K in ReportKind]: (event: ReportEvents[K]) => Description } = {
  'accept-backoff': ({ address, error, retryMs }) => ({
    text: `cannot accept connections${at(address)} (${error.message}); trying again every ${retryMs} ms`,
  }),
  'accept-refused': ({ address, reason, refused }) => ({
    text: `new connections${at(address)} are closed at once because ${reason} is reached (${refused} so far)`,
  }),
  'handler-error': ({ error, remoteAddress }) => ({
    text: `the handler of a connection${remoteAddress === undefined ? '' : ` from ${formatSocketAddress(remoteAddress)}`} failed: ${errorText(error)}`,
    detail: error instanceof Error ? error.stack : undefined,
  }),
  'datagram-dropped': ({ address, reason, dropped }) => ({
    text: `datagrams${at(address)} are dropped: ${reason} (${dropped} so far)`,
  }),
  'datagram-error': ({ address, error, errors }) => ({
    text: `the system told an error of datagrams${at(address)}: ${error.message} (${errors} so far)`,
  }),
  'tls-handshake-failed': ({ address, remoteAddress, error, failed }) => ({
    text: `a TLS handshake${at(address)}${remoteAddress === undefined ? '' : ` with ${formatSocketAddress(remoteAddress)}`} failed: ${errorText(error)} (${failed} so far)`,
  }),
  'cancellation-swallowed': ({ deliveries, place }) => ({
    text: `a cancelled task goes on waiting: it was told ${deliveries} times that it is cancelled; does it catch the error?`,
    detail: place,
  }),
  'descriptor-budget': ({ address, connections, maxConnections }) => ({
    text: `${connections} of at most ${maxConnections} connections${at(address)} are open`,
  }),
  'proxy-header-refused': ({ address, remoteAddress, reason, refused }) => ({
    text: `a connection${remoteAddress === undefined ? '' : ` from ${formatSocketAddress(remoteAddress)}`}${at(address)} was closed because ${reason} (${refused} so far)`,
  }),
  'process-killed': ({ command, pid, graceMs }) => ({
    text: `the process ${command} (${pid}) was killed: it did not end within ${graceMs} ms of being asked to`,
  }),
  'key-file-exposed': ({ path, mode }) => ({
    text: `the private key in ${quoteText(path)} can be read by every user of this machine (mode 0${mode.toString(8)})`,
  }),
  leak: ({ resource, place }) => ({ text: `${resource} was lost without being closed`, detail: place }),
};

function at(address: SocketAddress | undefined): string {
  return address === undefined ? '' : ` on ${formatSocketAddress(address)}`;
}

function errorText(error: unknown): string {
  if (error instanceof Error) return `${error.name}: ${error.message}`;
  return typeof error === 'string' ? error : `a thrown ${typeof error}`;
}
