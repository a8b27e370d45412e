/**
 * The layer picture of ARCHITECTURE.md as a table: who may import whom, who may see Node, and whose face is public.
 *
 * Higher imports lower; siblings only where said. The arrows are listed one by one rather than derived from the level
 * numbers, because the picture has fewer arrows than the levels would allow (a codec may not see `tasks`, although it is
 * lower), and because a new arrow should be a line in a diff that somebody has to defend.
 *
 * A folder may be in the table before it is in the tree. A folder in the tree that is not in the table is an error.
 */

/** What of the platform a folder may touch. */
type Platform =
  /** `node:` modules and Node globals. */
  | 'node'
  /** No `node:` module and no global that only Node has; timers belong to the clock. */
  | 'clean'
  /** Clean, and besides deterministic and synchronous: no promise, clock, timer or randomness. */
  | 'pure';

export interface Layer {
  readonly level: number;
  /** Folders it may import from, besides itself. `protocols` stands for all of its sub-folders. */
  readonly imports: readonly string[];
  readonly platform: Platform;
  /** Where 'node' is allowed: only these modules. Absent: all of them. */
  readonly nodeModules?: readonly string[];
  /** Whether it may say `new Promise`: everybody else waits through `suspend`, which is made of it. */
  readonly makesPromises?: boolean;
  /** Whether `src/X/index.ts` is the subpath `bowline/X`. */
  readonly public: boolean;
}

const vocabulary = ['core', 'platform', 'observe', 'tasks'] as const;
const belowShells = [...vocabulary, 'framing', 'protocols', 'streams'] as const;
const shells = [...belowShells, 'sockets', 'trust', 'tls', 'dtls'] as const;

export const layers: Readonly<Record<string, Layer>> = {
  core: { level: 0, imports: [], platform: 'clean', public: true },

  platform: { level: 1, imports: ['core'], platform: 'node', public: false },
  observe: { level: 1, imports: ['core', 'platform'], platform: 'node', public: true },
  tasks: {
    level: 1,
    imports: ['core', 'platform', 'observe'],
    platform: 'node',
    nodeModules: ['node:async_hooks'],
    makesPromises: true,
    public: true,
  },

  framing: { level: 2, imports: ['core'], platform: 'pure', public: true },
  // The sub-folders of protocols do not see each other, but for this one arrow.
  protocols: { level: 2, imports: ['core'], platform: 'pure', public: false },
  'protocols/dtls': { level: 2, imports: ['core', 'protocols/x509'], platform: 'pure', public: false },

  streams: { level: 3, imports: ['core', 'tasks', 'observe', 'framing'], platform: 'clean', public: true },
  trust: { level: 3, imports: [...vocabulary, 'protocols/x509'], platform: 'node', public: true },
  sockets: { level: 3, imports: [...vocabulary, 'streams'], platform: 'node', public: true },
  // Of x509 only the parser: a channel binding hashes the server's certificate by the algorithm of its signature.
  tls: {
    level: 3,
    imports: [...vocabulary, 'protocols/x509', 'streams', 'sockets', 'trust'],
    platform: 'node',
    public: true,
  },
  dtls: {
    level: 3,
    imports: [...vocabulary, 'protocols/dtls', 'sockets', 'trust'],
    platform: 'node',
    public: true,
  },

  callbacks: { level: 4, imports: shells, platform: 'clean', public: true },
  proxies: { level: 4, imports: shells, platform: 'clean', public: true },
  adapters: { level: 4, imports: shells, platform: 'node', public: true },
  http: { level: 4, imports: [...shells, 'proxies', 'adapters'], platform: 'clean', public: true },
  testing: { level: 4, imports: shells, platform: 'node', public: true },

  endpoints: {
    level: 5,
    imports: [...shells, 'callbacks', 'proxies', 'http', 'adapters'],
    platform: 'clean',
    public: true,
  },

  cli: {
    level: 6,
    imports: [...shells, 'callbacks', 'proxies', 'http', 'adapters', 'endpoints'],
    platform: 'node',
    public: false,
  },

  // The paved path: anything public that is made for programs. `testing` is imported by nobody.
  'index.ts': {
    level: 6,
    imports: [
      'core',
      'observe',
      'tasks',
      'framing',
      'streams',
      'trust',
      'sockets',
      'tls',
      'dtls',
      'callbacks',
      'proxies',
      'http',
      'adapters',
      'endpoints',
    ],
    platform: 'clean',
    public: true,
  },
};
