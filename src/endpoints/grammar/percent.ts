/** Percent-encoding (RFC 3986 §2.1) of UTF-8. A plus sign is a plus sign. */

/** The decoded text, or `undefined` where a percent sign is not followed by two hexadecimal digits of valid UTF-8. */
export function decodePercent(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** @param special matches the characters to encode, one at a time; must match `%` and be global */
export function encodePercent(text: string, special: RegExp): string {
  // Not encodeURIComponent alone, which leaves some ASCII as it is.
  return text.replace(special, (character) =>
    character.charCodeAt(0) < 0x80
      ? `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
      : encodeURIComponent(character),
  );
}
