/** The environment of this process, for layers that have no Node globals. */
export function environmentVariables(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
