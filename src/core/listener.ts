/**
 * Something that yields connections. A listener does not run handlers: `serveListeners` (bowline/sockets) does, for any
 * listener.
 *
 * Source: Trio `Listener`.
 */
import type { AsyncResource } from './resource.ts';
import type { Stream } from './stream.ts';

export interface Listener<out T extends AsyncResource = Stream> extends AsyncResource {
  /**
   * Waits for the next connection. Cancelling loses none: it stays for the next call.
   *
   * @throws BusyResourceError another call is accepting
   * @throws ClosedResourceError the listener was closed
   */
  accept(): Promise<T>;
}
