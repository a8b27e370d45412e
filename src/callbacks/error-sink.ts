/**
 * Where exceptions of callbacks go. A callback has no caller who could catch them, so whoever makes a connection may name a sink; by
 * default they are reported (`handler-error`, see bowline/observe), as a failed handler of a server is. A sink that throws changes nothing.
 */
import { report } from '../observe/report.ts';
import type { Transport } from './protocol.ts';

/** Hears what a callback threw. */
export type ErrorSink = (error: unknown, transport: Pick<Transport, 'getExtraInfo'>) => void;

/** The sink that a program named, made safe to call; without one, reports. */
export function errorSink(onError: ((error: unknown) => void) | undefined): ErrorSink {
  if (onError !== undefined && typeof onError !== 'function') throw new TypeError('onError is a function');
  return (error, transport) => {
    try {
      if (onError !== undefined) onError(error);
      else report({ kind: 'handler-error', error, remoteAddress: transport.getExtraInfo('peername') });
    } catch (thrown) {
      report({ kind: 'handler-error', error: thrown });
    }
  };
}
