/**
 * The commands and their options, as one table. The parser and the help are both made from it, so an option cannot be
 * taken without being explained, nor the other way round.
 */
import { tlsClientOptionRows, tlsOptionRows } from './tls-flags.ts';

export type CommandName = 'relay' | 'connect' | 'serve' | 'cert';

export interface OptionRow {
  readonly name: string;
  readonly short?: string;
  /** What stands for its value in the help; absent: a flag. */
  readonly value?: string;
  /** It may be given several times. */
  readonly repeats?: true;
  readonly about: string;
}

export interface CommandRow {
  readonly name: CommandName;
  readonly operands: readonly string[];
  readonly about: string;
  /** Paragraphs below the first line of the help. */
  readonly details: readonly string[];
  readonly options: readonly OptionRow[];
  readonly examples: readonly (readonly [command: string, about: string])[];
}

const idleTimeout: OptionRow = {
  name: 'idle-timeout',
  value: 'DURATION',
  about: 'end a connection after this long without a byte in either direction (default: never)',
};
const connectTimeout: OptionRow = {
  name: 'connect-timeout',
  value: 'DURATION',
  about: 'give up connecting after this long (default 30s; 0: never)',
};
const maxConnections: OptionRow = {
  name: 'max-connections',
  value: 'N',
  about: 'serve at most N at once, the others wait (default: what the limit on open files allows)',
};
const maxChildren: OptionRow = {
  name: 'max-children',
  value: 'N',
  about: 'have at most N commands (exec:, --through) alive, further connections wait (default 32)',
};
const workers: OptionRow = {
  name: 'workers',
  value: 'N',
  about: 'serve with N processes that share one listening socket (default 1: this process alone)',
};
const drain: OptionRow = {
  name: 'drain',
  value: 'DURATION',
  about: 'after the first SIGINT or SIGTERM, let connections end by themselves for this long (default 10s)',
};
const through: OptionRow = {
  name: 'through',
  value: 'COMMAND',
  about: 'pass what goes from LISTEN to CONNECT through COMMAND, one for each connection; no shell',
};
const help: OptionRow = { name: 'help', short: 'h', about: 'show this help' };
const common: readonly OptionRow[] = [
  { name: 'json', about: 'print statistics as a line of JSON at the end; with -v also one for every connection' },
  { name: 'progress', about: 'show a live line of throughput, if standard error is a terminal' },
  { name: 'verbose', short: 'v', about: 'tell of every connection; -vv: also the causes behind an error' },
  help,
];

export const commandTable: readonly CommandRow[] = [
  {
    name: 'relay',
    operands: ['LISTEN', 'CONNECT'],
    about: 'Accept at LISTEN, connect each connection to CONNECT, and copy both ways.',
    details: [
      'The end of one direction is passed on and the other goes on, until both have ended.',
      'LISTEN may also be stdio: or exec:command, for one connection.',
    ],
    options: [
      through,
      maxConnections,
      maxChildren,
      idleTimeout,
      connectTimeout,
      drain,
      workers,
      ...tlsClientOptionRows,
      ...common,
    ],
    examples: [
      ['bowline relay tcp::8080 tcp:example.org:80', 'forward a port'],
      ['bowline relay tcp:127.0.0.1:5432 unix:/run/postgresql/.s.PGSQL.5432', 'reach a Unix socket over TCP'],
      ["bowline relay unix:/tmp/upper.sock 'exec:tr a-z A-Z'", 'give a command a socket; one command per connection'],
      ["bowline relay --through 'gzip -c' tcp::9000 tcp:archive:9000", 'compress on the way'],
      ['bowline relay --workers 4 --idle-timeout 5m tcp::443 tcp:10.0.0.7:8443', 'use four cores'],
    ],
  },
  {
    name: 'connect',
    operands: ['ADDRESS'],
    about: 'Connect to ADDRESS, send standard input, print what arrives.',
    details: [
      'The end of the input is passed on (as with nc -N); what the peer then still sends is printed.',
      "If the input is a terminal, the peer's end ends the command.",
    ],
    options: [
      { name: 'info', about: 'tls: show the handshake and the certificates instead, and whether they are accepted' },
      idleTimeout,
      connectTimeout,
      { ...drain, about: drain.about.replace('10s', '1s') },
      ...tlsClientOptionRows,
      ...common,
    ],
    examples: [
      ['bowline connect tcp:localhost:4040', 'talk to a server'],
      ['bowline connect tcp:backup:9000 < disk.img', 'send a file; status 0 only if all of it was taken'],
      ['bowline connect --info tls:example.org:443', 'what a server is, and whether it is trusted'],
      ["ssh -o ProxyCommand='bowline connect tcp:%h:%p' host", 'as the transport of another program'],
    ],
  },
  {
    name: 'serve',
    operands: ['ADDRESS'],
    about: 'Accept at ADDRESS and give each connection one of the built-in services.',
    details: [],
    options: [
      { name: 'echo', about: 'send back what arrives' },
      { name: 'discard', about: 'read everything, send nothing' },
      { name: 'source', value: 'SIZE', about: 'send SIZE zero bytes, then the end; ignore what arrives' },
      { name: 'exec', value: 'COMMAND', about: 'run COMMAND with the connection as its input and output; no shell' },
      maxConnections,
      maxChildren,
      idleTimeout,
      drain,
      workers,
      ...tlsOptionRows,
      ...common,
    ],
    examples: [
      ['bowline serve tcp:127.0.0.1:4040 --echo', 'something to try a client on'],
      ['bowline serve tcp::9000 --source 1GiB', 'measure a network: bowline connect --progress tcp:…:9000 >/dev/null'],
      ["bowline serve unix:/tmp/date.sock --exec 'date -u'", 'one command per connection'],
    ],
  },
  {
    name: 'cert',
    operands: ['FOLDER'],
    about: 'Make a certificate in FOLDER, from a development authority of its own.',
    details: [
      'The authority is made in the folder (ca.pem, ca-key.pem) unless it is there already; it is never',
      'replaced. Whoever is to accept its certificates is given ca.pem. Keys are readable by you alone.',
    ],
    options: [
      {
        name: 'san',
        value: 'NAME',
        repeats: true,
        about:
          'a name or address that the certificate is for, as often as needed: example.test, *.example.test, 10.0.0.7 ' +
          '(default: localhost, 127.0.0.1, ::1)',
      },
      { name: 'client', about: 'for a client that shows who it is, instead of a server' },
      {
        name: 'name',
        value: 'NAME',
        about: 'name of the files: NAME.pem, NAME-key.pem (default: the first --san; client with --client)',
      },
      { name: 'days', value: 'N', about: 'valid for N days (default 365); the authority ten years' },
      {
        name: 'alg',
        value: 'ALGORITHM',
        about:
          'kind of new keys: ecdsa-p256 (default), ecdsa-p384, ecdsa-p521, ed25519, rsa-2048, rsa-3072, rsa-4096, ' +
          'rsa-pss-2048, rsa-pss-3072',
      },
      { name: 'force', about: 'replace the files of a certificate of this name' },
      { name: 'json', about: 'print what was made as a line of JSON' },
      help,
    ],
    examples: [
      ['bowline cert dev', 'a certificate for localhost, in dev/localhost.pem'],
      ['bowline cert dev --san api.test --san 10.0.0.7 --days 30', 'for a name and an address'],
      ['bowline cert dev --client --name alice', 'a certificate for a client'],
    ],
  },
];

export function commandRow(name: CommandName): CommandRow {
  return commandTable.find((row) => row.name === name) as CommandRow;
}
