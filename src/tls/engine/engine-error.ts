/** OpenSSL's words in an order that people can read. */
import { BrokenResourceError } from '../../core/errors.ts';

/** Of RFC 8446 §6 and RFC 5246 §7.2. */
const ALERTS: Readonly<Record<number, string>> = {
  0: 'close_notify',
  10: 'unexpected_message',
  20: 'bad_record_mac',
  22: 'record_overflow',
  40: 'handshake_failure',
  42: 'bad_certificate',
  43: 'unsupported_certificate',
  44: 'certificate_revoked',
  45: 'certificate_expired',
  46: 'certificate_unknown',
  47: 'illegal_parameter',
  48: 'unknown_ca',
  49: 'access_denied',
  50: 'decode_error',
  51: 'decrypt_error',
  70: 'protocol_version',
  71: 'insufficient_security',
  80: 'internal_error',
  86: 'inappropriate_fallback',
  90: 'user_canceled',
  100: 'no_renegotiation',
  109: 'missing_extension',
  110: 'unsupported_extension',
  112: 'unrecognized_name',
  113: 'bad_certificate_status_response',
  115: 'unknown_psk_identity',
  116: 'certificate_required',
  120: 'no_application_protocol',
};

/** @param what what failed, such as `the TLS handshake failed` */
export function engineError(what: string, cause: Error): BrokenResourceError {
  const alert = /SSL alert number (\d+)/.exec(cause.message)?.[1];
  if (alert !== undefined) {
    const name = ALERTS[Number(alert)] ?? `number ${alert}`;
    return new BrokenResourceError(`${what}: the peer sent the alert ${name}`, { cause });
  }
  const { reason } = cause as { readonly reason?: unknown };
  const words = typeof reason === 'string' ? reason : cause.message.trim();
  return new BrokenResourceError(`${what}: ${words}`, { cause });
}
