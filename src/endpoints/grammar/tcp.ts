/** `tcp:host:port`, and to listen on every interface `tcp::port`. */
import { AddressError } from '../../core/errors.ts';
import type { HostPort } from '../../core/host-port.ts';
import { formatHostPort, parseHostPort } from '../../core/host-port.ts';
import { flag, integer, ipAddress, milliseconds, onlyTo } from './option-kinds.ts';
import { defineGrammar } from './scheme-grammar.ts';

export const tcpGrammar = defineGrammar({
  name: 'tcp',
  form: 'tcp:host:port',
  roles: ['connect', 'listen'],
  takesVia: true,
  options: {
    noDelay: flag(),
    keepAliveMs: milliseconds(1),
    localAddress: onlyTo('connect', ipAddress()),
    happyEyeballsDelayMs: onlyTo('connect', milliseconds(0)),
    timeoutMs: onlyTo('connect', milliseconds(1)),
    backlog: onlyTo('listen', integer(1, 65535)),
    reusePort: onlyTo('listen', flag()),
    acceptQueue: onlyTo('listen', integer(1, Number.MAX_SAFE_INTEGER)),
    maxConnections: onlyTo('listen', integer(1, Number.MAX_SAFE_INTEGER)),
  },
  parseTarget: (text, role): HostPort => {
    if (/^\d{1,5}$/.test(text)) throw refusal(`a port alone is written tcp::${text}`);
    const target = parseHostPort(text);
    if (role !== 'listen' && role !== undefined) {
      if (target.host === '') throw refusal('the host is missing, as in tcp:localhost:80');
      if (target.port === 0) throw refusal('port 0 cannot be connected to');
    }
    return target;
  },
  formatTarget: formatHostPort,
});

function refusal(reason: string): AddressError {
  return new AddressError(`bad tcp address: ${reason}`, reason);
}
