/**
 * A session that can be resumed: what the server gave, and what it must not be parted from.
 *
 * Node has a session as bytes that can be offered to anyone, and on a resumed one it skips the check of the name. So a
 * session offered to another server that knows its key, say by another name on the same machine, passes for that name
 * without any certificate having said so. Here a session belongs to the name and the context that it was made with, is
 * refused for any other, and brings the peer's certificates along to be judged again.
 */
import { MisuseError } from '../core/errors.ts';
import type { Bytes } from '../core/bytes.ts';
import type { ClientSettings } from '../trust/settings.ts';

/** Made by a connection; see `TlsStream.session`. Opaque, and good for any number of tries; a server may take it once only. */
export interface TlsSession {
  /** The name of the server that it belongs to. */
  readonly serverName: string | null;
}

interface SessionData {
  readonly node: Buffer;
  readonly settings: ClientSettings;
  readonly serverName: string | null;
  readonly chain: readonly Bytes[];
  readonly stapledOcsp: Bytes | null | undefined;
  readonly pskIdentity: string | undefined;
}

export function makeSession(data: SessionData): TlsSession {
  const session: TlsSession = Object.freeze({ serverName: data.serverName });
  contents.set(session, data);
  return session;
}

export function sessionData(session: TlsSession): SessionData {
  const data = contents.get(session);
  if (data === undefined) throw new TypeError('a session is what TlsStream.session gave');
  return data;
}

/** @throws MisuseError it belongs to another name or another context */
export function checkSession(session: TlsSession, settings: ClientSettings, serverName: string | null): void {
  const data = sessionData(session);
  if (data.serverName !== serverName)
    throw new MisuseError('this session belongs to another server name: its peer was never checked for this one');
  if (data.settings !== settings)
    throw new MisuseError('this session belongs to another context: other rules decided on its peer');
}

const contents = new WeakMap<TlsSession, SessionData>();
