/** What this runtime can do beyond Node 20.19, asked once. */

/**
 * `listen({ reusePort: true })`: Node 22.12 and 23.1 (nodejs/node#55408). Earlier ones ignore the option, and the second
 * listener fails with a plain EADDRINUSE.
 */
export const supportsReusePort: boolean = isAtLeast(process.versions.node, [
  [22, 12],
  [23, 1],
]);

/** Whether Unix sockets may be named in the abstract namespace, with a leading NUL. */
export const supportsAbstractSockets: boolean = process.platform === 'linux' || process.platform === 'android';

/**
 * Longest path of a Unix socket in bytes (`sun_path` without its NUL). The libuv of Node 20 cuts a longer one off, and so
 * listens on or connects to another file. Pipe names of Windows are no such paths.
 */
export const maxSocketPathBytes: number = process.platform === 'win32' ? Infinity : supportsAbstractSockets ? 107 : 103;

/** Whether `version` is in one of the lines at or after its first good minor, or in a later line than all of them. */
function isAtLeast(version: string, lines: readonly (readonly [major: number, minor: number])[]): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const line = lines.find(([lineMajor]) => lineMajor === major);
  if (line !== undefined) return minor >= line[1];
  return lines.every(([lineMajor]) => major > lineMajor);
}
