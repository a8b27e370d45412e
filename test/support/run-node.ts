/**
 * Runs a piece of a program in a Node of its own: for what can only be seen from outside, such as whether a process
 * crashes, warns, ends, or keeps its memory.
 */
import { spawnSync } from 'node:child_process';

export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param program an ES module; it may import from bowline */
export function runNode(program: string, flags: readonly string[] = []): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, '--input-type=module', '--eval', program], {
    encoding: 'utf8',
    timeout: 60_000,
    // Warnings of the test run's own settings are not the program's.
    env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined },
  });
  return { status, stdout, stderr };
}
