/** Messages of the handshake (RFC 6347 §4.3.2). */
export const messageType = {
  helloRequest: 0,
  clientHello: 1,
  serverHello: 2,
  helloVerifyRequest: 3,
  newSessionTicket: 4,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
} as const;

/** `server_hello_done (14)` for people. */
export function messageName(type: number): string {
  const found = Object.entries(messageType).find(([, value]) => value === type);
  if (found === undefined) return `unknown message (${type})`;
  return `${found[0].replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)} (${type})`;
}
