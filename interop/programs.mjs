/** Where programs are, and how cases start them. */
import { accessSync, constants, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Modules of Debian's own Python that cases need, by the name they give them. */
const pythonModules = {
  pyopenssl: '/usr/lib/python3/dist-packages/OpenSSL',
  trio: '/usr/lib/python3/dist-packages/trio',
};

/** The path of a program, or `undefined`. Debian keeps the servers of PostgreSQL out of PATH. */
export function findProgram(name) {
  if (name in pythonModules) return existsSync(pythonModules[name]) ? pythonModules[name] : undefined;
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', ...postgresFolders()];
  for (const folder of folders) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Not here.
    }
  }
  return undefined;
}

function postgresFolders() {
  try {
    return readdirSync('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`);
  } catch {
    return [];
  }
}

/** A port on 127.0.0.1 that was free a moment ago, for programs that do not tell which one they took. */
export async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Runs `body` with a new folder, short enough for socket paths. */
export async function withFolder(body) {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-'));
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Tries until it works, for servers that do not say when they are ready. */
export async function eventually(attempt, { everyMs = 50, times = 200 } = {}) {
  for (let i = 1; ; i++) {
    try {
      return await attempt();
    } catch (error) {
      if (i === times) throw error;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
}
