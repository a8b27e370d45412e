/**
 * The header that a balancer sends in front of a connection to say whose it is: HAProxy's PROXY protocol, versions 1 and 2
 * (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt).
 *
 * Version 1 is a line of text, version 2 is binary; their first bytes differ, so a receiver takes both. Whether there is a
 * header at all must never be guessed from the bytes ("The receiver MUST be configured to only receive the protocol described
 * in this specification and MUST not try to guess", §2): that is up to who listens.
 *
 * What a header says is a claim of whoever sent it. It is worth what the sender's address is worth, and nobody but the
 * configured balancers may be believed.
 */
import type { SocketAddress } from '../../core/address.ts';
import { ProtocolError } from '../../core/errors.ts';
import type { MessageFormat } from '../../core/message-decoder.ts';
import type { ProxyTlv } from './tlv.ts';
import { measureVersion1, parseVersion1, VERSION_1_MAX_BYTES } from './version1.ts';
import { measureVersion2, parseVersion2, SIGNATURE } from './version2.ts';

export interface ProxyHeader {
  readonly version: 1 | 2;
  /** `'local'`: the sender opened the connection for itself, as for a health check, and the addresses are the real ones. */
  readonly command: 'proxy' | 'local';
  /** What the client used towards the sender; `'unspecified'` where it does not say. */
  readonly transport: 'stream' | 'datagram' | 'unspecified';
  /** The client. `undefined`: the header does not say (UNKNOWN, UNSPEC, LOCAL). */
  readonly source: SocketAddress | undefined;
  /** What the client connected to. */
  readonly destination: SocketAddress | undefined;
  /** Version 2 only; in their order, without those that are about the header itself (CRC32C, NOOP). */
  readonly tlvs: readonly ProxyTlv[];
}

/** Headers of both versions. @param maxBytes longest header that is taken, 107 or more */
export function proxyHeaderFormat(maxBytes: number): MessageFormat<ProxyHeader> {
  return {
    name: 'a PROXY header',
    measure(bytes, seenBytes) {
      const isVersion2 = bytes.length > 0 && bytes[0] === SIGNATURE[0];
      const length = isVersion2 ? measureVersion2(bytes) : measureVersion1(bytes, seenBytes);
      if (length > maxBytes) {
        const rule = 'PROXY protocol §2.2';
        throw new ProtocolError(`a PROXY header of ${length} bytes or more, where ${maxBytes} are allowed`, rule);
      }
      return length;
    },
    parse: (message) => (message[0] === SIGNATURE[0] ? parseVersion2(message) : parseVersion1(message)),
  };
}

/** Below this a header of version 1 would not be taken. */
export const MIN_MAX_HEADER_BYTES = VERSION_1_MAX_BYTES;
