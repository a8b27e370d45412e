/** How long the peers of datagrams may be silent, where an address does not say. */

/** A client that has sent everything is answered within this, or not at all. */
export const CONNECT_IDLE_MS = 1000;
/** A peer that is silent for so long is gone. */
export const LISTEN_IDLE_MS = 60_000;
