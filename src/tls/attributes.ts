/** What TLS answers through any number of wrappers; see `attributeOf` (bowline/core). */
import { attributeKey } from '../core/attributes.ts';
import type { AttributeKey } from '../core/attributes.ts';
import type { ProtocolVersion } from '../trust/settings.ts';
import type { PeerIdentity } from '../trust/verifier.ts';
import type { HandshakeFacts } from './handshake-facts.ts';

export const tlsVersion: AttributeKey<ProtocolVersion> = attributeKey('tlsVersion');
/** IANA name. */
export const tlsCipherSuite: AttributeKey<string> = attributeKey('tlsCipherSuite');
/** `undefined` also where none was negotiated. */
export const tlsAlpnProtocol: AttributeKey<string> = attributeKey('tlsAlpnProtocol');
/** The name that the server was checked by, or on a server the one that the client asked for. */
export const tlsServerName: AttributeKey<string> = attributeKey('tlsServerName');
export const tlsSessionReused: AttributeKey<boolean> = attributeKey('tlsSessionReused');
/** What the verifier accepted. */
export const tlsPeer: AttributeKey<PeerIdentity> = attributeKey('tlsPeer');

/** The answer of a connection, `undefined` where it has none. */
export function tlsFact(key: AttributeKey<unknown>, facts: HandshakeFacts): unknown {
  switch (key) {
    case tlsVersion:
      return facts.version;
    case tlsCipherSuite:
      return facts.cipherSuite;
    case tlsAlpnProtocol:
      return facts.alpnProtocol ?? undefined;
    case tlsServerName:
      return facts.serverName ?? undefined;
    case tlsSessionReused:
      return facts.sessionReused;
    case tlsPeer:
      return facts.verified.peer;
    default:
      return undefined;
  }
}
