/**
 * `tls:`: TLS over TCP, or over what leads to a host through proxies.
 *
 * The handshake is a part of connecting: who was not accepted is not connected. A listener accepts a connection when
 * its handshake is done; those that fail are reported and do not come that far.
 *
 * TLS is loaded when an address wants it. It is eighty modules, 60 ms, which the command would pay for every `tcp:`.
 */
import type { TlsSession } from '../../tls/session.ts';
import type { Verifier } from '../../trust/verifier.ts';
import { tlsGrammar } from '../grammar/tls.ts';
import type { Scheme } from '../scheme.ts';
import { defineScheme } from '../scheme.ts';
import type { KeptContexts } from '../tls-contexts.ts';

export interface TlsSchemeOptions {
  /** Puts another verifier in the place of the one that the address asks for. Default: that one. */
  readonly adjust?: ((verify: Verifier) => Verifier) | undefined;
  /** Read the files that addresses name once, and not for every connection. Default false. */
  readonly keepContexts?: boolean | undefined;
  /** A session to offer to the server. Default: none. */
  readonly session?: (() => TlsSession | undefined) | undefined;
}

export function tlsScheme(schemeOptions: TlsSchemeOptions = {}): Scheme {
  const kept: KeptContexts | undefined = schemeOptions.keepContexts === true ? new Map() : undefined;
  return defineScheme(tlsGrammar, {
    connect: async (target, options, context) => {
      const { connectTls } = await import('../tls-openers.ts');
      return await connectTls(target, options, context, schemeOptions, kept);
    },
    listen: async (target, options, context) => {
      const { listenTls } = await import('../tls-openers.ts');
      return await listenTls(target, options, context);
    },
  });
}

export const tls: Scheme = tlsScheme();
