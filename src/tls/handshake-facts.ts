/** What a completed handshake has settled; read from the engine once, and kept after it is gone. */
import type { TLSSocket } from 'node:tls';

import type { Bytes } from '../core/bytes.ts';
import type { VerifiedPeer } from '../trust/authenticate.ts';
import type { ProtocolVersion } from '../trust/settings.ts';

export interface HandshakeFacts {
  readonly version: ProtocolVersion;
  /** IANA name. */
  readonly cipherSuite: string;
  /** Such as `X25519`; `null` where Node does not tell, which is on servers and for hybrid groups. */
  readonly keyExchangeGroup: string | null;
  /** `null`: none was negotiated. */
  readonly alpnProtocol: string | null;
  /** On a client the name that was checked; on a server the one that the client asked for. */
  readonly serverName: string | null;
  readonly sessionReused: boolean;
  /** Proof that the peer was judged. */
  readonly verified: VerifiedPeer;
  /** The server's certificate, on both sides, for `tls-server-end-point`. */
  readonly endPointCertificate: Bytes | undefined;
}

export function handshakeFacts(
  socket: TLSSocket,
  verified: VerifiedPeer,
  known: Pick<HandshakeFacts, 'serverName' | 'endPointCertificate'>,
): HandshakeFacts {
  const { alpnProtocol } = socket;
  return {
    version: socket.getProtocol() === 'TLSv1.3' ? '1.3' : '1.2',
    cipherSuite: socket.getCipher().standardName,
    keyExchangeGroup: (socket.getEphemeralKeyInfo() as { readonly name?: string } | null)?.name ?? null,
    alpnProtocol: typeof alpnProtocol === 'string' ? alpnProtocol : null,
    sessionReused: socket.isSessionReused(),
    verified,
    ...known,
  };
}
