/** The openssl program as a second opinion, where it is installed. */
import { spawnSync } from 'node:child_process';

/** For the `skip` of a test: `false`, or why there is no second opinion. */
export const noOpenssl: string | false =
  spawnSync('openssl', ['version']).status === 0 ? false : 'the openssl program is not installed';

export interface OpensslResult {
  readonly status: number | null;
  /** Standard output and standard error. */
  readonly said: string;
}

export function openssl(...words: readonly string[]): OpensslResult {
  const { status, stdout, stderr } = spawnSync('openssl', words, { encoding: 'utf8', timeout: 30_000 });
  return { status, said: `${stdout}${stderr}` };
}
