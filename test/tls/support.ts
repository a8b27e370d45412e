/** Contexts, pairs and versions for the tests of TLS. */
import type { Stream } from 'bowline/core';
import { withClock } from 'bowline/tasks';
import { memoryStreamPair, MockClock, testCertificates } from 'bowline/testing';
import type { MemoryStream } from 'bowline/testing';
import { TlsStream } from 'bowline/tls';
import type { TlsClientOptions, TlsServerOptions } from 'bowline/tls';
import { clientContext, Identity, pinned, serverContext } from 'bowline/trust';
import type { ClientContext, ClientContextOptions, ServerContext, ServerContextOptions } from 'bowline/trust';

export const versions = ['1.3', '1.2'] as const;
export type Version = (typeof versions)[number];

export const certificates = testCertificates();

export const identity = Identity.from({ cert: certificates.good.cert, key: certificates.good.key });

/** Trusts the key of `certificates.good`. */
export function clientOf(version: Version, options: Partial<ClientContextOptions> = {}): ClientContext {
  return clientContext({
    verify: pinned([certificates.good.pin]),
    minVersion: version,
    maxVersion: version,
    ...options,
  });
}

export function serverOf(version: Version, options: Partial<ServerContextOptions> = {}): ServerContext {
  return serverContext({ identity, minVersion: version, maxVersion: version, ...options });
}

/** A test body in virtual time of its own. */
export const virtually = (body: () => Promise<void>) => (): Promise<void> => withClock(new MockClock(), body);

export interface PairOptions {
  readonly client?: Partial<TlsClientOptions> | undefined;
  readonly server?: TlsServerOptions | undefined;
  readonly clientContext?: Partial<ClientContextOptions> | undefined;
  readonly serverContext?: Partial<ServerContextOptions> | undefined;
}

/** A client and a server over two transports that are connected; no handshake yet. */
export function tlsOver<T extends Stream>(
  version: Version,
  [clientSide, serverSide]: readonly [T, T],
  options: PairOptions = {},
): [client: TlsStream<T>, server: TlsStream<T>] {
  return [
    TlsStream.client(clientSide, clientOf(version, options.clientContext), {
      serverName: 'localhost',
      ...options.client,
    }),
    TlsStream.server(serverSide, serverOf(version, options.serverContext), options.server),
  ];
}

export function tlsPair(
  version: Version,
  options: PairOptions = {},
): [client: TlsStream<MemoryStream>, server: TlsStream<MemoryStream>] {
  return tlsOver(version, memoryStreamPair(), options);
}

export async function handshaken<T extends Stream>(
  pair: [TlsStream<T>, TlsStream<T>],
): Promise<[client: TlsStream<T>, server: TlsStream<T>]> {
  await Promise.all([pair[0].doHandshake(), pair[1].doHandshake()]);
  return pair;
}

export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

export function text(chunk: Uint8Array | null): string | null {
  return chunk === null ? null : new TextDecoder().decode(chunk);
}

/** Receives exactly so many bytes, or fewer at the end of file. */
export async function receiveExactly(stream: Stream, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const whole = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const chunk = await stream.receiveSome(length - filled);
    if (chunk === null) break;
    whole.set(chunk, filled);
    filled += chunk.length;
  }
  return whole.subarray(0, filled);
}
