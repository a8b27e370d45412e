/** Everything in a message that a peer could make arbitrarily large. Each limit is exact: so much passes, one more does not. */
export interface MessageLimits {
  /** Start line and fields together, with every line ending. Default 16 KiB. */
  readonly maxHeadBytes: number;
  /** Request target. Default 8 KiB (RFC 9112 §3 recommends 8,000 at least). */
  readonly maxTargetBytes: number;
  /** Field lines of a head or of trailers. Default 100. */
  readonly maxFields: number;
  /** Body after transfer decoding. Default unlimited: whoever reads the body decides. */
  readonly maxBodyBytes: number;
  /** Extensions of all chunks of one body together: they carry nothing anybody uses. Default 4 KiB. */
  readonly maxChunkExtensionBytes: number;
  /** Trailer section. Default 8 KiB. */
  readonly maxTrailerBytes: number;
}

export const DEFAULT_LIMITS: MessageLimits = {
  maxHeadBytes: 16_384,
  maxTargetBytes: 8192,
  maxFields: 100,
  maxBodyBytes: Infinity,
  maxChunkExtensionBytes: 4096,
  maxTrailerBytes: 8192,
};
