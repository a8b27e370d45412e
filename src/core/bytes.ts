/** Received bytes: backed by an ArrayBuffer of their own, so that web APIs such as `new Response(chunk)` take them. */
export type Bytes = Uint8Array<ArrayBuffer>;
