/**
 * How many connections a listener may have open, and when to say that it is getting tight.
 *
 * By default a listener takes three quarters of the file descriptors that were free when it was opened: the rest is for
 * what handlers open (files, outgoing connections) and for the runtime. A relay opens more than that, and a process may
 * have several listeners; so by default a new connection is also refused while the process as a whole has hardly any
 * descriptors left. Where the limit of descriptors is unknown there is no default limit.
 */
import type { SocketAddress } from '../core/address.ts';
import { report } from '../observe/report.ts';
import { descriptorLimit, descriptorsInUse, hasRoomForConnection } from '../platform/descriptor-budget.ts';

const SHARE_OF_FREE_DESCRIPTORS = 0.75;
const NEAR = 0.9;
const NOT_NEAR = 0.8;

export class ConnectionLimit {
  readonly maxConnections: number;
  readonly #guardsDescriptors: boolean;
  #isNear = false;
  #untilCount = 0;
  readonly #refused = { maxConnections: 0, acceptQueue: 0 };

  /** @param maxConnections `undefined`: by the descriptors of this process */
  constructor(maxConnections: number | undefined) {
    this.maxConnections = maxConnections ?? shareOfDescriptors();
    this.#guardsDescriptors = maxConnections === undefined;
  }

  /** Whether this new connection can stay, as far as descriptors go. */
  hasRoom(): boolean {
    return !this.#guardsDescriptors || hasRoomForConnection();
  }

  /** Whether, with this new connection, it is time to count them: not before the warning can be due. */
  get shouldCount(): boolean {
    return this.maxConnections !== Infinity && --this.#untilCount <= 0;
  }

  /** To be told how many connections there are, the new one included. */
  counted(connections: number, address: SocketAddress): void {
    const { maxConnections } = this;
    this.#untilCount = Math.ceil(maxConnections * NEAR) - connections;
    if (connections < maxConnections * NOT_NEAR) this.#isNear = false;
    if (this.#isNear || connections < maxConnections * NEAR) return;
    this.#isNear = true;
    report({ kind: 'descriptor-budget', address, connections, maxConnections });
  }

  /** To be told of every connection that was closed at once. */
  refused(reason: 'maxConnections' | 'acceptQueue', address: SocketAddress): void {
    const refused = ++this.#refused[reason];
    // The first, second, fourth, …: an attacker must not fill the log as well.
    if ((refused & (refused - 1)) === 0) report({ kind: 'accept-refused', address, reason, refused });
  }
}

/** At least 1. */
function shareOfDescriptors(): number {
  const limit = descriptorLimit();
  const inUse = descriptorsInUse();
  if (limit === undefined || inUse === undefined || limit === Infinity) return Infinity;
  return Math.max(1, Math.floor((limit - inUse) * SHARE_OF_FREE_DESCRIPTORS));
}
