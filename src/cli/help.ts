/** The help texts, made from the command table: at most 100 columns, options aligned, examples last. */
import { commandRow, commandTable } from './command-table.ts';
import type { CommandName, OptionRow } from './command-table.ts';

const COLUMNS = 100;

/** What `bowline --help` prints. */
export function overview(): string {
  return `bowline: connect any two byte streams

Usage: bowline COMMAND [OPTION …] ADDRESS …

Commands:
${commandTable.map(({ name, about, operands }) => `  ${[name, ...operands].join(' ').padEnd(22)}${about}`).join('\n')}
  help COMMAND          Show the options of a command, with examples.
  --version             Show the version.

Addresses:
  tcp:HOST:PORT         tcp:127.0.0.1:8080, tcp:[::1]:8080; to listen on every address tcp::8080,
                        on any free port tcp:HOST:0
  tls:HOST:PORT         tls:example.org:443; TCP with TLS, see --ca, --pin, --cert, --key
  udp:HOST:PORT         udp:127.0.0.1:53; datagrams, each sent or received as one chunk of bytes
  dtls:HOST:PORT        dtls:127.0.0.1:5684; UDP with DTLS, with the flags of tls: or psk
  unix:PATH             unix:/run/app.sock
  exec:COMMAND          exec:cat -n; run without a shell, its input and output are the stream
  stdio:                standard input and output
  …?via=PROXY           through socks5://HOST:PORT, http://HOST:PORT, https://HOST:PORT

Durations have a unit: 500ms, 30s, 5m, 2h. Sizes may have one: 4096, 64KiB, 10MB.

Exit status: 0 all went as asked; 1 something failed; 2 the command line is wrong, nothing was
started; 130 or 143 connections were cut because of SIGINT or SIGTERM.

Examples:
${commandTable.map(({ examples }) => `  ${examples[0]?.[0] ?? ''}`).join('\n')}
`;
}

/** What `bowline help COMMAND` prints. */
export function helpOf(name: CommandName): string {
  const { operands, about, details, options, examples } = commandRow(name);
  const width = Math.max(...options.map((row) => labelOf(row).length)) + 4;
  return `Usage: bowline ${[name, '[OPTION …]', ...operands].join(' ')}

${[about, ...details].join('\n')}

Options:
${options.map((row) => `  ${labelOf(row)}`.padEnd(width) + wrap(row.about, width)).join('\n')}

Examples:
${examples.map(([command, explanation]) => `  # ${explanation}\n  ${command}`).join('\n')}

See 'bowline --help' for addresses and exit status.
`;
}

function labelOf({ name, short, value }: OptionRow): string {
  const long = value === undefined ? `--${name}` : `--${name} ${value}`;
  return short === undefined ? `    ${long}` : `-${short}, ${long}`;
}

/** Breaks a text at spaces so that it fits right of column `indent`. */
function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}
