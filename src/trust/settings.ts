/**
 * What is inside a context: checked, complete and frozen, for the shells of TLS and DTLS.
 *
 * Programs see an opaque object and cannot take it apart, so the shells may rely on every rule that the constructors
 * check, and a field can be renamed without breaking anybody. It is not part of the public face.
 */
import type { CipherSuite } from './cipher-suites.ts';
import type { KeyExchangeGroup } from './groups.ts';
import type { Identity } from './identity.ts';
import type { ClientPskSource, ServerPskOptions } from './pre-shared-key.ts';
import type { TicketKeys } from './ticket-keys.ts';
import type { Verifier } from './verifier.ts';

/** TLS 1.2 or 1.3; for DTLS the version of that number. */
export type ProtocolVersion = '1.2' | '1.3';

/** Answers by name (`null`: the client named none). One that is always the same is a function that ignores the name. */
export type IdentitySource = (serverName: string | null) => Identity | Promise<Identity>;

/** Settings that have a meaning for TLS only. */
export interface TlsSettings {
  /** Resume sessions. Default true. */
  readonly resumption?: boolean | undefined;
}

/** Settings that have a meaning for DTLS only. */
export interface DtlsSettings {
  /** Resume sessions. Default true. */
  readonly resumption?: boolean | undefined;
}

interface CommonSettings {
  readonly alpnProtocols: readonly string[];
  readonly minVersion: ProtocolVersion;
  readonly maxVersion: ProtocolVersion;
  /** Of both versions, in order of preference; those that the transport does not have are to be left out. */
  readonly cipherSuites: readonly CipherSuite[];
  /** In order of preference; `undefined`: the transport's own. */
  readonly groups: readonly KeyExchangeGroup[] | undefined;
  /** Gets each line of an NSS key log, without a line break. Never throws. */
  readonly keyLog: ((line: string) => void) | undefined;
  readonly tls: TlsSettings;
  readonly dtls: DtlsSettings;
}

export interface ClientSettings extends CommonSettings {
  readonly side: 'client';
  readonly verify: Verifier;
  /** The certificate to show to a server that asks; `undefined`: none. */
  readonly identity: IdentitySource | undefined;
  /** Whether the handshake may succeed with no protocol chosen although `alpnProtocols` has some. */
  readonly allowNoAlpn: boolean;
  readonly psk: ClientPskSource | undefined;
}

export interface ServerSettings extends CommonSettings {
  readonly side: 'server';
  readonly clientAuth: 'none' | 'request' | 'require';
  /** There unless `clientAuth` is `'none'`. */
  readonly verify: Verifier | undefined;
  /** `undefined`: only a pre-shared key authenticates this server. */
  readonly identity: IdentitySource | undefined;
  /** The identity, where it is one for all names: so that a shell need not ask. */
  readonly onlyIdentity: Identity | undefined;
  readonly psk: ServerPskOptions | undefined;
  readonly ticketKeys: TicketKeys;
}
