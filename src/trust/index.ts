/** bowline/trust: whom to trust and how to show who one is, for TLS and DTLS alike. */
export { allOf, anyOf } from './combine.ts';
export { clientContext, serverContext } from './context.ts';
export type {
  ClientContext,
  ClientContextOptions,
  ContextOptions,
  ServerContext,
  ServerContextOptions,
} from './context.ts';
export { Identity } from './identity.ts';
export type { IdentityCheckOptions, IdentityFiles, IdentityMaterial } from './identity.ts';
export { insecureAcceptAnyone } from './insecure.ts';
export { PinError, pinned, pinOf } from './pinned.ts';
export { keyLogFromEnv } from './key-log.ts';
export { pki } from './pki.ts';
export type { PkiOptions } from './pki.ts';
export { preSharedKey } from './pre-shared-key.ts';
export type { ClientPskSource, PreSharedKey, PreSharedKeyOptions, ServerPskOptions } from './pre-shared-key.ts';
export type { DtlsSettings, IdentitySource, ProtocolVersion, TlsSettings } from './settings.ts';
export { dane } from './dane.ts';
export type { TlsaRecord } from './dane.ts';
export { fileTrustStore } from './file-trust-store.ts';
export type { FileTrustStore } from './file-trust-store.ts';
export { systemTrust } from './system-trust.ts';
export { TicketKeys } from './ticket-keys.ts';
export type { TicketKey, TicketKeysOptions } from './ticket-keys.ts';
export { TrustRoots } from './trust-roots.ts';
export type { RootsSource } from './trust-roots.ts';
export { memoryTrustStore, trustOnFirstUse } from './trust-on-first-use.ts';
export type { KnownPeer, TrustStore } from './trust-on-first-use.ts';
export { TrustStoreError } from './trust-store-error.ts';
export type { ExpectedPeer, PeerIdentity, Verifier } from './verifier.ts';
