/**
 * The server's side of the handshake: from each state, what a message or an answer leads to. The picture is in
 * `server-state.ts`.
 *
 * As with the client, a step parses first and changes things afterwards. An unknown PSK identity goes on with a random key,
 * so that it fails exactly like a wrong one (RFC 4279 §2) and identities cannot be tried out.
 */
import type { Bytes } from '../../../core/bytes.ts';
import { alertDescription, HandshakeFailure } from '../alert.ts';
import { cipherSuiteOf } from '../cipher-suites.ts';
import type { CipherSuite } from '../cipher-suites.ts';
import type { AcceptedHello } from '../cookie.ts';
import { serverFlight } from '../flights/server-hello.ts';
import { parseCertificate } from '../handshake/certificate.ts';
import { parseCertificateVerify } from '../handshake/certificate-verify.ts';
import { parseClientKeyExchange } from '../handshake/client-key-exchange.ts';
import { encodeFinished, parseFinished, VerifiedFinished } from '../handshake/finished.ts';
import type { HandshakeMessage } from '../handshake/fragment.ts';
import { messageName, messageType } from '../handshake/message-type.ts';
import { encodeNewSessionTicket } from '../handshake/new-session-ticket.ts';
import { encodeServerHello } from '../handshake/server-hello.ts';
import { keyBlock, masterSecret, pskPremasterSecret, verifyData } from '../key-schedule.ts';
import { AuthenticatedPeer, ProvenKey } from '../proofs.ts';
import type { Answer } from '../questions.ts';
import { DTLS_1_2 } from '../record/header.ts';
import { encodeSessionState, parseSessionState } from '../session.ts';
import type { SessionState } from '../session.ts';
import type { PreSharedKey, ServerSettings } from '../settings.ts';
import { changeCipherSpec, inClear, inProtection } from './exchange.ts';
import type { Established, Exchange, Side } from './exchange.ts';
import { answerOffer, chooseSuite, readOffer } from './server-negotiation.ts';
import type { Choice, ClientOffer } from './server-negotiation.ts';
import type {
  AwaitingCertificateVerify,
  AwaitingClientCertificate,
  AwaitingFinished,
  AwaitingKeyExchange,
  AwaitingPsk,
  ServerKeyed,
  ServerState,
} from './server-state.ts';

export class ServerSide implements Side {
  readonly #settings: ServerSettings;
  readonly #accepted: AcceptedHello;
  #state: ServerState = { kind: 'idle' };

  constructor(settings: ServerSettings, accepted: AcceptedHello) {
    this.#settings = settings;
    this.#accepted = accepted;
  }

  get isDeciding(): boolean {
    switch (this.#state.kind) {
      case 'awaiting-own-identity':
      case 'awaiting-resumption-verdict':
      case 'awaiting-psk':
      case 'awaiting-client-verdict':
        return true;
      default:
        return false;
    }
  }

  get takesCookies(): boolean {
    return false;
  }

  get established(): Established | null {
    return this.#state.kind === 'established' ? this.#state : null;
  }

  start(x: Exchange): void {
    const offer = readOffer(this.#settings, this.#accepted.hello);
    x.transcript.add(this.#accepted.message);
    this.#state = this.#begin(offer, x);
  }

  receive(message: HandshakeMessage, x: Exchange): void {
    this.#state = this.#received(this.#state, message, x);
  }

  answer(answer: Answer, x: Exchange): void {
    if (answer.kind === 'failed')
      throw new HandshakeFailure(alertDescription.internalError, answer.error.message, 'RFC 5246 §7.2.2', {
        cause: answer.error,
      });
    this.#state = this.#answered(this.#state, answer, x);
  }

  #begin(offer: ClientOffer, x: Exchange): ServerState {
    const found = resumable(this.#settings, offer);
    if (found !== null) {
      const { suite, session } = found;
      if (session.peer.kind !== 'certificate')
        return resume(
          this.#settings,
          offer,
          suite,
          session,
          AuthenticatedPeer.anonymousClient(this.#settings.clientAuth),
          x,
        );
      const { certificate } = session.peer;
      x.ask({ kind: 'verdict', peer: certificate, resumed: true });
      return { kind: 'awaiting-resumption-verdict', offer, suite, session, certificate };
    }
    if (!this.#settings.hasIdentity || !offer.suites.some(({ keyExchange }) => keyExchange === 'ecdhe'))
      return this.#answerHello(offer, chooseSuite(this.#settings, offer, null), x);
    x.ask({ kind: 'identity', serverName: offer.serverName, schemes: offer.schemes, authorities: [] });
    return { kind: 'awaiting-own-identity', offer };
  }

  #received(state: ServerState, message: HandshakeMessage, x: Exchange): ServerState {
    switch (state.kind) {
      case 'awaiting-client-certificate':
        if (message.type === messageType.certificate) return this.#onCertificate(state, message, x);
        break;
      case 'awaiting-key-exchange':
        if (message.type === messageType.clientKeyExchange) return this.#onKeyExchange(state, message, x);
        break;
      case 'awaiting-certificate-verify':
        if (message.type === messageType.certificateVerify) return this.#onCertificateVerify(state, message, x);
        break;
      case 'awaiting-finished':
        if (message.type === messageType.finished) return this.#onFinished(state, message, x);
        break;
      case 'idle':
      case 'awaiting-own-identity':
      case 'awaiting-resumption-verdict':
      case 'awaiting-psk':
      case 'awaiting-client-verdict':
      case 'established':
        break;
    }
    throw new HandshakeFailure(
      alertDescription.unexpectedMessage,
      `${messageName(message.type)} while ${state.kind}`,
      'RFC 5246 §7.3',
    );
  }

  #answered(state: ServerState, answer: Answer, x: Exchange): ServerState {
    if (state.kind === 'awaiting-own-identity' && answer.kind === 'identity')
      return this.#answerHello(state.offer, chooseSuite(this.#settings, state.offer, answer.identity), x);
    if (state.kind === 'awaiting-resumption-verdict' && answer.kind === 'verdict') {
      const peer = AuthenticatedPeer.byResumption(state.certificate, answer);
      return resume(this.#settings, state.offer, state.suite, state.session, peer, x);
    }
    if (state.kind === 'awaiting-psk' && answer.kind === 'psk') return onPsk(state, answer.psk, x);
    if (state.kind === 'awaiting-client-verdict' && answer.kind === 'verdict')
      return {
        ...state,
        kind: 'awaiting-finished',
        peer: AuthenticatedPeer.byVerdict(state.proven, answer),
        resumed: false,
      };
    throw new TypeError(`the answer ${answer.kind} while ${state.kind}`);
  }

  #answerHello(offer: ClientOffer, choice: Choice, x: Exchange): ServerState {
    const settings = this.#settings;
    const asks = choice.own !== null && settings.clientAuth !== 'none';
    // A pre-shared key is as quick as a ticket, and can be taken back.
    const promisesTicket = settings.sessions !== null && offer.ticket !== null && choice.own !== null;
    const { negotiated, extensions } = answerOffer(settings, offer, choice, asks, promisesTicket);
    const share = choice.group === null ? null : x.crypto.keyShare(choice.group);
    x.send(serverFlight({ settings, negotiated, extensions, choice, share, asks }, x), { awaitsAnswer: true });
    const sent = { negotiated, share, promisesTicket };
    if (asks) return { kind: 'awaiting-client-certificate', ...sent };
    return { kind: 'awaiting-key-exchange', certificate: null, ...sent };
  }

  #onCertificate(state: AwaitingClientCertificate, message: HandshakeMessage, x: Exchange): ServerState {
    const certificate = parseCertificate(message.body, state.negotiated.clientCertificateType);
    x.transcript.add(message);
    const isEmpty = certificate.kind === 'x509' ? certificate.chain.length === 0 : certificate.keyInfo.length === 0;
    if (isEmpty) AuthenticatedPeer.anonymousClient(this.#settings.clientAuth);
    return { ...state, kind: 'awaiting-key-exchange', certificate: isEmpty ? null : certificate };
  }

  #onKeyExchange(state: AwaitingKeyExchange, message: HandshakeMessage, x: Exchange): ServerState {
    const { negotiated, share, promisesTicket } = state;
    const { pskIdentity, publicKey } = parseClientKeyExchange(message.body, negotiated.suite);
    const agreed = share === null || publicKey === null ? null : share.agree(publicKey);
    if (share !== null && agreed === null)
      throw new HandshakeFailure(alertDescription.illegalParameter, "the client's share is no point", 'RFC 8422 §5.11');
    x.transcript.add(message);
    if (pskIdentity !== null) {
      const identity = new Uint8Array(pskIdentity);
      x.ask({ kind: 'psk', identity, hint: null });
      return { kind: 'awaiting-psk', negotiated, identity, agreed };
    }
    const keyed = makeKeys({ negotiated, promisesTicket }, agreed ?? NOTHING, x);
    if (state.certificate !== null)
      return { kind: 'awaiting-certificate-verify', certificate: state.certificate, ...keyed };
    const peer = AuthenticatedPeer.anonymousClient(this.#settings.clientAuth);
    return { kind: 'awaiting-finished', peer, resumed: false, ...keyed };
  }

  #onCertificateVerify(state: AwaitingCertificateVerify, message: HandshakeMessage, x: Exchange): ServerState {
    const signed = parseCertificateVerify(message.body);
    const { certificate, ...keyed } = state;
    const { signatureSchemes } = this.#settings;
    const proven = ProvenKey.check(x.crypto, certificate, signatureSchemes, null, x.transcript.bytes(), signed);
    x.transcript.add(message);
    x.ask({ kind: 'verdict', peer: certificate, resumed: false });
    return { ...keyed, kind: 'awaiting-client-verdict', proven };
  }

  #onFinished(state: AwaitingFinished, message: HandshakeMessage, x: Exchange): ServerState {
    const { negotiated, master, peer, resumed } = state;
    const received = parseFinished(message.body);
    const hash = x.transcript.hash(x.crypto, negotiated.suite.hash);
    const expected = verifyData(x.crypto, negotiated.suite, master, 'client', hash);
    const finished = VerifiedFinished.verify(x.crypto, received, expected);
    if (finished === null)
      throw new HandshakeFailure(alertDescription.decryptError, 'Finished of the client is wrong', 'RFC 5246 §7.4.9');
    x.transcript.add(message);
    if (!resumed) {
      const ticket = state.promisesTicket ? [inClear(this.#ticket(state, x))] : [];
      x.protectWriting(state.keys.server, negotiated.sendConnectionId);
      x.send([...ticket, changeCipherSpec, inProtection(ownFinished(state, x))], { awaitsAnswer: false });
    }
    return { kind: 'established', finished, peer, negotiated, master, resumed, session: null };
  }

  #ticket({ negotiated, master, peer }: AwaitingFinished, x: Exchange): HandshakeMessage {
    const { sessions } = this.#settings;
    const { suite, serverName, alpnProtocol } = negotiated;
    const state = { cipherSuite: suite.id, master, peer: peer.peer, serverName, alpnProtocol };
    const body = encodeNewSessionTicket({
      lifetimeHintSeconds: sessions?.lifetimeSeconds ?? 0,
      ticket: sessions?.seal(encodeSessionState(x.crypto, state)) ?? NOTHING,
    });
    return x.compose(messageType.newSessionTicket, body);
  }
}

const NOTHING: Bytes = new Uint8Array(0);

/** The session of a ticket, if it may be resumed under today's policy by this hello (RFC 5246 §7.4.1.2, RFC 7627 §5.3). */
function resumable(settings: ServerSettings, offer: ClientOffer): { suite: CipherSuite; session: SessionState } | null {
  if (settings.sessions === null || offer.ticket === null || offer.ticket.length === 0) return null;
  const opened = settings.sessions.open(offer.ticket);
  const session = opened === null ? null : parseSessionState(settings.crypto, opened);
  if (session === null) return null;
  const suite = cipherSuiteOf(session.cipherSuite);
  if (suite === undefined || !offer.suites.includes(suite) || suite.keyExchange !== 'ecdhe') return null;
  if (session.serverName !== offer.serverName) return null;
  if (!settings.crypto.equal(session.alpnProtocol ?? NOTHING, offer.alpnProtocol ?? NOTHING)) return null;
  // A client that showed a certificate was asked for one, and one that showed none may be asked now.
  const mayResume = {
    certificate: settings.clientAuth !== 'none',
    anonymous: settings.clientAuth !== 'require',
    psk: false,
  };
  return mayResume[session.peer.kind] ? { suite, session } : null;
}

/** ServerHello ChangeCipherSpec Finished: the client answers with the last flight. */
function resume(
  settings: ServerSettings,
  offer: ClientOffer,
  suite: CipherSuite,
  { master }: SessionState,
  peer: AuthenticatedPeer,
  x: Exchange,
): ServerState {
  const { negotiated, extensions } = answerOffer(settings, offer, { suite, own: null }, false, false);
  const body = encodeServerHello({
    version: DTLS_1_2,
    random: negotiated.randoms.server,
    // The same ID back says that the ticket was taken (RFC 5077 §3.4).
    sessionId: offer.hello.sessionId,
    cipherSuite: suite.id,
    compressionMethod: 0,
    extensions,
  });
  const hello = x.compose(messageType.serverHello, body);
  const keys = keyBlock(x.crypto, suite, master, negotiated.randoms);
  x.logSecret(negotiated.randoms, master);
  const keyed: ServerKeyed = { negotiated, promisesTicket: false, master, keys };
  x.protectWriting(keys.server, negotiated.sendConnectionId);
  x.send([inClear(hello), changeCipherSpec, inProtection(ownFinished(keyed, x))], { awaitsAnswer: true });
  x.protectReading(keys.client, negotiated.receiveConnectionId);
  return { kind: 'awaiting-finished', peer, resumed: true, ...keyed };
}

function onPsk(state: AwaitingPsk, psk: PreSharedKey | null, x: Exchange): ServerState {
  const { negotiated, identity, agreed } = state;
  const key = psk === null ? x.crypto.randomBytes(RANDOM_PSK_BYTES) : x.crypto.secretBytes(psk.key);
  const keyed = makeKeys({ negotiated, promisesTicket: false }, pskPremasterSecret(key, agreed), x);
  const peer = AuthenticatedPeer.byPreSharedKey(new Uint8Array(identity));
  return { kind: 'awaiting-finished', peer, resumed: false, ...keyed };
}

const RANDOM_PSK_BYTES = 32;

/** The transcript ends with ClientKeyExchange now, which is what the master secret is bound to. */
function makeKeys(
  { negotiated, promisesTicket }: Pick<ServerKeyed, 'negotiated' | 'promisesTicket'>,
  premaster: Uint8Array,
  x: Exchange,
): ServerKeyed {
  const { suite, randoms } = negotiated;
  const master = masterSecret(x.crypto, suite, premaster, x.transcript.hash(x.crypto, suite.hash));
  const keys = keyBlock(x.crypto, suite, master, randoms);
  x.logSecret(randoms, master);
  x.protectReading(keys.client, negotiated.receiveConnectionId);
  return { negotiated, promisesTicket, master, keys };
}

function ownFinished({ negotiated: { suite }, master }: ServerKeyed, x: Exchange): HandshakeMessage {
  const hash = x.transcript.hash(x.crypto, suite.hash);
  return x.compose(messageType.finished, encodeFinished(verifyData(x.crypto, suite, master, 'server', hash)));
}
