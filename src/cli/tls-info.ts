/**
 * `bowline connect --info tls:…`: connects, says what the connection is, and ends.
 *
 * It is for looking at a server, above all at one that something is wrong with. So the handshake is completed with whoever is
 * there, and the verdict, which is the one that a connection would have ended with, is shown beside the certificates
 * that it is about. The status tells it, too: 1 where the peer would have been refused. No data is sent.
 */
import { BrokenResourceError, CertificateError } from '../core/errors.ts';
import type { HostPort } from '../core/host-port.ts';
import { parseAddress, redactAddress } from '../endpoints/address.ts';
import type { Address } from '../endpoints/address.ts';
import { builtInSchemes } from '../endpoints/schemes/index.ts';
import { tlsScheme } from '../endpoints/schemes/tls.ts';
import type { TlsOptions } from '../endpoints/tls-contexts.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';
import { moveOnAfter } from '../tasks/timeouts.ts';
import type { TlsSession } from '../tls/session.ts';
import { TlsStream } from '../tls/tls-stream.ts';
import { verdict } from '../trust/authenticate.ts';
import type { Verifier } from '../trust/verifier.ts';
import type { Settings } from './arguments.ts';
import { connectWithin } from './destination.ts';
import { EndpointFailure } from './failure.ts';
import { labelTable } from './label-table.ts';
import type { Plan } from './plan.ts';
import { tlsReport, tlsRows } from './tls-report.ts';
import { UsageError } from './usage-error.ts';

/** A ticket of TLS 1.3 comes when the handshake is done, on its own. */
const SESSION_WAIT_MS = 500;

/** @throws AddressError, UsageError the address makes no sense, or is not `tls:` */
export function planInfo(text: string, settings: Settings): Plan {
  let refusal: string | undefined;
  let session: TlsSession | undefined;
  const scheme = tlsScheme({
    adjust: (verify) =>
      noting(verify, (error) => {
        refusal = error?.message;
      }),
    keepContexts: true,
    session: () => session,
  });
  const schemes = builtInSchemes.map((one) => (one.name === 'tls' ? scheme : one));
  const address = parseAddress(text, { role: 'connect', schemes });
  if (address.scheme !== scheme) throw new UsageError('--info is for a tls: address');
  if ((address.options as TlsOptions).insecureAcceptAnyone === true)
    throw new UsageError('--info shows anyone, and the verdict: insecureAcceptAnyone would leave none');
  return {
    command: 'connect',
    settings,
    outputIsData: false,
    isSingle: true,
    noWorkersBecause: '--info makes one connection',
    async run(run) {
      const shown = redactAddress(address);
      await new CancelScope({ signal: run.interruption.stop }).run(async () => {
        const open = async (): Promise<TlsStream> => tlsOf(await connectWithin(address, settings.connectTimeoutMs));
        const stream = await open();
        const judgement = { by: judgeOf(address), refusal };
        session = await sessionOf(stream);
        // Some servers talk to one client at a time.
        await stream.close();
        const report = tlsReport(shown, stream, judgement, session === undefined ? null : await resumes(open));
        const output = settings.json ? `${JSON.stringify(report)}\n` : labelTable(tlsRows(report, Date.now()));
        process.stdout.write(output);
        if (judgement.refusal !== undefined)
          throw new EndpointFailure(shown, `not verified: ${judgement.refusal}`, undefined);
      });
      return {};
    },
  };
}

/** A verifier that accepts anyone, and tells what the other one thinks. */
function noting(verify: Verifier, tell: (refusal: CertificateError | undefined) => void): Verifier {
  const note: Verifier = async (peer, expected) => {
    try {
      await verdict(verify, peer, expected);
      tell(undefined);
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      tell(error);
    }
  };
  return Object.assign(note, { needsName: verify.needsName });
}

function judgeOf({ target, options }: Address): string {
  const { ca, pin, serverName = (target as HostPort).host } = options as TlsOptions;
  if (pin !== undefined && ca === undefined) return 'its pin';
  return `the roots ${ca === undefined ? 'of this system' : `in ${ca}`}, for ${serverName}${pin === undefined ? '' : ', and its pin'}`;
}

function tlsOf(stream: object): TlsStream {
  if (stream instanceof TlsStream) return stream as TlsStream;
  throw new TypeError('a tls: address gave something else');
}

async function sessionOf(stream: TlsStream): Promise<TlsSession | undefined> {
  await moveOnAfter(SESSION_WAIT_MS, async () => {
    try {
      while (stream.session === null && (await stream.receiveSome()) !== null);
    } catch (error) {
      if (!(error instanceof BrokenResourceError)) throw error;
      // A server that ends when nothing is said has still shown what it is.
    }
  });
  return stream.session ?? undefined;
}

/** A server that does not take a second connection says nothing about the first. */
async function resumes(open: () => Promise<TlsStream>): Promise<boolean> {
  try {
    const again = await open();
    const isResumed = again.sessionReused;
    await again.close();
    return isResumed;
  } catch (error) {
    if (!(error instanceof EndpointFailure)) throw error;
    return false;
  }
}
