/**
 * `unix:/path`, `unix:relative/path`, and on Linux `unix:@name` for the abstract namespace (the notation of ss(8) and
 * systemd; a file whose name begins with `@` is written `./@name`). On Windows a pipe: `unix:\\.\pipe\name`.
 *
 * The path is percent-decoded, because a path may hold a `?`: `%3F`. So a percent sign is `%25`.
 */
import type { UnixAddress } from '../../core/address.ts';
import { AddressError } from '../../core/errors.ts';
import { fileMode, integer, milliseconds, onlyTo } from './option-kinds.ts';
import { decodePercent, encodePercent } from './percent.ts';
import { defineGrammar } from './scheme-grammar.ts';

export const unixGrammar = defineGrammar({
  name: 'unix',
  form: 'unix:/path',
  roles: ['connect', 'listen'],
  permission: 'unix',
  options: {
    timeoutMs: onlyTo('connect', milliseconds(1)),
    mode: onlyTo('listen', fileMode()),
    backlog: onlyTo('listen', integer(1, 65535)),
    acceptQueue: onlyTo('listen', integer(1, Number.MAX_SAFE_INTEGER)),
    maxConnections: onlyTo('listen', integer(1, Number.MAX_SAFE_INTEGER)),
  },
  parseTarget: (text): UnixAddress => {
    const path = decodePercent(text);
    if (path === undefined) throw refusal('a percent sign in a path is written %25');
    if (path === '' || path === '@') throw refusal('the path is missing');
    if (path.includes('\0')) throw refusal('a path cannot hold a NUL character');
    return { family: 'unix', path: path.startsWith('@') ? `\0${path.slice(1)}` : path };
  },
  formatTarget: ({ path }) => encodePercent(path.startsWith('\0') ? `@${path.slice(1)}` : path, /[%?\p{Cc}]/gu),
});

function refusal(reason: string): AddressError {
  return new AddressError(`bad unix address: ${reason}`, reason);
}
