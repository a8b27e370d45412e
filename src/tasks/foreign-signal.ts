/**
 * Foreign AbortSignals that drive scopes.
 *
 * A server's shutdown signal may drive ten thousand scopes at a time. One listener per scope would trip Node's leak
 * warning at eleven, and adding and removing listeners costs 0.6 µs each; so there is one listener per signal, and a set
 * of nodes behind it. The listener goes when the last scope leaves, so a long-lived signal holds nothing.
 */
import type { ScopeNode } from './scope-node.ts';

interface Hub {
  readonly nodes: Set<ScopeNode>;
  readonly onAbort: () => void;
}

const hubs = new WeakMap<AbortSignal, Hub>();

/**
 * Cancels `node` when `signal` aborts, at once if it has.
 *
 * @returns stops listening; idempotent
 */
export function driveBySignal(node: ScopeNode, signal: AbortSignal): () => void {
  if (signal.aborted) {
    node.cancel('signal', signal.reason);
    return () => undefined;
  }
  let hub = hubs.get(signal);
  if (hub === undefined) {
    const nodes = new Set<ScopeNode>();
    const onAbort = (): void => {
      hubs.delete(signal);
      // A copy: cancelling ends scopes, which takes them out of the set.
      for (const driven of [...nodes]) driven.cancel('signal', signal.reason);
    };
    hub = { nodes, onAbort };
    hubs.set(signal, hub);
    signal.addEventListener('abort', onAbort, { once: true });
  }
  const { nodes, onAbort } = hub;
  nodes.add(node);
  return () => {
    if (!nodes.delete(node) || nodes.size > 0) return;
    signal.removeEventListener('abort', onAbort);
    hubs.delete(signal);
  };
}
