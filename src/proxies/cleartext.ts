/**
 * Whether a password may go to a proxy over this stream: it may if the way there is encrypted, or does not leave the machine.
 *
 * Judged by the stream, not by what the proxy is called: `localhost` behind another proxy is somewhere else. A tunnel hides
 * what its own hop is made of, so TLS below a tunnel does not count and TLS over it does.
 */
import { attributeOf } from '../core/attributes.ts';
import { tunnelTarget } from '../core/connector.ts';
import type { ConnectTarget } from '../core/connector.ts';
import { isLoopbackIp, ipVersion } from '../core/ip-address.ts';
import { remoteAddress } from '../core/network.ts';
import type { Stream } from '../core/stream.ts';
import { tlsVersion } from '../tls/attributes.ts';
import { TlsStream } from '../tls/tls-stream.ts';

/**
 * Whether nobody on the way can read what is sent. A TLS stream that has not shaken hands yet does so.
 *
 * @param proxy where the stream was dialled to, where that is known: counts for streams that have no addresses
 */
export async function isPrivateHop(stream: Stream, proxy: ConnectTarget | undefined): Promise<boolean> {
  if (stream instanceof TlsStream) await stream.doHandshake();
  return attributeOf(stream, tlsVersion) !== undefined || staysOnThisMachine(stream, proxy);
}

function staysOnThisMachine(stream: Stream, proxy: ConnectTarget | undefined): boolean {
  if (attributeOf(stream, tunnelTarget) !== undefined) return false;
  const peer = attributeOf(stream, remoteAddress);
  if (peer === undefined) return proxy !== undefined && isLoopbackHost(proxy.host);
  return peer.family === 'unix' || isLoopbackIp(peer.host);
}

/** A loopback address, or the name that is reserved for them (RFC 6761 §6.3). */
export function isLoopbackHost(host: string): boolean {
  if (ipVersion(host) !== 0) return isLoopbackIp(host);
  return /^(?:.+\.)?localhost\.?$/i.test(host);
}
