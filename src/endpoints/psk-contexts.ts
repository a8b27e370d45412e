/**
 * From a pre-shared key in an address to a context of bowline/trust that knows this key and nothing else: only suites with
 * pre-shared keys are spoken, so no certificate is asked for, shown or believed.
 */
import { CertificateError } from '../core/errors.ts';
import { defaultCipherSuites, usesPsk } from '../trust/cipher-suites.ts';
import type { ClientContext, ContextOptions, ServerContext } from '../trust/context.ts';
import { clientContext, serverContext } from '../trust/context.ts';
import { readPem } from '../trust/key-file.ts';
import { preSharedKey } from '../trust/pre-shared-key.ts';
import type { PreSharedKey } from '../trust/pre-shared-key.ts';
import { pskPattern } from './grammar/dtls.ts';

export interface PskOptions {
  readonly psk?: string | undefined;
  readonly pskFile?: string | undefined;
  readonly pskIdentity?: string | undefined;
  readonly alpn?: readonly string[] | undefined;
}

export async function pskClientContextOf(options: PskOptions): Promise<ClientContext> {
  const verify = (): never => {
    throw new CertificateError('the server shows a certificate in the place of the pre-shared key', {
      reason: 'refused',
    });
  };
  return clientContext({ ...commonOptions(options), psk: await keyOf(options), verify });
}

export async function pskServerContextOf(options: PskOptions): Promise<ServerContext> {
  return serverContext({ ...commonOptions(options), psk: await keyOf(options) });
}

function commonOptions({ alpn }: PskOptions): ContextOptions {
  const suites = defaultCipherSuites(true).filter(usesPsk);
  return { alpnProtocols: alpn, cipherSuites: suites.map(({ name }) => name) };
}

async function keyOf({ psk, pskFile, pskIdentity: identity = '' }: PskOptions): Promise<PreSharedKey> {
  return preSharedKey({ identity, key: bytesOf(psk ?? (await textOf(pskFile ?? ''))) });
}

async function textOf(file: string): Promise<string> {
  const content = await readPem(file, true);
  const text = (typeof content === 'string' ? content : new TextDecoder().decode(content)).trim();
  // Nothing of the content may be shown.
  if (!pskPattern().test(text)) throw new RangeError('the file of pskFile is no key of 16 to 256 bytes in hexadecimal');
  return text;
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}
