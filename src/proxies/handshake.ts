/**
 * What all handshakes with proxies have in common: messages are received to the byte, there is a deadline for the whole of
 * it, and a connection whose handshake did not come to its end is of no use to anybody and is aborted.
 */
import { BrokenResourceError, IncompleteRead, ProtocolError, TooSlowError } from '../core/errors.ts';
import { MessageDecoder } from '../core/message-decoder.ts';
import type { MessageFormat } from '../core/message-decoder.ts';
import type { ReceiveStream, Stream } from '../core/stream.ts';
import { CancelScope } from '../tasks/cancel-scope.ts';

/** How long a proxy may take to answer, without the time to connect to it. */
export const DEFAULT_HANDSHAKE_TIMEOUT_MS = 30_000;

/**
 * Runs a handshake.
 *
 * @param proxy for messages, such as `the SOCKS proxy 192.0.2.1:1080`
 * @throws TooSlowError the deadline passed
 * @throws BrokenResourceError the proxy closed the connection instead of answering
 * @throws ProtocolError it answered something that is no answer
 */
export async function underDeadline<T>(
  stream: Stream,
  proxy: string,
  timeoutMs: number,
  body: () => Promise<T>,
): Promise<T> {
  let isDone = false;
  try {
    const result = await new CancelScope({ timeoutMs }).tryRun(body);
    if (result.cancelled) throw new TooSlowError(`the handshake with ${proxy} took longer than ${timeoutMs} ms`);
    isDone = true;
    return result.value;
  } catch (error) {
    if (error instanceof ProtocolError)
      throw new ProtocolError(`${proxy} broke the protocol: ${error.message}`, error.rule, { cause: error });
    if (error instanceof IncompleteRead)
      throw new BrokenResourceError(`${proxy} closed the connection during the handshake`, { cause: error });
    throw error;
  } finally {
    if (!isDone) stream.abort();
  }
}

/**
 * Receives one message and not a byte more.
 *
 * @throws IncompleteRead the end of file came first
 * @throws ProtocolError
 */
export async function receiveMessage<R>(stream: ReceiveStream, format: MessageFormat<R>): Promise<R> {
  const decoder = new MessageDecoder(format);
  for (;;) {
    const message = decoder.next();
    if (message !== undefined) return message;
    const chunk = await stream.receiveSome(decoder.wantedBytes);
    if (chunk === null) {
      decoder.end();
      throw new IncompleteRead(`the end came before ${format.name}`, new Uint8Array(0));
    }
    decoder.push(chunk);
  }
}
