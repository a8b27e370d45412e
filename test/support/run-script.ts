/** Runs a piece of a program in a Node process of its own, with the built package. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ScriptResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ScriptOptions {
  /** Shell code that runs before, such as `ulimit -n 64`. */
  readonly shell?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Called with what has been printed so far, at every piece. */
  readonly onOutput?: ((stdout: string) => void) | undefined;
  readonly stdio?: (number | 'pipe' | 'ignore')[] | undefined;
  /** Arguments of node before the code. */
  readonly nodeArgs?: readonly string[] | undefined;
}

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** @param code an ES module; `bowline/…` resolves to the package under test */
export function runScript(code: string, options: ScriptOptions = {}): Promise<ScriptResult> {
  const { shell = ':', env, onOutput, stdio = ['ignore', 'pipe', 'pipe'], nodeArgs = [] } = options;
  const command = [process.execPath, ...nodeArgs, '--input-type=module', '--eval', code];
  const child = spawn('/bin/sh', ['-c', `${shell}; exec "$@"`, 'sh', ...command], {
    cwd: root,
    stdio,
    env: { ...process.env, ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onOutput?.(stdout);
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stdout, stderr }));
  });
}
