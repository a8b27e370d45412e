/** `udp:host:port`, and to listen on every interface `udp::port`. */
import { AddressError } from '../../core/errors.ts';
import type { HostPort } from '../../core/host-port.ts';
import { formatHostPort, parseHostPort } from '../../core/host-port.ts';
import { flag, integer, ipAddress, milliseconds, onlyTo } from './option-kinds.ts';
import { defineGrammar } from './scheme-grammar.ts';

export const udpGrammar = defineGrammar({
  name: 'udp',
  form: 'udp:host:port',
  roles: ['connect', 'listen'],
  options: {
    idleMs: milliseconds(1),
    maxDatagramBytes: integer(1, 65_507),
    broadcast: flag(),
    localAddress: onlyTo('connect', ipAddress()),
    reuseAddress: onlyTo('listen', flag()),
    reusePort: onlyTo('listen', flag()),
    acceptQueue: onlyTo('listen', integer(1, Number.MAX_SAFE_INTEGER)),
    maxConnections: onlyTo('listen', integer(1, Number.MAX_SAFE_INTEGER)),
  },
  parseTarget: (text, role): HostPort => {
    if (/^\d{1,5}$/.test(text)) throw refusal(`a port alone is written udp::${text}`);
    const target = parseHostPort(text);
    if (role === 'connect') {
      if (target.host === '') throw refusal('the host is missing, as in udp:localhost:53');
      if (target.port === 0) throw refusal('port 0 cannot be sent to');
    }
    return target;
  },
  formatTarget: formatHostPort,
});

function refusal(reason: string): AddressError {
  return new AddressError(`bad udp address: ${reason}`, reason);
}
