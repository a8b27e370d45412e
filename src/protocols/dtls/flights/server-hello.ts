/**
 * The first flight of a server (RFC 5246 §7.3):
 *
 *     ServerHello [Certificate] [ServerKeyExchange] [CertificateRequest] ServerHelloDone
 */
import type { Bytes } from '../../../core/bytes.ts';
import type { KeyShare } from '../../../core/crypto-provider.ts';
import type { Extension } from '../extensions/extension-list.ts';
import { encodeCertificate } from '../handshake/certificate.ts';
import { clientCertificateType, encodeCertificateRequest } from '../handshake/certificate-request.ts';
import { messageType } from '../handshake/message-type.ts';
import { encodeServerHello } from '../handshake/server-hello.ts';
import { encodeEcdhParameters, encodeServerKeyExchange } from '../handshake/server-key-exchange.ts';
import { groupIds } from '../named-groups.ts';
import { DTLS_1_2 } from '../record/header.ts';
import type { ServerSettings } from '../settings.ts';
import { inClear } from '../states/exchange.ts';
import type { Exchange, Negotiated } from '../states/exchange.ts';
import type { Choice } from '../states/server-negotiation.ts';
import type { FlightPart } from './flight.ts';

export interface ServerFlight {
  readonly settings: ServerSettings;
  readonly negotiated: Negotiated;
  readonly extensions: readonly Extension[];
  readonly choice: Choice;
  readonly share: KeyShare | null;
  /** Whether the client is asked for a certificate. */
  readonly asks: boolean;
}

export function serverFlight(flight: ServerFlight, x: Exchange): FlightPart[] {
  const { settings, negotiated, extensions, choice, asks } = flight;
  const parts: FlightPart[] = [];
  const say = (type: number, body: Bytes): void => void parts.push(inClear(x.compose(type, body)));
  say(
    messageType.serverHello,
    encodeServerHello({
      version: DTLS_1_2,
      random: negotiated.randoms.server,
      sessionId: new Uint8Array(0),
      cipherSuite: choice.suite.id,
      compressionMethod: 0,
      extensions,
    }),
  );
  if (choice.own !== null) say(messageType.certificate, encodeCertificate(choice.own.certificate));
  const exchange = keyExchangeOf(flight, x);
  if (exchange !== null) say(messageType.serverKeyExchange, exchange);
  if (asks) {
    const { signatureSchemes: schemes } = settings;
    const types = Uint8Array.of(clientCertificateType.ecdsaSign, clientCertificateType.rsaSign);
    say(
      messageType.certificateRequest,
      encodeCertificateRequest({ certificateTypes: types, schemes, authorities: [] }),
    );
  }
  say(messageType.serverHelloDone, new Uint8Array(0));
  return parts;
}

/** `null`: there is nothing to say, so the message is left away (RFC 4279 §2). */
function keyExchangeOf({ settings, negotiated, choice, share }: ServerFlight, x: Exchange): Bytes | null {
  const ecdh =
    share === null || choice.group === null ? null : encodeEcdhParameters(groupIds[choice.group], share.publicKey);
  if (choice.own === null) {
    const { pskHint } = settings;
    if (ecdh === null && pskHint === null) return null;
    return encodeServerKeyExchange({ hint: pskHint ?? new Uint8Array(0), ecdh, signed: null });
  }
  const { client, server } = negotiated.randoms;
  const parameters = ecdh ?? new Uint8Array(0);
  const data = new Uint8Array(client.length + server.length + parameters.length);
  data.set(client);
  data.set(server, client.length);
  data.set(parameters, client.length + server.length);
  const signature = x.crypto.sign(choice.scheme.algorithm, choice.own.key, data);
  return encodeServerKeyExchange({ hint: null, ecdh, signed: { scheme: choice.scheme.id, signature } });
}
