/**
 * Reading a ClientHello and choosing from it (RFC 5246 §7.4.1, RFC 9325).
 *
 * `readOffer` takes the hello apart and refuses what can lead nowhere: another version, no null compression, no extended
 * master secret. `chooseSuite` takes the first suite of this server's order that works with what both have: a group for
 * ECDHE, a signature scheme for the certificate's key, a pre-shared key.
 */
import type { Bytes } from '../../../core/bytes.ts';
import type { GroupName } from '../../../core/crypto-provider.ts';
import { alertDescription, HandshakeFailure } from '../alert.ts';
import type { CipherSuite } from '../cipher-suites.ts';
import { alpnExtension, parseAlpn } from '../extensions/alpn.ts';
import { certificateTypeExtension, parseCertificateTypes } from '../extensions/certificate-type.ts';
import type { CertificateType } from '../extensions/certificate-type.ts';
import { connectionIdExtension, parseConnectionId } from '../extensions/connection-id.ts';
import { ecPointFormatsExtension, parseAllowsUncompressed } from '../extensions/ec-point-formats.ts';
import { bodyOf, emptyExtension } from '../extensions/extension-list.ts';
import type { Extension } from '../extensions/extension-list.ts';
import { extensionType } from '../extensions/extension-type.ts';
import { maxFragmentLengthExtension, parseMaxFragmentLength } from '../extensions/max-fragment-length.ts';
import type { MaxFragmentLength } from '../extensions/max-fragment-length.ts';
import {
  MIN_RECORD_SIZE_LIMIT,
  parseRecordSizeLimit,
  recordSizeLimitExtension,
} from '../extensions/record-size-limit.ts';
import {
  parseIsFirstHandshake,
  renegotiationInfoExtension,
  RENEGOTIATION_SCSV,
} from '../extensions/renegotiation-info.ts';
import { parseServerName } from '../extensions/server-name.ts';
import { parseSignatureAlgorithms } from '../extensions/signature-algorithms.ts';
import { parseSupportedGroups } from '../extensions/supported-groups.ts';
import { parseUseSrtp, useSrtpExtension } from '../extensions/use-srtp.ts';
import type { SrtpProfile } from '../extensions/use-srtp.ts';
import type { ClientHello } from '../handshake/client-hello.ts';
import { DTLS_1_0, DTLS_1_2, MAX_PLAINTEXT_BYTES } from '../record/header.ts';
import type { LocalIdentity, ServerSettings } from '../settings.ts';
import { authenticationOf, fits } from '../signature-schemes.ts';
import type { SignatureScheme } from '../signature-schemes.ts';
import type { Negotiated } from './exchange.ts';

/** What of a hello matters to this server. */
export interface ClientOffer {
  readonly hello: ClientHello;
  readonly suites: readonly CipherSuite[];
  readonly groups: readonly GroupName[];
  readonly schemes: readonly SignatureScheme[];
  readonly serverName: string | null;
  readonly alpnProtocol: Bytes | null;
  readonly srtpProfile: SrtpProfile | null;
  readonly connectionId: Bytes | null;
  readonly recordSizeLimit: number | null;
  readonly maxFragmentLength: MaxFragmentLength | null;
  readonly clientCertificateTypes: readonly CertificateType[] | null;
  readonly serverCertificateTypes: readonly CertificateType[] | null;
  readonly signalsRenegotiation: boolean;
  /** `null`: the client cannot take one; empty: it has none. */
  readonly ticket: Uint8Array | null;
}

/** How the server proves itself, and with which suite. */
export type Choice =
  | {
      readonly suite: CipherSuite;
      readonly group: GroupName;
      readonly own: LocalIdentity;
      readonly scheme: SignatureScheme;
    }
  | { readonly suite: CipherSuite; readonly group: GroupName | null; readonly own: null; readonly scheme: null };

const RULE = 'RFC 5246 §7.4.1.2';

/** @throws HandshakeFailure it can lead nowhere. @throws MalformedMessage an extension cannot be parsed */
export function readOffer(settings: ServerSettings, hello: ClientHello): ClientOffer {
  const has = <T>(type: number, parse: (body: Uint8Array) => T): T | null => {
    const body = bodyOf(hello.extensions, type);
    return body === undefined ? null : parse(body);
  };
  // Versions count downwards: 0xfefd is 1.2, and a client that has a later one says a smaller number.
  if (hello.version > DTLS_1_2 && hello.version <= DTLS_1_0)
    fail(alertDescription.protocolVersion, 'the client does not speak version 1.2', 'RFC 8996 §5');
  if (hello.version >>> 8 !== 0xfe) fail(alertDescription.protocolVersion, 'no version of DTLS', RULE);
  if (!hello.compressionMethods.includes(0)) fail(alertDescription.illegalParameter, 'compression only', RULE);
  if (bodyOf(hello.extensions, extensionType.extendedMasterSecret)?.length !== 0)
    fail(alertDescription.handshakeFailure, 'the client does not know the extended master secret', 'RFC 7627 §5.2');
  const isFirst = has(extensionType.renegotiationInfo, parseIsFirstHandshake);
  if (isFirst === false) fail(alertDescription.handshakeFailure, 'a renegotiation', 'RFC 5746 §3.6');
  const formats = has(extensionType.ecPointFormats, parseAllowsUncompressed);
  const suites = settings.cipherSuites.filter(({ id, keyExchange }) => {
    return hello.cipherSuites.includes(id) && (keyExchange === 'psk' || formats !== false);
  });
  const groups = has(extensionType.supportedGroups, parseSupportedGroups) ?? [];
  const schemes = has(extensionType.signatureAlgorithms, parseSignatureAlgorithms) ?? [];
  const recordSizeLimit = has(extensionType.recordSizeLimit, parseRecordSizeLimit);
  if (recordSizeLimit !== null && recordSizeLimit < MIN_RECORD_SIZE_LIMIT)
    fail(alertDescription.illegalParameter, `a record_size_limit of ${recordSizeLimit}`, 'RFC 8449 §4');
  const maxFragmentLength = has(extensionType.maxFragmentLength, parseMaxFragmentLength);
  if (maxFragmentLength === undefined)
    return fail(alertDescription.illegalParameter, 'an unknown max_fragment_length', 'RFC 6066 §4');
  const connectionId = has(extensionType.connectionId, parseConnectionId);
  return {
    hello,
    suites,
    groups: settings.groups.filter((group) => groups.includes(group)),
    schemes: settings.signatureSchemes.filter((scheme) => schemes.includes(scheme)),
    serverName: has(extensionType.serverName, parseServerName),
    alpnProtocol: chooseAlpn(settings, has(extensionType.applicationLayerProtocolNegotiation, parseAlpn)),
    srtpProfile: chooseSrtp(settings, has(extensionType.useSrtp, parseUseSrtp)?.profiles ?? []),
    connectionId: connectionId === null ? null : new Uint8Array(connectionId),
    recordSizeLimit,
    maxFragmentLength,
    clientCertificateTypes: has(extensionType.clientCertificateType, parseCertificateTypes),
    serverCertificateTypes: has(extensionType.serverCertificateType, parseCertificateTypes),
    signalsRenegotiation: isFirst === true || hello.cipherSuites.includes(RENEGOTIATION_SCSV),
    ticket: bodyOf(hello.extensions, extensionType.sessionTicket) ?? null,
  };
}

/** @param own `null`: there is no certificate for this name. @throws HandshakeFailure nothing works */
export function chooseSuite(settings: ServerSettings, offer: ClientOffer, own: LocalIdentity | null): Choice {
  const [group] = offer.groups;
  for (const suite of offer.suites) {
    if (suite.keyExchange === 'psk' && settings.hasPsk) return { suite, group: null, own: null, scheme: null };
    if (group === undefined) continue;
    if (suite.keyExchange === 'ecdhe-psk' && settings.hasPsk) return { suite, group, own: null, scheme: null };
    if (suite.keyExchange !== 'ecdhe' || own === null) continue;
    const scheme = schemeFor(settings, offer, suite, own);
    if (scheme !== undefined) return { suite, group, own, scheme };
  }
  return fail(alertDescription.handshakeFailure, 'no cipher suite that both sides can use', RULE);
}

function schemeFor(
  { crypto }: ServerSettings,
  offer: ClientOffer,
  suite: CipherSuite,
  own: LocalIdentity,
): SignatureScheme | undefined {
  const kind = crypto.kindOf(own.key);
  const types = offer.serverCertificateTypes ?? ['x509'];
  if (authenticationOf(kind) !== suite.authentication || !types.includes(own.certificate.kind)) return undefined;
  return offer.schemes.find((scheme) => fits(scheme, kind));
}

/** What the hellos agree on, and the extensions that say so. */
export function answerOffer(
  settings: ServerSettings,
  offer: ClientOffer,
  choice: { readonly suite: CipherSuite; readonly own: LocalIdentity | null },
  asksForCertificate: boolean,
  promisesTicket: boolean,
): { negotiated: Negotiated; extensions: Extension[] } {
  const { hello, recordSizeLimit, maxFragmentLength } = offer;
  const { suite } = choice;
  const extensions: Extension[] = [emptyExtension(extensionType.extendedMasterSecret)];
  if (offer.signalsRenegotiation) extensions.push(renegotiationInfoExtension);
  if (suite.keyExchange !== 'psk' && bodyOf(hello.extensions, extensionType.ecPointFormats) !== undefined)
    extensions.push(ecPointFormatsExtension);
  if (offer.alpnProtocol !== null) extensions.push(alpnExtension([offer.alpnProtocol]));
  if (offer.srtpProfile !== null) extensions.push(useSrtpExtension([offer.srtpProfile]));
  const usesIds = offer.connectionId !== null && settings.connectionId !== null;
  if (usesIds) extensions.push(connectionIdExtension(settings.connectionId));
  const usesLimit = recordSizeLimit !== null;
  if (usesLimit) extensions.push(recordSizeLimitExtension(settings.recordSizeLimit ?? MAX_PLAINTEXT_BYTES));
  else if (maxFragmentLength !== null) extensions.push(maxFragmentLengthExtension(maxFragmentLength));
  const serverCertificateType = choice.own?.certificate.kind ?? 'x509';
  if (offer.serverCertificateTypes !== null && choice.own !== null)
    extensions.push(certificateTypeExtension('serverCertificateType', serverCertificateType));
  const clientCertificateType = asksForCertificate ? clientType(settings, offer) : 'x509';
  if (offer.clientCertificateTypes !== null && asksForCertificate)
    extensions.push(certificateTypeExtension('clientCertificateType', clientCertificateType));
  if (promisesTicket) extensions.push(emptyExtension(extensionType.sessionTicket));
  const sendLimitBytes = Math.min(recordSizeLimit ?? maxFragmentLength ?? MAX_PLAINTEXT_BYTES, MAX_PLAINTEXT_BYTES);
  const negotiated: Negotiated = {
    suite,
    randoms: { client: hello.random, server: settings.crypto.randomBytes(32) },
    serverName: offer.serverName,
    alpnProtocol: offer.alpnProtocol,
    srtpProfile: offer.srtpProfile,
    sendConnectionId: usesIds ? offer.connectionId : NOTHING,
    receiveConnectionId: usesIds ? settings.connectionId : NOTHING,
    sendLimitBytes,
    clientCertificateType,
    serverCertificateType,
  };
  return { negotiated, extensions };
}

const NOTHING: Bytes = new Uint8Array(0);

function clientType(settings: ServerSettings, offer: ClientOffer): CertificateType {
  const offered = offer.clientCertificateTypes ?? ['x509'];
  const type = settings.peerCertificateTypes.find((candidate) => offered.includes(candidate));
  return type ?? fail(alertDescription.unsupportedCertificate, 'no certificate type in common', 'RFC 7250 §4.2');
}

function chooseAlpn({ alpnProtocols, crypto }: ServerSettings, offered: readonly Uint8Array[] | null): Bytes | null {
  if (offered === null || alpnProtocols.length === 0) return null;
  const chosen = alpnProtocols.find((mine) => offered.some((theirs) => crypto.equal(mine, theirs)));
  if (chosen === undefined)
    return fail(alertDescription.noApplicationProtocol, 'no application protocol in common', 'RFC 7301 §3.2');
  return new Uint8Array(chosen);
}

function chooseSrtp({ srtpProfiles }: ServerSettings, offered: readonly SrtpProfile[]): SrtpProfile | null {
  return srtpProfiles.find((profile) => offered.includes(profile)) ?? null;
}

function fail(alert: number, message: string, rule: string): never {
  throw new HandshakeFailure(alert, message, rule);
}
