/**
 * Answers to the engine's questions, out of the context: which identity, which pre-shared key, and whether the peer is
 * whom it should be. All of them may wait, as in TLS; the handshake waits with them and its timer does not run.
 */
import type { InetAddress } from '../core/address.ts';
import { CertificateError } from '../core/errors.ts';
import { privateKeyHandle, secretKeyHandle } from '../platform/crypto.ts';
import { alertDescription } from '../protocols/dtls/alert.ts';
import type { Answer, Question } from '../protocols/dtls/questions.ts';
import { authenticate } from '../trust/authenticate.ts';
import { keyOf } from '../trust/identity.ts';
import type { ClientSettings, ServerSettings } from '../trust/settings.ts';
import { peerIdentity } from '../trust/verifier.ts';
import type { PeerIdentity } from '../trust/verifier.ts';

/** Never rejects: what fails is an answer, too. */
export async function decide(
  settings: ClientSettings | ServerSettings,
  serverName: string | null,
  address: InetAddress,
  question: Question,
): Promise<Answer> {
  try {
    switch (question.kind) {
      case 'verdict':
        return await judge(settings, serverName, address, question);
      case 'identity':
        return await chooseIdentity(settings, question.serverName);
      case 'psk':
        return await choosePsk(settings, question);
    }
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error('a decision failed', { cause: thrown });
    return { kind: 'failed', error };
  }
}

type Verdict = Question & { readonly kind: 'verdict' };

async function judge(
  settings: ClientSettings | ServerSettings,
  serverName: string | null,
  { host, port }: InetAddress,
  question: Verdict,
): Promise<Answer> {
  try {
    const evidence = await authenticate(settings, identityOf(question), { serverName, host, port });
    return { kind: 'verdict', accepted: true, evidence };
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    return { kind: 'verdict', accepted: false, alert: alertFor(error), error };
  }
}

function identityOf({ peer, resumed }: Verdict): PeerIdentity {
  const transport = 'dtls';
  return peer.kind === 'x509'
    ? peerIdentity({ transport, chain: peer.chain, resumed })
    : peerIdentity({ transport, rawPublicKey: peer.keyInfo, resumed });
}

/** What the peer is told of a refusal (RFC 5246 §7.2.2). */
function alertFor({ reason }: CertificateError): number {
  switch (reason) {
    case 'expired':
    case 'not-yet-valid':
      return alertDescription.certificateExpired;
    case 'revoked':
      return alertDescription.certificateRevoked;
    case 'unknown-issuer':
      return alertDescription.unknownCa;
    case 'malformed':
      return alertDescription.badCertificate;
    default:
      return alertDescription.certificateUnknown;
  }
}

async function chooseIdentity(
  { identity }: ClientSettings | ServerSettings,
  serverName: string | null,
): Promise<Answer> {
  if (identity === undefined) return { kind: 'identity', identity: null };
  const chosen = await identity(serverName);
  const key = privateKeyHandle(keyOf(chosen));
  return { kind: 'identity', identity: { certificate: { kind: 'x509', chain: chosen.chain }, key } };
}

async function choosePsk(
  settings: ClientSettings | ServerSettings,
  { identity, hint }: Question & { readonly kind: 'psk' },
): Promise<Answer> {
  const found =
    settings.side === 'client'
      ? await settings.psk?.(textOf(hint))
      : identity === null
        ? null
        : await findPsk(settings, textOf(identity));
  if (found === undefined || found === null) return { kind: 'psk', psk: null };
  const psk = { identity: new TextEncoder().encode(found.identity), key: secretKeyHandle(found.key) };
  return { kind: 'psk', psk };
}

/** An identity that is no text, or has a NUL in it, belongs to nobody (GnuTLS CVE-2026-42010). */
async function findPsk(
  { psk }: ServerSettings,
  identity: string | null,
): Promise<Awaited<ReturnType<NonNullable<ServerSettings['psk']>['find']>> | undefined> {
  return identity === null || identity === '' || identity.includes('\0') ? null : await psk?.find(identity);
}

function textOf(bytes: Uint8Array | null): string | null {
  if (bytes === null) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
