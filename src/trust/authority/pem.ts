/** PEM (RFC 7468 §3): base64 in lines of 64 characters between two marks. */

/** @param label what stands between BEGIN and the dashes: `CERTIFICATE`, `X509 CRL` */
export function toPem(label: string, der: Uint8Array): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  return `-----BEGIN ${label}-----\n${base64.replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`;
}
