/**
 * Session secrets into a file, for Wireshark: the convention of NSS, which browsers and curl follow.
 *
 * Node does not honour SSLKEYLOGFILE, and this library does so only where a program says `keyLog: keyLogFromEnv()`:
 * a variable in an environment must not be enough to make every connection of a process readable.
 */
import { closeSync, openSync, writeSync } from 'node:fs';

/**
 * A key log that appends to the file that the variable SSLKEYLOGFILE names; `undefined` where it names none.
 *
 * The file is made with mode 0600 when the first line comes.
 */
export function keyLogFromEnv(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ((line: string) => void) | undefined {
  const path = environment['SSLKEYLOGFILE'] ?? '';
  if (path === '') return undefined;
  return (line) => {
    // Opened for each line: a few per connection, for debugging; so the file can be moved away, and no descriptor stays.
    const file = openSync(path, 'a', 0o600);
    try {
      writeSync(file, `${line}\n`);
    } finally {
      closeSync(file);
    }
  };
}
