/**
 * From "the handshake is done" to "this is the peer that we wanted": the only place that makes a `VerifiedPeer`.
 *
 * The connected state of TLS and DTLS holds a VerifiedPeer, so a path that forgets to ask cannot be written down. The
 * shells say what they saw; which of the ways of authentication applies, and whether the absence of a certificate is
 * acceptable, is decided here, once for both transports:
 *
 *     peer proved a pre-shared key               that is the proof; the verifier is not asked
 *     server, no certificate and no raw key      refused
 *     client, none, clientAuth 'require'         refused
 *     client, none, 'request' or 'none'          anonymous
 *     anything shown                             the verifier decides, now and at every resumption
 *
 * The verifier runs in the scope of whoever calls: the deadline of the handshake cuts it off. A verifier may be waiting for
 * something that bowline knows nothing of and that never comes, so the wait here ends with the scope and leaves the
 * verifier's promise behind, heard but ignored.
 */
import { CertificateError, MisuseError } from '../core/errors.ts';
import { isCancellation } from '../tasks/cancelled.ts';
import { cancelRequested, pass, suspend } from '../tasks/waiter.ts';
import type { ClientSettings, ServerSettings } from './settings.ts';
import type { ExpectedPeer, PeerIdentity, Verifier } from './verifier.ts';

declare const verified: unique symbol;

/** Proof that the peer was authenticated, or need not be. Made by `authenticate` and by nothing else. */
export interface VerifiedPeer {
  readonly [verified]: true;
  readonly method: 'certificate' | 'raw-public-key' | 'psk' | 'anonymous';
  readonly peer: PeerIdentity;
  /** The identity that goes with the pre-shared key, where `method` is `'psk'`. */
  readonly pskIdentity: string | undefined;
}

export interface AuthenticateOptions {
  /**
   * The identity of the pre-shared key that both sides have proved to hold in this handshake, or in the one that it
   * resumes; absent otherwise. The key of a session ticket is none: that only continues what was proved before.
   */
  readonly pskIdentity?: string | undefined;
}

/** What a shell knows of the expected peer; the role follows from its own. */
export type Expectation = Omit<ExpectedPeer, 'role' | 'now'> & {
  /** Default: now. */
  readonly now?: number | undefined;
};

/**
 * Decides on the peer.
 *
 * @throws CertificateError it was refused; what a verifier threw that was no CertificateError is its `cause`
 * @throws MisuseError a server was to be checked without a name, by a verifier that needs one
 * @throws Cancelled the scope was cancelled before the verifier had decided; it stays unheard
 */
export async function authenticate(
  settings: ClientSettings | ServerSettings,
  peer: PeerIdentity,
  expectation: Expectation,
  { pskIdentity }: AuthenticateOptions = {},
): Promise<VerifiedPeer> {
  await pass();
  if (pskIdentity !== undefined) {
    if (settings.psk === undefined) throw new MisuseError('this context has no pre-shared key');
    return proof('psk', peer, pskIdentity);
  }
  const shown = peer.chain.length > 0 ? 'certificate' : peer.rawPublicKey !== undefined ? 'raw-public-key' : undefined;
  if (shown === undefined) {
    if (settings.side === 'client' || settings.clientAuth === 'require')
      throw new CertificateError(`the ${settings.side === 'client' ? 'server' : 'client'} showed no certificate`, {
        reason: 'no-certificate',
      });
    return proof('anonymous', peer);
  }
  const { verify } = settings;
  if (verify === undefined)
    throw new CertificateError('the peer showed a certificate, and this context has nothing to check it by', {
      reason: 'refused',
    });
  checkServerName(settings, expectation.serverName);
  await verdict(verify, peer, {
    ...expectation,
    role: settings.side === 'client' ? 'server' : 'client',
    now: expectation.now ?? Date.now(),
  });
  return proof(shown, peer);
}

/**
 * Whether a connection to this name may be made under this context; for the shells to call before anything is sent.
 *
 * @throws MisuseError there is no name, and the verifier needs one
 */
export function checkServerName(settings: ClientSettings | ServerSettings, serverName: string | null): void {
  if (settings.side !== 'client' || serverName !== null || settings.verify.needsName === false) return;
  throw new MisuseError(
    'serverName: null needs a verifier that does without a name, such as pinned(); this one decides by it',
  );
}

/** Asks a verifier, and makes whatever it throws a CertificateError. Cancellation of this scope passes through. */
export async function verdict(verify: Verifier, peer: PeerIdentity, expected: ExpectedPeer): Promise<void> {
  try {
    const answer = verify(peer, Object.freeze({ ...expected }));
    if (answer !== undefined) await abandonable(answer);
  } catch (cause) {
    if (cause instanceof CertificateError || (isCancellation(cause) && cancelRequested())) throw cause;
    throw new CertificateError('the verifier refused the peer', { reason: 'refused', cause });
  }
}

/** Waits for a verifier as long as the scope lasts. */
function abandonable(answer: PromiseLike<void>): Promise<void> {
  return suspend<void>((waiter) => {
    answer.then(
      () => {
        waiter.resolve();
      },
      (error: unknown) => {
        waiter.reject(error);
      },
    );
  });
}

function proof(method: VerifiedPeer['method'], peer: PeerIdentity, pskIdentity?: string): VerifiedPeer {
  return Object.freeze({ method, peer, pskIdentity } as VerifiedPeer);
}
