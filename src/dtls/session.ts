/**
 * A session that a client can resume: the engine's own object, and the name and context that it must not be parted from.
 *
 * The peer was judged under one context and one name; offered under another, that judgement would count for what it was
 * never made for. The chain is in the session and is judged again whenever it is resumed.
 */
import { MisuseError } from '../core/errors.ts';
import type { Session } from '../protocols/dtls/session.ts';
import type { ClientSettings } from '../trust/settings.ts';

/** Made by a channel; see `DtlsChannel.session`. Opaque, and good for any number of tries. */
export interface DtlsSession {
  /** The name of the server that it belongs to. */
  readonly serverName: string | null;
}

interface Contents {
  readonly session: Session;
  readonly settings: ClientSettings;
}

const contents = new WeakMap<DtlsSession, Contents>();

export function makeSession(session: Session, serverName: string | null, settings: ClientSettings): DtlsSession {
  const made: DtlsSession = Object.freeze({ serverName });
  contents.set(made, { session, settings });
  return made;
}

/** @throws TypeError it is no session. @throws MisuseError it belongs to another name or another context */
export function sessionFor(given: DtlsSession, settings: ClientSettings, serverName: string | null): Session {
  const found = contents.get(given);
  if (found === undefined) throw new TypeError('a session is what DtlsChannel.session gave');
  if (given.serverName !== serverName)
    throw new MisuseError('this session belongs to another server name: its peer was never checked for this one');
  if (found.settings !== settings)
    throw new MisuseError('this session belongs to another context: other rules decided on its peer');
  return found.session;
}
