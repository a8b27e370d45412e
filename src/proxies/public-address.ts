/**
 * Which addresses lead out to the internet, and which to this machine, this network, or something that only looks like an
 * address: the line that a proxy which anybody's requests go through must not cross.
 *
 * The list is IANA's special-purpose registries (RFC 6890) as far as an address is not globally reachable, with multicast and
 * the former class E; of IPv6 all that is not global unicast is out. Addresses that carry an IPv4 address inside (mapped, NAT64,
 * translated, 6to4, Teredo, IPv4-compatible) are judged by that or refused as a whole: a translator on the way would take them to
 * where the inner address points.
 */
import { cidrContains, parseCidr } from '../core/cidr.ts';
import { parseIpAddress, unmapIpAddress } from '../core/ip-address.ts';
import type { IpAddress } from '../core/ip-address.ts';

const NOT_PUBLIC = [
  '0.0.0.0/8', // "this network"; Linux connects 0.0.0.0 to itself
  '10.0.0.0/8',
  '100.64.0.0/10', // carriers' NAT
  '127.0.0.0/8',
  '168.63.129.16', // what the machines of one cloud (Azure) reach their host by, although it is a public address
  '169.254.0.0/16', // link-local; the metadata services of clouds
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays, deprecated
  '192.168.0.0/16',
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, and broadcast
  '2001::/23', // protocol assignments, Teredo among them
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4
  '3fff::/20', // documentation
].map(parseCidr);

/** All of IPv6 that has been given out for the internet (IANA); beside it there are more disguises than anybody lists. */
const GLOBAL_UNICAST = parseCidr('2000::/3');

/** The prefix of NAT64 (RFC 6052): the last four bytes are the IPv4 address that is meant. */
const NAT64 = parseCidr('64:ff9b::/96');

/** @throws AddressError `address` is text, and not an IP address */
export function isPublicIp(address: string | IpAddress): boolean {
  const ip = unmapIpAddress(typeof address === 'string' ? parseIpAddress(address) : address);
  if (cidrContains(NAT64, ip)) return isPublicIp({ family: 4, bytes: ip.bytes.slice(12) });
  if (ip.family === 6 && !cidrContains(GLOBAL_UNICAST, ip)) return false;
  return !NOT_PUBLIC.some((block) => cidrContains(block, ip));
}
