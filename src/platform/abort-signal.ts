/**
 * AbortSignals at the scale of a server. Node warns of a leak when an eleventh listener is added to a signal; one scope's
 * signal handed to a hundred fetches is no leak.
 */
import { setMaxListeners } from 'node:events';

/** A new controller whose signal takes any number of listeners. */
export function newAbortController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
