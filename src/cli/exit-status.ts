/**
 * How the command ends, as a number for scripts. Documented in docs/command.md and in `bowline --help`; a number, once
 * given a meaning, keeps it.
 */
export const exitStatus = {
  /** All went as asked: also a stop by a signal that every connection survived. */
  ok: 0,
  /** Something failed while running: an address could not be reached or bound, a connection broke. */
  failure: 1,
  /** The command line makes no sense: nothing was started. */
  usage: 2,
} as const;

export type StopSignal = 'SIGINT' | 'SIGTERM';

/** 128 + the number of the signal, as shells count it: connections were cut because of this signal. */
export function statusOfSignal(signal: StopSignal): number {
  return signal === 'SIGINT' ? 130 : 143;
}
