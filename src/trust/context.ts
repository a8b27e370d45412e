/**
 * Contexts: everything about trust that many connections share, for TLS and DTLS alike.
 *
 * A context is made once and used often. It is opaque, frozen, and branded as a client's or a server's, so that neither the
 * compiler nor the library takes one for the other, and nobody changes one under a running server. Mistakes are found
 * here, when it is made, and not at the first connection: a server with nothing to authenticate it, an ALPN name of 300
 * bytes, a cipher suite that is too weak, `verify: undefined` (which in other libraries means "whatever the default is",
 * or "do not verify").
 *
 *     verify: pki()                     the default of a client; giving another one replaces it
 *     verify: allOf(pki(), mine)        adds to it
 *     verify: undefined                 TypeError: a missing decision must not look like one
 *
 * There is no version below 1.2 (RFC 8996), no renegotiation, no compression, and no option that brings them back.
 */
import { inspect } from 'node:util';

import type { CipherSuite } from './cipher-suites.ts';
import { cipherSuitesOf, defaultCipherSuites, usesPsk } from './cipher-suites.ts';
import { keyExchangeGroupsOf } from './groups.ts';
import { Identity } from './identity.ts';
import { pki } from './pki.ts';
import type { ClientPskSource, PreSharedKey, ServerPskOptions } from './pre-shared-key.ts';
import { checkPskText, isPreSharedKey } from './pre-shared-key.ts';
import { isWellFormed } from './text.ts';
import { TicketKeys } from './ticket-keys.ts';
import type {
  ClientSettings,
  DtlsSettings,
  IdentitySource,
  ProtocolVersion,
  ServerSettings,
  TlsSettings,
} from './settings.ts';
import type { Verifier } from './verifier.ts';

declare const contextSide: unique symbol;

/** Made by `clientContext`. Opaque. */
export interface ClientContext {
  readonly [contextSide]: 'client';
}

/** Made by `serverContext`. Opaque. */
export interface ServerContext {
  readonly [contextSide]: 'server';
}

export interface ContextOptions {
  /** Application protocols (RFC 7301) in order of preference, each 1 to 255 bytes of UTF-8. Default: none. */
  readonly alpnProtocols?: readonly string[] | undefined;
  /** Default `'1.2'`, which is also the least. */
  readonly minVersion?: ProtocolVersion | undefined;
  /** Default: the newest that the transport has. */
  readonly maxVersion?: ProtocolVersion | undefined;
  /**
   * IANA names in order of preference, of both versions; default: what RFC 9325 recommends. Weak ones are refused. Nothing
   * is offered that the list does not name, so one without suites of 1.3 is one without version 1.3.
   */
  readonly cipherSuites?: readonly string[] | undefined;
  /** IANA names of key exchange groups in order of preference, such as `x25519`; default: the transport's. */
  readonly groups?: readonly string[] | undefined;
  /**
   * Gets the session secrets line by line in the NSS format, for Wireshark. Whoever has them can read the connection. What
   * it throws is dropped. See `keyLogFromEnv`.
   */
  readonly keyLog?: ((line: string) => void) | undefined;
  readonly tls?: TlsSettings | undefined;
  readonly dtls?: DtlsSettings | undefined;
}

export interface ClientContextOptions extends ContextOptions {
  /** Decides on the server. Default `pki()`. An explicit `undefined` is an error. */
  readonly verify?: Verifier;
  /** The certificate to show to a server that asks for one, by the name of that server. Default: none. */
  readonly identity?: Identity | IdentitySource | undefined;
  /** Accept that a server chooses none of `alpnProtocols`. Default false: the handshake fails. */
  readonly allowNoAlpn?: boolean | undefined;
  /** Key or choice of a key that authenticates both sides without certificates. */
  readonly psk?: PreSharedKey | ClientPskSource | undefined;
}

export interface ServerContextOptions extends ContextOptions {
  /** The server's certificate, or a choice by the name that the client asked for. There must be this or `psk`. */
  readonly identity?: Identity | IdentitySource | undefined;
  readonly psk?: PreSharedKey | ServerPskOptions | undefined;
  /** Whether clients are asked for a certificate, and must have one. Default `'none'`. */
  readonly clientAuth?: 'none' | 'request' | 'require' | undefined;
  /** Decides on clients that show a certificate. Needed, and allowed, exactly if `clientAuth` is not `'none'`. */
  readonly verify?: Verifier | undefined;
  /** Keys of session tickets, where several servers or processes shall resume each other's sessions. Default: keys of its own. */
  readonly ticketKeys?: TicketKeys | undefined;
}

/**
 * @throws TypeError an option has the wrong type, or `verify` is there but undefined
 * @throws RangeError an option has a value that is not allowed; the message says which
 * @throws TrustStoreError `verify` was left away, and this system has no root certificates
 */
export function clientContext(options: ClientContextOptions = {}): ClientContext {
  checkOptions(options);
  if ('verify' in options && typeof options.verify !== 'function')
    throw new TypeError('verify must be a verifier: leave it away for pki(), or name insecureAcceptAnyone()');
  const { verify = pki(), identity, allowNoAlpn = false, psk } = options;
  const settings: ClientSettings = Object.freeze({
    side: 'client',
    ...commonSettings(options, psk !== undefined),
    verify,
    identity: identity === undefined ? undefined : identitySource(identity),
    allowNoAlpn: checkBoolean(allowNoAlpn, 'allowNoAlpn'),
    psk: psk === undefined ? undefined : clientPskSource(psk),
  });
  return opaque(settings) as ClientContext;
}

/**
 * @throws TypeError an option has the wrong type or is missing
 * @throws RangeError an option has a value that is not allowed; the message says which
 */
export function serverContext(options: ServerContextOptions): ServerContext {
  checkOptions(options);
  const { identity, psk, clientAuth = 'none', verify, ticketKeys = TicketKeys.generate() } = options;
  if (identity === undefined && psk === undefined)
    throw new TypeError('a server needs an identity or a pre-shared key: nothing else would prove who it is');
  if (!['none', 'request', 'require'].includes(clientAuth))
    throw new RangeError("clientAuth must be 'none', 'request' or 'require'");
  if (clientAuth === 'none' ? verify !== undefined : typeof verify !== 'function')
    throw new TypeError(
      clientAuth === 'none'
        ? "verify decides on the certificates of clients: it needs clientAuth 'request' or 'require'"
        : `clientAuth: '${clientAuth}' needs a verifier that decides on clients, such as pki({ roots })`,
    );
  if (!(ticketKeys instanceof TicketKeys))
    throw new TypeError('ticketKeys must be made by TicketKeys.generate() or TicketKeys.import()');
  const settings: ServerSettings = Object.freeze({
    side: 'server',
    ...commonSettings(options, psk !== undefined),
    clientAuth,
    verify,
    identity: identity === undefined ? undefined : identitySource(identity),
    onlyIdentity: identity instanceof Identity ? identity : undefined,
    psk: psk === undefined ? undefined : serverPsk(psk),
    ticketKeys,
  });
  return opaque(settings) as ServerContext;
}

/**
 * What is inside a context; for the shells.
 *
 * @throws TypeError it is no context of this copy of the library
 */
export function settingsOf(context: ClientContext): ClientSettings;
export function settingsOf(context: ServerContext): ServerSettings;
export function settingsOf(context: ClientContext | ServerContext): ClientSettings | ServerSettings;
export function settingsOf(context: ClientContext | ServerContext): ClientSettings | ServerSettings {
  const settings = contents.get(context);
  if (settings === undefined)
    throw new TypeError('the context must be made by clientContext() or serverContext() of this copy of bowline');
  return settings;
}

/** @throws TypeError it is no client context */
export function clientSettingsOf(context: ClientContext): ClientSettings {
  const settings: ClientSettings | ServerSettings = settingsOf(context as ClientContext | ServerContext);
  if (settings.side !== 'client')
    throw new TypeError('this is the context of a server; a client needs clientContext()');
  return settings;
}

/** @throws TypeError it is no server context */
export function serverSettingsOf(context: ServerContext): ServerSettings {
  const settings: ClientSettings | ServerSettings = settingsOf(context as ClientContext | ServerContext);
  if (settings.side !== 'server')
    throw new TypeError('this is the context of a client; a server needs serverContext()');
  return settings;
}

/**
 * The server's identity for a name, asked of the program where that chooses.
 *
 * @throws TypeError the program's function gave something else
 */
export async function chooseIdentity(source: IdentitySource, serverName: string | null): Promise<Identity> {
  const identity: unknown = await source(serverName);
  if (!(identity instanceof Identity)) throw new TypeError('the identity function must give an Identity');
  return identity;
}

const contents = new WeakMap<object, ClientSettings | ServerSettings>();

function opaque(settings: ClientSettings | ServerSettings): object {
  const name = settings.side === 'client' ? 'ClientContext' : 'ServerContext';
  const context = Object.freeze(Object.create(prototypes[name]) as object);
  contents.set(context, settings);
  return context;
}

const prototypes = { ClientContext: prototypeOf('ClientContext'), ServerContext: prototypeOf('ServerContext') };

function prototypeOf(name: string): object {
  return Object.freeze({ [Symbol.toStringTag]: name, [inspect.custom]: () => `${name} {}` });
}

function checkOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) throw new TypeError('the options must be an object');
}

function checkBoolean(value: boolean, what: string): boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${what} must be a boolean, not ${typeof value}`);
  return value;
}

type Common = Omit<ClientSettings, 'side' | 'verify' | 'identity' | 'allowNoAlpn' | 'psk'>;

function commonSettings(options: ContextOptions, hasPsk: boolean): Common {
  const { alpnProtocols = [], minVersion = '1.2', maxVersion = '1.3', keyLog, tls = {}, dtls = {} } = options;
  for (const version of [minVersion, maxVersion] as readonly string[])
    if (version !== '1.2' && version !== '1.3') throw new RangeError("a version must be '1.2' or '1.3'");
  if (minVersion > maxVersion) throw new RangeError('minVersion must not be above maxVersion');
  if (keyLog !== undefined && typeof keyLog !== 'function') throw new TypeError('keyLog must be a function');
  const cipherSuites = suitesFor(options.cipherSuites, minVersion, maxVersion, hasPsk);
  const has13 = cipherSuites.some(({ version }) => version === '1.3');
  const has12 = cipherSuites.some(({ version }) => version === '1.2');
  return {
    alpnProtocols: checkAlpn(alpnProtocols),
    minVersion: has12 ? minVersion : '1.3',
    maxVersion: has13 ? maxVersion : '1.2',
    cipherSuites,
    groups: options.groups === undefined ? undefined : keyExchangeGroupsOf(options.groups),
    keyLog: keyLog === undefined ? undefined : withoutErrors(keyLog),
    tls: Object.freeze({ ...tls }),
    dtls: Object.freeze({ ...dtls }),
  };
}

function checkAlpn(protocols: readonly string[]): readonly string[] {
  if (!Array.isArray(protocols) || protocols.some((name) => typeof name !== 'string'))
    throw new TypeError('alpnProtocols must be an array of strings');
  const list: readonly string[] = protocols;
  for (const name of list) {
    const length = Buffer.byteLength(name);
    if (length === 0 || length > 255 || !isWellFormed(name))
      throw new RangeError('a name in alpnProtocols must have 1 to 255 bytes of UTF-8 (RFC 7301 §3.1)');
  }
  if (new Set(list).size !== list.length) throw new RangeError('alpnProtocols has a name twice');
  // The list goes into an extension whose length field has 16 bits.
  if (list.reduce((sum, name) => sum + 1 + Buffer.byteLength(name), 0) > 65_533)
    throw new RangeError('alpnProtocols is too long for its extension');
  return Object.freeze([...list]);
}

function suitesFor(
  names: readonly string[] | undefined,
  minVersion: ProtocolVersion,
  maxVersion: ProtocolVersion,
  hasPsk: boolean,
): readonly CipherSuite[] {
  const given = names === undefined ? [] : cipherSuitesOf(names);
  const stranger = given.find((suite) => usesPsk(suite) && !hasPsk);
  if (stranger !== undefined)
    throw new RangeError(`${stranger.name} needs a pre-shared key, and this context has none (option psk)`);
  const usable = (names === undefined ? defaultCipherSuites(hasPsk) : given).filter(
    ({ version }) => version >= minVersion && version <= maxVersion,
  );
  if (usable.length === 0) throw new RangeError('cipherSuites has none of a version between minVersion and maxVersion');
  return Object.freeze(usable);
}

function identitySource(identity: Identity | IdentitySource): IdentitySource {
  if (identity instanceof Identity) return () => identity;
  if (typeof identity === 'function') return identity;
  throw new TypeError('identity must be an Identity (see Identity.load) or a function that gives one');
}

function clientPskSource(psk: PreSharedKey | ClientPskSource): ClientPskSource {
  if (typeof psk === 'function') return psk;
  if (isPreSharedKey(psk)) return () => psk;
  throw new TypeError('psk must be made by preSharedKey(), or be a function that gives one');
}

function serverPsk(psk: PreSharedKey | ServerPskOptions): ServerPskOptions {
  if (isPreSharedKey(psk)) {
    const only = psk;
    return Object.freeze({ find: (identity: string) => (identity === only.identity ? only : null) });
  }
  const { hint, find } = psk as Partial<ServerPskOptions>;
  if (typeof find !== 'function') throw new TypeError('psk must be made by preSharedKey(), or have a function find');
  return Object.freeze({ hint: hint === undefined ? undefined : checkPskText(hint, 'a hint'), find });
}

/** Key logging is for debugging: it must not break what is debugged. */
function withoutErrors(keyLog: (line: string) => void): (line: string) => void {
  return (line) => {
    try {
      keyLog(line);
    } catch {
      // The program's own function; there is no better place to tell it, and the connection must not suffer.
    }
  };
}
