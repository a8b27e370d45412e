/**
 * A link is a TLS engine joined to its transport. There are two: the strict one (strict-link.ts), which carries the records
 * itself over any stream, and the native one (native-link.ts), which leaves them to Node and the kernel. What a stream of
 * plaintext is made of stands above, and is the same for both.
 */
import type { TLSSocket } from 'node:tls';

import type { Bytes } from '../../core/bytes.ts';
import type { ClientHandshake, ClientObservations } from '../engine/client-engine.ts';
import type { ServerObservations } from '../engine/server-engine.ts';
import type { Identity } from '../../trust/identity.ts';
import type { ServerSettings } from '../../trust/settings.ts';

/** How receiving ended, or that TLS itself is over. */
export type LinkFailure =
  /** The transport ended without a close_notify. */
  | { readonly kind: 'truncated' }
  /** The transport failed to receive or to send. */
  | { readonly kind: 'transport'; readonly direction: 'receive' | 'send'; readonly error: unknown }
  /** A fatal alert, or a record that is none. */
  | { readonly kind: 'engine'; readonly error: Error };

/** What is above a link. */
export interface LinkUser {
  /** After `readServerName`. Call `startServer`, and what was received goes on to TLS. */
  onServerName(name: string | null): void;
  onSecure(): void;
  onPlaintext(chunk: Bytes): void;
  onCloseNotify(): void;
  onFailure(failure: LinkFailure): void;
  /** Something of what `isFlushed` depends on has changed. */
  onProgress(): void;
}

/** The engine gives out ten buffers of 16 KiB at once; the records of more data leave it over several turns. */
export const AT_ONCE_BYTES = 131_072;

export interface Link {
  startClient(handshake: ClientHandshake, observations: ClientObservations): void;
  /** Before `startServer`: waits for the client's first message and reports the name in it. */
  readServerName(): void;
  startServer(settings: ServerSettings, identity: Identity | undefined, observations: ServerObservations): void;
  /** Of `node:tls`; there after `onSecure`. */
  readonly socket: TLSSocket;

  /** Receive, until told to pause; what comes is reported. */
  resume(): void;
  pause(): void;

  /**
   * Encrypts and begins to send. Not while `isEncrypting`.
   *
   * @returns whether the first records are out; all of them, where the data is no more than AT_ONCE_BYTES
   */
  write(data: Uint8Array | readonly Uint8Array[]): boolean;
  /** What was last written is not encrypted yet, or the engine is not ready for more: the memory is still needed. */
  readonly isEncrypting: boolean;
  /** Everything that was encrypted is with the transport. */
  readonly isDrained: boolean;
  /** Until the transport might take more, however little that says. */
  transportMightNotBlock(): Promise<void>;
  /** Ends this side's direction after everything that was written. @param ended called when it is encrypted */
  sendCloseNotify(ended: () => void): void;

  /** What the transport gave after the end of TLS. */
  trailing(): Bytes;
  /** Lets go of the engine, and of the transport without closing it. Nothing is reported any more. */
  release(): void;
}
