/**
 * Judging a ServerHello (RFC 5246 §7.4.1.3, §7.4.1.4): the server may choose only out of what was offered.
 *
 * Whatever it says beyond that ends the handshake: a suite, a version, a compression method, an extension or a value in one
 * that was not in the hello. An answer without the extended master secret or without renegotiation_info ends it, too.
 */
import type { Bytes } from '../../../core/bytes.ts';
import { alertDescription, HandshakeFailure } from '../alert.ts';
import { cipherSuiteOf } from '../cipher-suites.ts';
import type { CipherSuite } from '../cipher-suites.ts';
import { parseAlpn } from '../extensions/alpn.ts';
import { parseCertificateType } from '../extensions/certificate-type.ts';
import type { CertificateType } from '../extensions/certificate-type.ts';
import { parseConnectionId } from '../extensions/connection-id.ts';
import { parseAllowsUncompressed } from '../extensions/ec-point-formats.ts';
import { bodyOf } from '../extensions/extension-list.ts';
import type { ExtensionList } from '../extensions/extension-list.ts';
import { extensionType } from '../extensions/extension-type.ts';
import { parseMaxFragmentLength } from '../extensions/max-fragment-length.ts';
import { MIN_RECORD_SIZE_LIMIT, parseRecordSizeLimit } from '../extensions/record-size-limit.ts';
import { parseIsFirstHandshake } from '../extensions/renegotiation-info.ts';
import { parseUseSrtp } from '../extensions/use-srtp.ts';
import type { SrtpProfile } from '../extensions/use-srtp.ts';
import type { ClientHello } from '../handshake/client-hello.ts';
import type { ServerHello } from '../handshake/server-hello.ts';
import { DTLS_1_2, MAX_PLAINTEXT_BYTES } from '../record/header.ts';
import type { ClientSettings } from '../settings.ts';
import type { Negotiated } from './exchange.ts';

const RULE = 'RFC 5246 §7.4.1.3';
const EXTENSIONS = 'RFC 5246 §7.4.1.4';
const NOTHING: Bytes = new Uint8Array(0);

/** @throws HandshakeFailure the server chose what was not offered. @throws MalformedMessage an extension cannot be parsed */
export function judgeServerHello(settings: ClientSettings, hello: ClientHello, answer: ServerHello): Negotiated {
  if (answer.version !== DTLS_1_2)
    throw new HandshakeFailure(alertDescription.protocolVersion, 'the server speaks another version', RULE);
  const suite = chosenSuite(settings, answer);
  if (answer.compressionMethod !== 0) fail('a compression method that was not offered', RULE);
  const { extensions } = answer;
  for (const { type } of extensions) {
    if (!hello.extensions.some((offered) => offered.type === type))
      throw new HandshakeFailure(
        alertDescription.unsupportedExtension,
        `the extension ${type}, which was not offered`,
        EXTENSIONS,
      );
  }
  demandSafety(extensions);
  const formats = bodyOf(extensions, extensionType.ecPointFormats);
  if (formats !== undefined && !parseAllowsUncompressed(formats)) fail('no uncompressed points', 'RFC 8422 §5.1.2');
  const connectionId = bodyOf(extensions, extensionType.connectionId);
  return {
    suite,
    randoms: { client: hello.random, server: answer.random },
    serverName: settings.serverName,
    alpnProtocol: chosenAlpn(settings, extensions),
    srtpProfile: chosenSrtp(settings, extensions),
    sendConnectionId: connectionId === undefined ? NOTHING : new Uint8Array(parseConnectionId(connectionId)),
    receiveConnectionId: connectionId === undefined ? NOTHING : (settings.connectionId ?? NOTHING),
    sendLimitBytes: sendLimit(settings, extensions),
    clientCertificateType: chosenType(extensions, 'clientCertificateType', settings.ownCertificateTypes),
    serverCertificateType: chosenType(extensions, 'serverCertificateType', settings.peerCertificateTypes),
  };
}

function chosenSuite(settings: ClientSettings, { cipherSuite }: ServerHello): CipherSuite {
  const suite = cipherSuiteOf(cipherSuite);
  if (suite === undefined || !settings.cipherSuites.includes(suite))
    return fail('a cipher suite that was not offered', RULE);
  return suite;
}

function demandSafety(extensions: ExtensionList): void {
  const master = bodyOf(extensions, extensionType.extendedMasterSecret);
  if (master === undefined)
    throw new HandshakeFailure(
      alertDescription.handshakeFailure,
      'the server does not know the extended master secret',
      'RFC 7627 §5.2',
    );
  if (master.length > 0) fail('an extended_master_secret that is not empty', 'RFC 7627 §5.1');
  const info = bodyOf(extensions, extensionType.renegotiationInfo);
  if (info === undefined || !parseIsFirstHandshake(info))
    throw new HandshakeFailure(
      alertDescription.handshakeFailure,
      'the server does not say that this is a first handshake',
      'RFC 5746 §3.4',
    );
}

function chosenAlpn(settings: ClientSettings, extensions: ExtensionList): Bytes | null {
  const body = bodyOf(extensions, extensionType.applicationLayerProtocolNegotiation);
  if (body === undefined) {
    if (settings.alpnProtocols.length === 0 || !settings.requiresAlpn) return null;
    throw new HandshakeFailure(
      alertDescription.noApplicationProtocol,
      'the server chose no application protocol',
      'RFC 7301 §3.2',
    );
  }
  const [chosen, ...more] = parseAlpn(body);
  const offered = settings.alpnProtocols.some((name) => chosen !== undefined && settings.crypto.equal(name, chosen));
  if (chosen === undefined || more.length > 0 || !offered)
    return fail('an application protocol that was not offered', 'RFC 7301 §3.2');
  return new Uint8Array(chosen);
}

function chosenSrtp(settings: ClientSettings, extensions: ExtensionList): SrtpProfile | null {
  const body = bodyOf(extensions, extensionType.useSrtp);
  if (body === undefined) return null;
  const { profiles, count, hasMki } = parseUseSrtp(body);
  const [profile] = profiles;
  if (count !== 1 || profile === undefined || hasMki || !settings.srtpProfiles.includes(profile))
    return fail('an SRTP profile that was not offered', 'RFC 5764 §4.1.1');
  return profile;
}

function sendLimit(settings: ClientSettings, extensions: ExtensionList): number {
  const limitBody = bodyOf(extensions, extensionType.recordSizeLimit);
  const lengthBody = bodyOf(extensions, extensionType.maxFragmentLength);
  if (limitBody !== undefined && lengthBody !== undefined) return fail('two limits for records', 'RFC 8449 §5');
  if (limitBody !== undefined) {
    const limit = parseRecordSizeLimit(limitBody);
    if (limit < MIN_RECORD_SIZE_LIMIT) return fail(`a record_size_limit of ${limit}`, 'RFC 8449 §4');
    return Math.min(limit, MAX_PLAINTEXT_BYTES);
  }
  if (lengthBody === undefined) return MAX_PLAINTEXT_BYTES;
  const length = parseMaxFragmentLength(lengthBody);
  if (length === undefined || length !== settings.maxFragmentLength)
    return fail('another max_fragment_length than was asked for', 'RFC 6066 §4');
  return length;
}

function chosenType(
  extensions: ExtensionList,
  direction: 'clientCertificateType' | 'serverCertificateType',
  offered: readonly CertificateType[],
): CertificateType {
  const body = bodyOf(extensions, extensionType[direction]);
  const type = body === undefined ? 'x509' : parseCertificateType(body);
  // Saying nothing means X.509, which a side that takes raw keys alone has not offered.
  if (type === undefined || !offered.includes(type))
    throw new HandshakeFailure(
      alertDescription.unsupportedCertificate,
      'a certificate type that was not offered',
      'RFC 7250 §4.2',
    );
  return type;
}

function fail(message: string, rule: string): never {
  throw new HandshakeFailure(alertDescription.illegalParameter, `the server chose ${message}`, rule);
}
