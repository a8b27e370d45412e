/**
 * use_srtp (RFC 5764 §4.1): protection profiles for media that is keyed by the exporter.
 *
 * A client offers profiles in order of preference; a server answers with exactly one of them. No MKI is used: an offered one
 * is not taken up, and an answer with one is an error, as it did not match the empty one that was offered.
 */
import { ByteWriter } from '../../../core/byte-writer.ts';
import { messageReader } from '../malformed.ts';
import { extensionType } from './extension-type.ts';
import type { Extension } from './extension-list.ts';

/** IANA "DTLS-SRTP Protection Profiles". */
export const srtpProfileIds = {
  SRTP_AES128_CM_HMAC_SHA1_80: 0x0001,
  SRTP_AES128_CM_HMAC_SHA1_32: 0x0002,
  SRTP_AEAD_AES_128_GCM: 0x0007,
  SRTP_AEAD_AES_256_GCM: 0x0008,
} as const;

export type SrtpProfile = keyof typeof srtpProfileIds;

export function useSrtpExtension(profiles: readonly SrtpProfile[]): Extension {
  const body = new ByteWriter()
    .block(2, (list) => {
      for (const profile of profiles) list.u16(srtpProfileIds[profile]);
    })
    .u8(0)
    .take();
  return { type: extensionType.useSrtp, body };
}

/** Profiles that are known here, and whether there is an MKI. @throws MalformedMessage */
export function parseUseSrtp(body: Uint8Array): { profiles: SrtpProfile[]; count: number; hasMki: boolean } {
  const reader = messageReader(body, 'use_srtp');
  const ids = reader.items(2, (item) => item.u16());
  if (ids.length === 0) reader.fail('an empty list');
  const mki = reader.vector(1);
  reader.expectEnd();
  const names = Object.keys(srtpProfileIds) as SrtpProfile[];
  const profiles = ids
    .map((id) => names.find((name) => srtpProfileIds[name] === id))
    .filter((name) => name !== undefined);
  return { profiles, count: ids.length, hasMki: mki.length > 0 };
}
