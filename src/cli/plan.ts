/** A command that has been understood: its addresses make sense, and nothing has been started. */
import type { Settings } from './arguments.ts';
import type { CommandName } from './command-table.ts';
import type { Run } from './run.ts';
import type { RunResult } from './statistics.ts';

export interface Plan {
  readonly command: CommandName;
  readonly settings: Settings;
  /** Standard output carries data, so statistics go to standard error. */
  readonly outputIsData: boolean;
  /** There is one connection, and the command succeeds only if that does. */
  readonly isSingle: boolean;
  /** Why --workers cannot be used with it, if so. */
  readonly noWorkersBecause: string | undefined;

  /**
   * Does it; returns when all connections have ended.
   *
   * @param onListening called with the addresses that are bound, when connections are being accepted
   * @throws EndpointFailure it cannot begin; Cancelled it was cut
   */
  run(run: Run, onListening: (addresses: readonly string[]) => void): Promise<RunResult>;
}
