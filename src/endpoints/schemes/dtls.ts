/**
 * `dtls:`: openDtlsChannel and DtlsEndpoint, in the shape of streams, as `udp:`.
 *
 * The handshake is a part of connecting: who was not accepted is not connected. A listener accepts a connection when its
 * handshake is done. DTLS is loaded when an address wants it, as TLS is.
 */
import { dtlsGrammar } from '../grammar/dtls.ts';
import type { Scheme } from '../scheme.ts';
import { defineScheme } from '../scheme.ts';
import type { KeptContexts } from '../tls-contexts.ts';

/** @param schemeOptions.keepContexts read the files that addresses name once, and not for every connection. Default false */
export function dtlsScheme(schemeOptions: { readonly keepContexts?: boolean | undefined } = {}): Scheme {
  const kept: KeptContexts | undefined = schemeOptions.keepContexts === true ? new Map() : undefined;
  return defineScheme(dtlsGrammar, {
    connect: async (target, options, context) => {
      const { connectDtls } = await import('../dtls-openers.ts');
      return await connectDtls(target, options, context, kept);
    },
    listen: async (target, options, context) => {
      const { listenDtls } = await import('../dtls-openers.ts');
      return await listenDtls(target, options, context);
    },
  });
}

export const dtls: Scheme = dtlsScheme();
