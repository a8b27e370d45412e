/**
 * The client's side of the handshake: from each state, what a message or an answer leads to. The picture is in
 * `client-state.ts`.
 *
 * A step parses first and changes things afterwards, so that bytes which cannot be parsed leave no trace. Anything that is
 * well-formed and out of place is `unexpected_message`.
 */
import type { Bytes } from '../../../core/bytes.ts';
import { alertDescription, HandshakeFailure } from '../alert.ts';
import { bodyOf } from '../extensions/extension-list.ts';
import { extensionType } from '../extensions/extension-type.ts';
import { firstHello } from '../flights/client-hello.ts';
import { ownFinished, sendKeys, usable } from '../flights/client-keys.ts';
import { parseCertificate } from '../handshake/certificate.ts';
import { parseCertificateRequest } from '../handshake/certificate-request.ts';
import { encodeClientHello } from '../handshake/client-hello.ts';
import { parseFinished, VerifiedFinished } from '../handshake/finished.ts';
import type { HandshakeMessage } from '../handshake/fragment.ts';
import { parseHelloVerifyRequest } from '../handshake/hello-verify-request.ts';
import { messageName, messageType } from '../handshake/message-type.ts';
import { parseNewSessionTicket } from '../handshake/new-session-ticket.ts';
import { parseServerHello } from '../handshake/server-hello.ts';
import { parseServerHelloDone } from '../handshake/server-hello-done.ts';
import { parseServerKeyExchange } from '../handshake/server-key-exchange.ts';
import { keyBlock, verifyData } from '../key-schedule.ts';
import { groupOf } from '../named-groups.ts';
import { AuthenticatedPeer, ProvenKey } from '../proofs.ts';
import type { Answer } from '../questions.ts';
import type { Session } from '../session.ts';
import type { ClientSettings, PreSharedKey } from '../settings.ts';
import { judgeServerHello } from './client-negotiation.ts';
import type {
  AwaitingCertificate,
  AwaitingFinished,
  AwaitingHelloDone,
  AwaitingKeyExchange,
  AwaitingPsk,
  AwaitingResumptionVerdict,
  AwaitingServerHello,
  ClientState,
} from './client-state.ts';
import { changeCipherSpec, inClear, inProtection } from './exchange.ts';
import type { Established, Exchange, Negotiated, Side } from './exchange.ts';

/** A server asks once; another time when the cookie was damaged or its secret changed meanwhile. */
const MAX_COOKIE_ROUNDS = 5;

export class ClientSide implements Side {
  readonly #settings: ClientSettings;
  #state: ClientState = { kind: 'idle' };

  constructor(settings: ClientSettings) {
    this.#settings = settings;
  }

  get isDeciding(): boolean {
    switch (this.#state.kind) {
      case 'awaiting-verdict':
      case 'awaiting-own-identity':
      case 'awaiting-psk':
      case 'awaiting-resumption-verdict':
        return true;
      default:
        return false;
    }
  }

  get takesCookies(): boolean {
    return this.#state.kind === 'awaiting-server-hello';
  }

  get established(): Established | null {
    return this.#state.kind === 'established' ? this.#state : null;
  }

  start(x: Exchange): void {
    const hello = firstHello(this.#settings);
    x.send([inClear(x.compose(messageType.clientHello, encodeClientHello(hello)))], { awaitsAnswer: true });
    this.#state = { kind: 'awaiting-server-hello', hello, cookieRounds: 0 };
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

  #received(state: ClientState, message: HandshakeMessage, x: Exchange): ClientState {
    const settings = this.#settings;
    switch (state.kind) {
      case 'awaiting-server-hello':
        if (message.type === messageType.helloVerifyRequest) return onHelloVerifyRequest(state, message, x);
        if (message.type === messageType.serverHello) return onServerHello(settings, state, message, x);
        break;
      case 'awaiting-certificate':
        if (message.type === messageType.certificate) return onCertificate(state, message, x);
        break;
      case 'awaiting-key-exchange':
        if (message.type === messageType.serverKeyExchange) return onServerKeyExchange(settings, state, message, x);
        // A server without a hint leaves the message away (RFC 4279 §2).
        if (state.negotiated.suite.keyExchange === 'psk' && message.type === messageType.serverHelloDone)
          return onServerHelloDone(
            { ...state, kind: 'awaiting-hello-done', ecdh: null, hint: null, proven: null, request: null },
            message,
            x,
          );
        break;
      case 'awaiting-hello-done':
        if (message.type === messageType.certificateRequest && state.request === null && state.proven !== null)
          return onCertificateRequest(state, message, x);
        if (message.type === messageType.serverHelloDone) return onServerHelloDone(state, message, x);
        break;
      case 'awaiting-finished':
        if (message.type === messageType.newSessionTicket && state.promisesTicket && state.ticket === null)
          return onNewSessionTicket(state, message, x);
        if (message.type === messageType.finished) return onFinished(state, message, x);
        break;
      case 'idle':
      case 'awaiting-verdict':
      case 'awaiting-own-identity':
      case 'awaiting-psk':
      case 'awaiting-resumption-verdict':
      case 'established':
        break;
    }
    throw new HandshakeFailure(
      alertDescription.unexpectedMessage,
      `${messageName(message.type)} while ${state.kind}`,
      'RFC 5246 §7.3',
    );
  }

  #answered(state: ClientState, answer: Answer, x: Exchange): ClientState {
    if (state.kind === 'awaiting-verdict' && answer.kind === 'verdict') {
      const peer = AuthenticatedPeer.byVerdict(state.proven, answer);
      if (state.request === null) return sendKeys(state, { peer, psk: null, own: 'not-asked' }, x);
      if (!this.#settings.hasIdentity) return sendKeys(state, { peer, psk: null, own: null }, x);
      const { schemes, authorities } = state.request;
      x.ask({ kind: 'identity', serverName: this.#settings.serverName, schemes, authorities });
      return { ...state, kind: 'awaiting-own-identity', peer, request: state.request };
    }
    if (state.kind === 'awaiting-own-identity' && answer.kind === 'identity')
      return sendKeys(state, { peer: state.peer, psk: null, own: usable(state, answer.identity, x) }, x);
    if (state.kind === 'awaiting-psk' && answer.kind === 'psk') return onPsk(state, answer.psk, x);
    if (state.kind === 'awaiting-resumption-verdict' && answer.kind === 'verdict')
      return resume(state, AuthenticatedPeer.byResumption(state.certificate, answer), x);
    throw new TypeError(`the answer ${answer.kind} while ${state.kind}`);
  }
}

function onHelloVerifyRequest(state: AwaitingServerHello, message: HandshakeMessage, x: Exchange): ClientState {
  const { cookie } = parseHelloVerifyRequest(message.body);
  if (state.cookieRounds >= MAX_COOKIE_ROUNDS || x.crypto.equal(cookie, state.hello.cookie)) return state;
  const hello = { ...state.hello, cookie: new Uint8Array(cookie) };
  x.transcript.clear();
  const again = x.compose(messageType.clientHello, encodeClientHello(hello));
  x.expectMessage(again.messageSeq);
  x.send([inClear(again)], { awaitsAnswer: true });
  return { ...state, hello, cookieRounds: state.cookieRounds + 1 };
}

function onServerHello(
  settings: ClientSettings,
  state: AwaitingServerHello,
  message: HandshakeMessage,
  x: Exchange,
): ClientState {
  const answer = parseServerHello(message.body);
  const negotiated = judgeServerHello(settings, state.hello, answer);
  const promisesTicket = bodyOf(answer.extensions, extensionType.sessionTicket) !== undefined;
  x.transcript.add(message);
  const { session } = settings;
  const { sessionId } = state.hello;
  if (session !== null && sessionId.length > 0 && x.crypto.equal(answer.sessionId, sessionId))
    return onResumption(session, negotiated, promisesTicket, x);
  const rest = { negotiated, sessionId: answer.sessionId, promisesTicket };
  if (negotiated.suite.keyExchange === 'ecdhe') return { kind: 'awaiting-certificate', ...rest };
  return { kind: 'awaiting-key-exchange', certificate: null, ...rest };
}

/** The server resumes: it must be the same in everything that was decided then. */
function onResumption(session: Session, negotiated: Negotiated, promisesTicket: boolean, x: Exchange): ClientState {
  const sameAlpn = x.crypto.equal(session.alpnProtocol ?? NOTHING, negotiated.alpnProtocol ?? NOTHING);
  if (session.cipherSuite !== negotiated.suite.id || !sameAlpn || session.serverName !== negotiated.serverName)
    throw new HandshakeFailure(
      alertDescription.illegalParameter,
      'a resumed session with another suite, name or protocol',
      'RFC 5246 §7.4.1.3',
    );
  const { peer } = session;
  switch (peer.kind) {
    case 'certificate': {
      const { certificate } = peer;
      x.ask({ kind: 'verdict', peer: certificate, resumed: true });
      return { kind: 'awaiting-resumption-verdict', negotiated, session, certificate, promisesTicket };
    }
    case 'psk':
      return resume({ negotiated, session, promisesTicket }, AuthenticatedPeer.byPreSharedKey(peer.identity), x);
    case 'anonymous':
      throw new HandshakeFailure(alertDescription.internalError, 'a server without identity', 'RFC 5246 §7.3');
  }
}

function resume(
  { negotiated, session, promisesTicket }: Pick<AwaitingResumptionVerdict, 'negotiated' | 'session' | 'promisesTicket'>,
  peer: AuthenticatedPeer,
  x: Exchange,
): ClientState {
  const { master } = session;
  const keys = keyBlock(x.crypto, negotiated.suite, master, negotiated.randoms);
  x.logSecret(negotiated.randoms, master);
  x.protectReading(keys.server, negotiated.receiveConnectionId);
  const resuming = { session, keys };
  return {
    kind: 'awaiting-finished',
    negotiated,
    master,
    peer,
    sessionId: session.id,
    promisesTicket,
    ticket: null,
    resuming,
  };
}

function onCertificate(state: AwaitingCertificate, message: HandshakeMessage, x: Exchange): ClientState {
  const certificate = parseCertificate(message.body, state.negotiated.serverCertificateType);
  if (certificate.kind === 'x509' && certificate.chain.length === 0)
    throw new HandshakeFailure(alertDescription.badCertificate, 'the server has no certificate', 'RFC 5246 §7.4.2');
  x.transcript.add(message);
  return { ...state, kind: 'awaiting-key-exchange', certificate };
}

function onServerKeyExchange(
  settings: ClientSettings,
  state: AwaitingKeyExchange,
  message: HandshakeMessage,
  x: Exchange,
): ClientState {
  const { suite, randoms } = state.negotiated;
  const { hint, ecdh, signed } = parseServerKeyExchange(message.body, suite);
  const group = ecdh === null ? undefined : groupOf(ecdh.group);
  if (ecdh !== null && (group === undefined || !settings.groups.includes(group)))
    throw new HandshakeFailure(alertDescription.illegalParameter, 'a group that was not offered', 'RFC 8422 §5.4');
  let proven: ProvenKey | null = null;
  if (ecdh !== null && signed !== null && state.certificate !== null) {
    const data = concat(randoms.client, randoms.server, ecdh.encoded);
    const { signatureSchemes } = settings;
    proven = ProvenKey.check(x.crypto, state.certificate, signatureSchemes, suite.authentication, data, signed);
  }
  x.transcript.add(message);
  return { ...state, kind: 'awaiting-hello-done', hint, ecdh, proven, request: null };
}

function onCertificateRequest(state: AwaitingHelloDone, message: HandshakeMessage, x: Exchange): ClientState {
  const request = parseCertificateRequest(message.body);
  x.transcript.add(message);
  return { ...state, request };
}

function onServerHelloDone(state: AwaitingHelloDone, message: HandshakeMessage, x: Exchange): ClientState {
  parseServerHelloDone(message.body);
  x.transcript.add(message);
  const { proven } = state;
  if (proven !== null) {
    x.ask({ kind: 'verdict', peer: proven.certificate, resumed: false });
    return { ...state, kind: 'awaiting-verdict', proven };
  }
  if (state.negotiated.suite.authentication !== 'psk')
    throw new HandshakeFailure(alertDescription.internalError, 'a server without proof', 'RFC 5246 §7.3');
  x.ask({ kind: 'psk', identity: null, hint: state.hint === null ? null : new Uint8Array(state.hint) });
  return { ...state, kind: 'awaiting-psk' };
}

function onPsk(state: AwaitingPsk, psk: PreSharedKey | null, x: Exchange): ClientState {
  if (psk === null)
    throw new HandshakeFailure(
      alertDescription.handshakeFailure,
      "no pre-shared key fits the server's hint",
      'RFC 4279 §2',
    );
  return sendKeys(state, { peer: AuthenticatedPeer.byPreSharedKey(psk.identity), psk, own: 'not-asked' }, x);
}

function onNewSessionTicket(state: AwaitingFinished, message: HandshakeMessage, x: Exchange): ClientState {
  const { ticket, lifetimeHintSeconds } = parseNewSessionTicket(message.body);
  x.transcript.add(message);
  return { ...state, ticket: { bytes: ticket, lifetimeHintSeconds } };
}

function onFinished(state: AwaitingFinished, message: HandshakeMessage, x: Exchange): ClientState {
  const { negotiated, master, peer, resuming } = state;
  const received = parseFinished(message.body);
  const hash = x.transcript.hash(x.crypto, negotiated.suite.hash);
  const expected = verifyData(x.crypto, negotiated.suite, master, 'server', hash);
  const finished = VerifiedFinished.verify(x.crypto, received, expected);
  if (finished === null)
    throw new HandshakeFailure(alertDescription.decryptError, 'Finished of the server is wrong', 'RFC 5246 §7.4.9');
  x.transcript.add(message);
  if (resuming !== null) {
    x.protectWriting(resuming.keys.client, negotiated.sendConnectionId);
    x.send([changeCipherSpec, inProtection(ownFinished(negotiated, master, x))], { awaitsAnswer: false });
  }
  const session = sessionOf(state);
  return { kind: 'established', finished, peer, negotiated, master, resumed: resuming !== null, session };
}

function sessionOf(state: AwaitingFinished): Session | null {
  const { negotiated, master, peer, resuming } = state;
  const ticket = state.ticket?.bytes ?? NOTHING;
  if (ticket.length === 0 && resuming !== null) return resuming.session;
  if (ticket.length === 0 && state.sessionId.length === 0) return null;
  return {
    cipherSuite: negotiated.suite.id,
    master,
    peer: peer.peer,
    serverName: negotiated.serverName,
    alpnProtocol: negotiated.alpnProtocol,
    ticket: new Uint8Array(ticket),
    id: new Uint8Array(state.sessionId),
    lifetimeHintSeconds: state.ticket?.lifetimeHintSeconds ?? 0,
  };
}

const NOTHING: Bytes = new Uint8Array(0);

function concat(...parts: readonly Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
