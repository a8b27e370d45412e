/** bowline/streams: wrappers over any stream, and what moves bytes between streams. */
export { receiveInto } from './receive-into.ts';
export { StapledStream } from './stapled-stream.ts';
