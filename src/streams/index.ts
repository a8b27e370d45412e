/** bowline/streams: wrappers over any stream, and what moves bytes between streams. */
export { BufferedStream } from './buffered-stream.ts';
export type { ReceiveUntilOptions } from './buffered-stream.ts';
export { CountedStream } from './counted-stream.ts';
export type { StreamRates } from './counted-stream.ts';
export { framed, FramedChannel } from './framed-channel.ts';
export { isHalfCloseable } from './half-close.ts';
export type { EofSender, SendEofOf } from './half-close.ts';
export { IdleTimeoutStream } from './idle-timeout-stream.ts';
export { pump, relayStreams } from './pump.ts';
export type { PumpOptions, RelayOptions, RelayResult } from './pump.ts';
export { receiveInto } from './receive-into.ts';
export { StapledStream } from './stapled-stream.ts';
