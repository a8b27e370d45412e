/** A command line that makes no sense. The message is one line, without the name of the program; the status is 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
