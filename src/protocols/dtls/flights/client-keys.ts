/**
 * The second flight of a client (RFC 5246 §7.3), after which it has keys:
 *
 *     [Certificate] ClientKeyExchange [CertificateVerify] ChangeCipherSpec Finished
 *
 * The premaster secret goes through the extended master secret with the transcript up to ClientKeyExchange; CertificateVerify
 * comes after that and is not part of it (RFC 7627 §3).
 */
import type { Bytes } from '../../../core/bytes.ts';
import type { SecretKey } from '../../../core/crypto-provider.ts';
import { alertDescription, HandshakeFailure } from '../alert.ts';
import { encodeCertificate } from '../handshake/certificate.ts';
import { encodeCertificateVerify } from '../handshake/certificate-verify.ts';
import { encodeClientKeyExchange } from '../handshake/client-key-exchange.ts';
import { encodeFinished } from '../handshake/finished.ts';
import type { HandshakeMessage } from '../handshake/fragment.ts';
import { messageType } from '../handshake/message-type.ts';
import { keyBlock, masterSecret, pskPremasterSecret, verifyData } from '../key-schedule.ts';
import { groupOf } from '../named-groups.ts';
import type { AuthenticatedPeer } from '../proofs.ts';
import type { LocalIdentity, PreSharedKey } from '../settings.ts';
import { fits } from '../signature-schemes.ts';
import type { SignatureScheme } from '../signature-schemes.ts';
import type {
  AwaitingFinished,
  AwaitingOwnIdentity,
  AwaitingPsk,
  AwaitingVerdict,
  FullHandshake,
} from '../states/client-state.ts';
import { changeCipherSpec, inClear, inProtection } from '../states/exchange.ts';
import type { Exchange, Negotiated } from '../states/exchange.ts';
import type { FlightPart } from './flight.ts';

const NOTHING: Bytes = new Uint8Array(0);

/** The identity with a scheme that the server takes; `null` where it has none of use: an empty list is shown, then. */
export function usable(
  { request, negotiated }: Pick<AwaitingOwnIdentity, 'request' | 'negotiated'>,
  identity: LocalIdentity | null,
  x: Exchange,
): OwnProof | null {
  if (identity === null || identity.certificate.kind !== negotiated.clientCertificateType) return null;
  const kind = x.crypto.kindOf(identity.key);
  const scheme = request.schemes.find((candidate) => fits(candidate, kind));
  return scheme === undefined ? null : { identity, scheme };
}

export interface OwnProof {
  readonly identity: LocalIdentity;
  readonly scheme: SignatureScheme;
}

export interface Contribution {
  readonly peer: AuthenticatedPeer;
  readonly psk: PreSharedKey | null;
  /** `null`: asked for, and nothing to show. */
  readonly own: OwnProof | null | 'not-asked';
}

/** [Certificate] ClientKeyExchange [CertificateVerify] ChangeCipherSpec Finished (RFC 5246 §7.3). */
export function sendKeys(
  state: FullHandshake & (AwaitingVerdict | AwaitingOwnIdentity | AwaitingPsk),
  mine: Contribution,
  x: Exchange,
): AwaitingFinished {
  const { crypto } = x;
  const { negotiated, ecdh } = state;
  const { suite, randoms } = negotiated;
  const flight: FlightPart[] = [];
  const say = (type: number, body: Bytes): void => void flight.push(inClear(x.compose(type, body)));

  const { publicKey, agreed } = agree(ecdh, x);
  if (mine.own !== 'not-asked')
    say(messageType.certificate, encodeCertificate(mine.own?.identity.certificate ?? emptyCertificate(negotiated)));
  say(messageType.clientKeyExchange, encodeClientKeyExchange({ pskIdentity: mine.psk?.identity ?? null, publicKey }));
  const premaster =
    mine.psk === null ? (agreed ?? NOTHING) : pskPremasterSecret(crypto.secretBytes(mine.psk.key), agreed);
  const master = masterSecret(crypto, suite, premaster, x.transcript.hash(crypto, suite.hash));
  if (mine.own !== 'not-asked' && mine.own !== null) {
    const { identity, scheme } = mine.own;
    const signature = crypto.sign(scheme.algorithm, identity.key, x.transcript.bytes());
    say(messageType.certificateVerify, encodeCertificateVerify({ scheme: scheme.id, signature }));
  }
  x.logSecret(randoms, master);
  const keys = keyBlock(crypto, suite, master, randoms);
  x.protectWriting(keys.client, negotiated.sendConnectionId);
  flight.push(changeCipherSpec, inProtection(ownFinished(negotiated, master, x)));
  x.send(flight, { awaitsAnswer: true });
  x.protectReading(keys.server, negotiated.receiveConnectionId);
  const { sessionId, promisesTicket } = state;
  return {
    kind: 'awaiting-finished',
    negotiated,
    master,
    peer: mine.peer,
    sessionId,
    promisesTicket,
    ticket: null,
    resuming: null,
  };
}

function agree(ecdh: FullHandshake['ecdh'], x: Exchange): { publicKey: Bytes | null; agreed: Bytes | null } {
  const group = ecdh === null ? undefined : groupOf(ecdh.group);
  if (ecdh === null || group === undefined) return { publicKey: null, agreed: null };
  const share = x.crypto.keyShare(group);
  const agreed = share.agree(ecdh.publicKey);
  if (agreed === null)
    throw new HandshakeFailure(alertDescription.illegalParameter, "the server's share is no point", 'RFC 8422 §5.11');
  return { publicKey: share.publicKey, agreed };
}

export function ownFinished({ suite }: Negotiated, master: SecretKey, x: Exchange): HandshakeMessage {
  const hash = x.transcript.hash(x.crypto, suite.hash);
  return x.compose(messageType.finished, encodeFinished(verifyData(x.crypto, suite, master, 'client', hash)));
}

function emptyCertificate({ clientCertificateType }: Negotiated): Parameters<typeof encodeCertificate>[0] {
  return clientCertificateType === 'x509' ? { kind: 'x509', chain: [] } : { kind: 'raw-public-key', keyInfo: NOTHING };
}
