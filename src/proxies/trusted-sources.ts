/** Who may send PROXY headers: the balancers, by the addresses that they connect from. */
import { cidrContains, parseCidr } from '../core/cidr.ts';
import type { Cidr } from '../core/cidr.ts';
import type { SocketAddress } from '../core/address.ts';

/** An address block, as `parseCidr` gives it or as text, or `'unix'`: whoever can connect to the Unix socket. */
export type TrustedSource = Cidr | string;

/**
 * @returns whether a peer is one of `from`
 * @throws TypeError there is none, or one is no block
 * @throws AddressError the text of one is no block
 */
export function trustedSources(from: readonly TrustedSource[]): (peer: SocketAddress) => boolean {
  if (!Array.isArray(from) || from.length === 0)
    throw new TypeError(
      'from lists the address blocks of the balancers whose headers are believed; it cannot be empty',
    );
  const trustsUnix = from.includes('unix');
  const blocks = (from as readonly TrustedSource[]).filter((source) => source !== 'unix').map(blockOf);
  return (peer) => {
    if (peer.family === 'unix') return trustsUnix;
    return blocks.some((block) => cidrContains(block, peer.host));
  };
}

function blockOf(source: TrustedSource): Cidr {
  if (typeof source === 'string') return parseCidr(source);
  const { family, bytes, prefixLength } = (source as Partial<Cidr> | null) ?? {};
  const width = family === 4 ? 4 : family === 6 ? 16 : -1;
  if (!(bytes instanceof Uint8Array) || bytes.length !== width || !Number.isInteger(prefixLength))
    throw new TypeError(`from lists address blocks, such as parseCidr('10.0.0.0/8') or its text`);
  return source;
}
