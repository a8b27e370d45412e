/**
 * Names to addresses by the operating system's resolver (getaddrinfo, in libuv's thread pool).
 *
 * The order of the answer is kept as it is: getaddrinfo sorts by RFC 6724, and Happy Eyeballs (RFC 8305 §4) builds on
 * that. A look-up cannot be stopped; who stops waiting for it leaves a thread of the pool busy until it ends.
 */
import { lookup } from 'node:dns';

export interface ResolvedAddress {
  readonly family: 4 | 6;
  /** May end in a zone: `fe80::1%eth0`. */
  readonly address: string;
}

/** Looks `host` up and calls `done` once, later. */
export function lookupAll(
  host: string,
  family: 4 | 6 | undefined,
  done: (error: Error | null, addresses: readonly ResolvedAddress[]) => void,
): void {
  lookup(host, { all: true, verbatim: true, family: family ?? 0 }, (error, addresses) => {
    if (error !== null) {
      done(error, []);
      return;
    }
    done(
      null,
      addresses.map(({ address, family: found }) => ({ address, family: found === 6 ? 6 : 4 })),
    );
  });
}
