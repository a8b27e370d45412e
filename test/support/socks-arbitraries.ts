/** Addresses as SOCKS carries them, for property tests. */
import { formatIpAddress, ipAddressFromBytes, ipVersion } from 'bowline/core';
import fc from 'fast-check';

export const port = fc.integer({ min: 0, max: 65535 });
const ip = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map((bytes) => formatIpAddress(ipAddressFromBytes(bytes)));
export const ipv4 = fc
  .uint8Array({ minLength: 4, maxLength: 4 })
  .map((bytes) => formatIpAddress(ipAddressFromBytes(bytes)));
/** Any visible ASCII: the wire does not care what a name looks like. */
export const socksName = fc.stringMatching(/^[!-~]{1,255}$/).filter((text) => ipVersion(text) === 0);
export const socksAddress = fc.record({ host: fc.oneof(ip, socksName), port }, { noNullPrototype: true });
