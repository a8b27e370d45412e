/** Files that this program makes, and does not overwrite unless told to. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';

import { EndpointFailure } from './failure.ts';

/**
 * Makes a file that is not there yet.
 *
 * @param mode permissions from the beginning on: nobody reads a key in the moment before a chmod
 * @throws EndpointFailure it is there, or cannot be made
 */
export function writeNewFile(file: string, text: string, mode: number): void {
  try {
    writeFileSync(file, text, { flag: 'wx', mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw alreadyThere(file);
    throw new EndpointFailure(file, 'cannot be written', error);
  }
}

/** Makes a file, or puts another in its place: a reader sees the one or the other, and a key never has the old permissions. */
export function replaceFile(file: string, text: string, mode: number): void {
  const temporary = `${file}.${process.pid}.new`;
  try {
    rmSync(temporary, { force: true });
    writeFileSync(temporary, text, { flag: 'wx', mode });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new EndpointFailure(file, 'cannot be written', error);
  }
}

export function alreadyThere(file: string): EndpointFailure {
  return new EndpointFailure(file, 'is there already; --force replaces it', undefined);
}
