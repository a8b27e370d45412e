/**
 * What an association cannot decide by itself. A question is an output; the shell answers when it can, in its own time, and
 * the handshake waits for it.
 */
import type { Bytes } from '../../core/bytes.ts';
import type { CertificateMessage } from './handshake/certificate.ts';
import type { LocalIdentity, PreSharedKey } from './settings.ts';
import type { SignatureScheme } from './signature-schemes.ts';

export type Question =
  /** Whether the peer is whom it should be. The peer has proved to have the key. */
  | {
      readonly kind: 'verdict';
      readonly peer: CertificateMessage;
      /** The proof is from the handshake that this one resumes. */
      readonly resumed: boolean;
    }
  /** What to show to the peer. */
  | {
      readonly kind: 'identity';
      /** What the client named; on a client, what it connects to. */
      readonly serverName: string | null;
      readonly schemes: readonly SignatureScheme[];
      /** Distinguished names, DER, of whom the server trusts; empty: not said. */
      readonly authorities: readonly Uint8Array[];
    }
  /** Which key: of the identity that the client named (server), or whichever fits the hint (client). */
  | { readonly kind: 'psk'; readonly identity: Bytes | null; readonly hint: Bytes | null };

export type Answer =
  /** `evidence` is what the shell's own check made, such as trust's `VerifiedPeer`: there is no accepting without one. */
  | { readonly kind: 'verdict'; readonly accepted: true; readonly evidence: object }
  | { readonly kind: 'verdict'; readonly accepted: false; readonly alert: number; readonly error: Error }
  | { readonly kind: 'identity'; readonly identity: LocalIdentity | null }
  | { readonly kind: 'psk'; readonly psk: PreSharedKey | null }
  /** Deciding itself failed. */
  | { readonly kind: 'failed'; readonly error: Error };
