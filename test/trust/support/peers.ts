/** What verifiers are shown, without a connection. */
import type { ExpectedPeer, PeerIdentity, Verifier } from 'bowline/trust';
import type { TestCertificate } from 'bowline/testing';
import { peerIdentity } from '#src/trust/verifier.js';

export function peerWith(
  certificate: TestCertificate,
  more: { stapledOcsp?: Uint8Array | null | undefined } = {},
): PeerIdentity {
  return peerIdentity({ transport: 'tls', chain: certificate.chain, ...more });
}

export function server(serverName: string | null, more: Partial<ExpectedPeer> = {}): ExpectedPeer {
  return { role: 'server', serverName, now: Date.now(), ...more };
}

/** The verifier's answer as a promise, whether it throws or rejects. */
export async function ask(verify: Verifier, peer: PeerIdentity, expected: ExpectedPeer): Promise<void> {
  await verify(peer, expected);
}
