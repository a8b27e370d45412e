/**
 * From the options of a `tls:` or `dtls:` address to the contexts of bowline/trust: files are read, and whom to trust is decided.
 *
 * A context is made for each connection that `connect` makes, because the files may have changed and an address is a text, not
 * an object that could keep something. Programs that make many connections make one context themselves; the command keeps
 * those of its addresses for as long as it runs (`keepContexts`), so that its connections resume sessions.
 */
import { allOf } from '../trust/combine.ts';
import type { ClientContext, ContextOptions, ServerContext } from '../trust/context.ts';
import { clientContext, serverContext } from '../trust/context.ts';
import { Identity } from '../trust/identity.ts';
import { insecureAcceptAnyone } from '../trust/insecure.ts';
import { readPem } from '../trust/key-file.ts';
import { pinned } from '../trust/pinned.ts';
import { pki } from '../trust/pki.ts';
import type { Verifier } from '../trust/verifier.ts';
import type { OptionValues } from './grammar/option-kinds.ts';
import type { tlsOptionKinds } from './grammar/tls.ts';

export type TlsOptions = OptionValues<typeof tlsOptionKinds>;

/** Contexts that were made for options, if they are to be kept. */
export type KeptContexts = Map<string, ClientContext>;

/** The context that is kept for these options, else a new one, which is kept if there is where. */
export async function keptContext(
  kept: KeptContexts | undefined,
  options: object,
  make: () => Promise<ClientContext>,
): Promise<ClientContext> {
  const name = JSON.stringify(options);
  const context = kept?.get(name) ?? (await make());
  kept?.set(name, context);
  return context;
}

/** @param adjust puts another verifier in the place of the one that the options ask for */
export async function clientContextOf(
  options: TlsOptions,
  adjust: (verify: Verifier) => Verifier = (verify) => verify,
): Promise<ClientContext> {
  const asked = options.insecureAcceptAnyone === true ? insecureAcceptAnyone() : await verifierOf(options);
  return clientContext({
    ...commonOptions(options),
    verify: adjust(asked ?? pki()),
    identity: options.cert === undefined ? undefined : await identityOf(options),
  });
}

/** Clients are asked for a certificate where there is something to judge it by, and then they must have one. */
export async function serverContextOf(options: TlsOptions): Promise<ServerContext> {
  const verify = await verifierOf(options);
  return serverContext({
    ...commonOptions(options),
    identity: await identityOf(options),
    ...(verify === undefined ? {} : { clientAuth: 'require', verify }),
  });
}

function commonOptions({ alpn, minVersion, maxVersion }: TlsOptions): ContextOptions {
  return { alpnProtocols: alpn, minVersion, maxVersion };
}

/** What `ca` and `pin` ask for; `undefined`: there is neither. */
async function verifierOf({ ca, pin }: TlsOptions): Promise<Verifier | undefined> {
  const verifiers: Verifier[] = [];
  if (ca !== undefined) verifiers.push(pki({ roots: await readPem(ca, false) }));
  if (pin !== undefined) verifiers.push(pinned(pin));
  const [first, second] = verifiers;
  return first === undefined || second === undefined ? first : allOf(first, second);
}

async function identityOf({ cert = '', key, passphrase }: TlsOptions): Promise<Identity> {
  return await Identity.load({ cert, key, passphrase });
}
