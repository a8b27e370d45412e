/** The TCP options of the socket at the bottom of a stack of streams, if there is one. */
import { wrapped } from '../core/attributes.ts';
import type { AttributeSource } from '../core/attributes.ts';
import type { SocketStream } from '../core/network.ts';

export type SocketTuning = Pick<SocketStream, 'setNoDelay' | 'setKeepAlive'>;

/** Asked of something that is no socket, or closed, tuning has no effect: no library expects an error there. */
export function findTuning(stream: object): SocketTuning {
  const found = find(stream, new Set());
  return {
    setNoDelay: (on) => attempt(() => found?.setNoDelay(on)),
    setKeepAlive: (idleMs) => attempt(() => found?.setKeepAlive(idleMs)),
  };
}

function find(layer: object, visited: Set<object>): SocketTuning | undefined {
  if (visited.has(layer)) return undefined;
  visited.add(layer);
  const { setNoDelay, setKeepAlive } = layer as Partial<SocketTuning>;
  if (typeof setNoDelay === 'function' && typeof setKeepAlive === 'function') return layer as SocketTuning;
  const below = (layer as AttributeSource)[wrapped];
  for (const inner of Array.isArray(below) ? (below as unknown[]) : [below]) {
    const found = typeof inner === 'object' && inner !== null ? find(inner, visited) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function attempt(tune: () => void): void {
  try {
    tune();
  } catch {
    // The socket is gone, or has no such option.
  }
}
