/**
 * Alerts (RFC 5246 §7.2): two bytes, level and description.
 *
 * What an alert may do depends on whether it is authentic. In epoch 1 a fatal one ends the association at once. In clear
 * text anybody can send one: during a handshake it only makes the next timeout the last (see `connection.ts`), afterwards
 * it is nothing. An alert is never answered with an alert.
 */
import { ProtocolError } from '../../core/errors.ts';
import type { ErrorCode } from '../../core/errors.ts';

export const alertLevel = { warning: 1, fatal: 2 } as const;

export const alertDescription = {
  closeNotify: 0,
  unexpectedMessage: 10,
  badRecordMac: 20,
  recordOverflow: 22,
  handshakeFailure: 40,
  badCertificate: 42,
  unsupportedCertificate: 43,
  certificateRevoked: 44,
  certificateExpired: 45,
  certificateUnknown: 46,
  illegalParameter: 47,
  unknownCa: 48,
  accessDenied: 49,
  decodeError: 50,
  decryptError: 51,
  protocolVersion: 70,
  insufficientSecurity: 71,
  internalError: 80,
  userCanceled: 90,
  noRenegotiation: 100,
  unsupportedExtension: 110,
  unrecognizedName: 112,
  unknownPskIdentity: 115,
  certificateRequired: 116,
  noApplicationProtocol: 120,
} as const;

export interface Alert {
  readonly level: number;
  readonly description: number;
}

/** An alert, or `null`: not two bytes with a level that there is. */
export function parseAlert(content: Uint8Array): Alert | null {
  const [level, description] = content;
  if (content.length !== 2 || description === undefined) return null;
  if (level !== alertLevel.warning && level !== alertLevel.fatal) return null;
  return { level, description };
}

export function encodeAlert({ level, description }: Alert): Uint8Array {
  return Uint8Array.of(level, description);
}

/** `handshake_failure(40)` for people. */
function alertName(description: number): string {
  const found = Object.entries(alertDescription).find(([, value]) => value === description);
  if (found === undefined) return `unknown alert (${description})`;
  return `${found[0].replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)} (${description})`;
}

/** The peer ended the association with an alert. */
export class PeerAlertError extends ProtocolError {
  override readonly code: ErrorCode = 'ERR_BOWLINE_ALERT';
  /** The number of the description; see RFC 5246 §7.2 and the registry. */
  readonly description: number;
  constructor(description: number) {
    super(`the peer ended the association: ${alertName(description)}`, 'RFC 5246 §7.2.2');
    this.description = description;
  }
}

/**
 * The handshake cannot go on, found on this side: the association ends and the peer is told with `description`.
 * It is thrown by the steps of the handshake and caught in one place, `connection.ts`.
 */
export class HandshakeFailure extends ProtocolError {
  override readonly code: ErrorCode = 'ERR_BOWLINE_HANDSHAKE';
  /** The alert that the peer gets. */
  readonly description: number;
  constructor(description: number, message: string, rule: string, options?: { readonly cause?: unknown }) {
    super(message, rule, options);
    this.description = description;
  }
}
