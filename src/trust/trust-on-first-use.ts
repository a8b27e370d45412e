/**
 * Trust on first use: whoever answers the first time is remembered by the key, and has to have it ever after.
 *
 * What ssh does with `known_hosts`. It protects against everybody who comes later, and against nobody who is there the first time; it
 * needs no names and no authorities, and suits devices with self-signed certificates. The key is remembered, not the certificate: a
 * renewed certificate of the same key is the same peer.
 *
 * Peers are told apart by where the program connected to, `host:port` in lower case, as it wrote it: the same machine under a
 * name and under an address is two places. A changed key is refused with both pins, and stays refused until a person has taken the old one
 * out of the store (`forget`); there is no option to accept it, since a prompt that is always answered with "yes" is none.
 *
 * The store decides what is first: `remember` looks and records in one step, so that two first connections at the same time
 * cannot both be the first with different keys.
 */
import { CertificateError } from '../core/errors.ts';
import { formatHostPort, parseHost } from '../core/host-port.ts';
import { PinError, pinOf } from './pinned.ts';
import type { Verifier } from './verifier.ts';

/** Keys of peers by place. */
export interface TrustStore {
  /**
   * The pins that are known for `place`; where there is none, records `pin` first. One step: of two calls for a new place one
   * comes first, and the other gets its pin.
   *
   * @param place `host:port`
   * @param pin base64 of the SHA-256 of the public key, as `pinOf` gives it
   * @returns one pin or more
   */
  remember(place: string, pin: string): readonly string[] | Promise<readonly string[]>;
}

export interface KnownPeer {
  /** `host:port` */
  readonly place: string;
  readonly pin: string;
}

/**
 * A verifier of servers that accepts a place's first key, and from then on no other. For connections whose host and port are
 * known: it refuses all others.
 *
 * @param store see `fileTrustStore` and `memoryTrustStore`
 * @throws TypeError `store` is none
 */
export function trustOnFirstUse(store: TrustStore): Verifier {
  if (typeof (store as Partial<TrustStore> | undefined)?.remember !== 'function')
    throw new TypeError('trustOnFirstUse needs a store, such as fileTrustStore(path)');
  const verify: Verifier = async (peer, { role, host, port, serverName }) => {
    const name = host ?? serverName;
    if (role !== 'server' || name === null || port === undefined)
      throw new CertificateError('trust on first use is for servers, by the host and port that one connects to', {
        reason: 'refused',
      });
    const place = formatHostPort({ host: parseHost(name).toLowerCase(), port });
    const presented = pinOf(peer.publicKeyInfo);
    const known = await store.remember(place, presented);
    if (!known.includes(presented))
      throw new PinError(
        `the key of ${place} has changed: known is ${known.join(' or ')}, now it is ${presented}`,
        known,
        presented,
        { reason: 'changed-key', depth: 0 },
      );
  };
  return Object.freeze(Object.assign(verify, { needsName: false }));
}

/** A store that lasts as long as the process. */
export function memoryTrustStore(): TrustStore {
  const pins = new Map<string, string>();
  return Object.freeze({
    remember(place: string, pin: string): readonly string[] {
      const known = pins.get(place);
      if (known === undefined) pins.set(place, pin);
      return [known ?? pin];
    },
  });
}
