/** What a record carries (RFC 5246 §6.2.1, RFC 9146 §4). Heartbeat (24) is left out on purpose. */
export const contentType = {
  changeCipherSpec: 20,
  alert: 21,
  handshake: 22,
  applicationData: 23,
  /** A protected record with a connection ID; the true type is inside. */
  connectionId: 25,
} as const;

export type ContentType = (typeof contentType)[keyof typeof contentType];

export function isContentType(value: number): value is ContentType {
  return (value >= 20 && value <= 23) || value === 25;
}
