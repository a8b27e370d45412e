/** The first flight of a client: ClientHello (RFC 5246 §7.4.1.2), with the extensions that the settings call for. */
import { extensionType } from '../extensions/extension-type.ts';
import { alpnExtension } from '../extensions/alpn.ts';
import { certificateTypesExtension } from '../extensions/certificate-type.ts';
import { connectionIdExtension } from '../extensions/connection-id.ts';
import { ecPointFormatsExtension } from '../extensions/ec-point-formats.ts';
import { emptyExtension } from '../extensions/extension-list.ts';
import type { Extension } from '../extensions/extension-list.ts';
import { maxFragmentLengthExtension } from '../extensions/max-fragment-length.ts';
import { recordSizeLimitExtension } from '../extensions/record-size-limit.ts';
import { renegotiationInfoExtension } from '../extensions/renegotiation-info.ts';
import { isServerName, serverNameExtension } from '../extensions/server-name.ts';
import { signatureAlgorithmsExtension } from '../extensions/signature-algorithms.ts';
import { supportedGroupsExtension } from '../extensions/supported-groups.ts';
import { useSrtpExtension } from '../extensions/use-srtp.ts';
import { RANDOM_BYTES } from '../handshake/client-hello.ts';
import type { ClientHello } from '../handshake/client-hello.ts';
import { DTLS_1_2 } from '../record/header.ts';
import type { ClientSettings } from '../settings.ts';

const NOTHING = new Uint8Array(0);
const NULL_COMPRESSION = Uint8Array.of(0);
const SESSION_ID_BYTES = 32;

export function firstHello(settings: ClientSettings): ClientHello {
  const { crypto, session, cipherSuites } = settings;
  // With a ticket the ID only serves to see whether the server took it (RFC 5077 §3.4).
  const sessionId =
    session === null ? NOTHING : session.ticket.length > 0 ? crypto.randomBytes(SESSION_ID_BYTES) : session.id;
  return {
    version: DTLS_1_2,
    random: crypto.randomBytes(RANDOM_BYTES),
    sessionId,
    cookie: NOTHING,
    cipherSuites: cipherSuites.map(({ id }) => id),
    compressionMethods: NULL_COMPRESSION,
    extensions: extensionsOf(settings),
  };
}

function extensionsOf(settings: ClientSettings): Extension[] {
  const { cipherSuites, serverName, ownCertificateTypes, peerCertificateTypes } = settings;
  const byCertificate = cipherSuites.some(({ keyExchange }) => keyExchange === 'ecdhe');
  const extensions: Extension[] = [emptyExtension(extensionType.extendedMasterSecret), renegotiationInfoExtension];
  if (serverName !== null && isServerName(serverName)) extensions.push(serverNameExtension(serverName));
  if (cipherSuites.some(({ keyExchange }) => keyExchange !== 'psk'))
    extensions.push(supportedGroupsExtension(settings.groups), ecPointFormatsExtension);
  if (byCertificate) extensions.push(signatureAlgorithmsExtension(settings.signatureSchemes));
  if (byCertificate && peerCertificateTypes.includes('raw-public-key'))
    extensions.push(certificateTypesExtension('serverCertificateType', peerCertificateTypes));
  if (settings.hasIdentity && ownCertificateTypes.includes('raw-public-key'))
    extensions.push(certificateTypesExtension('clientCertificateType', ownCertificateTypes));
  if (settings.alpnProtocols.length > 0) extensions.push(alpnExtension(settings.alpnProtocols));
  if (settings.srtpProfiles.length > 0) extensions.push(useSrtpExtension(settings.srtpProfiles));
  if (settings.recordSizeLimit !== null) extensions.push(recordSizeLimitExtension(settings.recordSizeLimit));
  if (settings.maxFragmentLength !== null) extensions.push(maxFragmentLengthExtension(settings.maxFragmentLength));
  if (settings.connectionId !== null) extensions.push(connectionIdExtension(settings.connectionId));
  if (settings.wantsSession)
    extensions.push({ type: extensionType.sessionTicket, body: settings.session?.ticket ?? NOTHING });
  return extensions;
}
