/** bowline/adapters: bowline's streams for other people's libraries, and theirs for bowline. */
export { fromNodeDuplex } from './from-node-duplex.ts';
export { toNodeDuplex } from './to-node-duplex.ts';
export type { SocketDuplex, ToNodeDuplexOptions } from './to-node-duplex.ts';
