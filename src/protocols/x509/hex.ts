/** Octets as hexadecimal text, two digits each: serial numbers for people, and keys of maps. */
export function hexOf(octets: Uint8Array): string {
  let text = '';
  for (const octet of octets) text += digits[octet] as string;
  return text;
}

const digits = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));
