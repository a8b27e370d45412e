/**
 * What is said in clear before TLS: each protocol asks for it in its own words, and the server says yes.
 *
 * All of it can be read and changed by whoever is on the way, so it decides nothing: a server that does not offer TLS is an
 * error and never a reason to go on without. What has arrived together with the server's yes was put there by somebody who
 * hopes that it is taken for a part of the encrypted conversation (CVE-2011-0411 and its descendants); it is refused where TLS
 * begins. Answers are bounded, and what a server says in them is not repeated: a code is.
 */
import { BrokenResourceError, DelimiterNotFound, ProtocolError } from '../../core/errors.ts';
import type { Stream } from '../../core/stream.ts';
import type { BufferedStream } from '../../streams/buffered-stream.ts';

/** Leads the conversation to the point where TLS begins. */
export type Dialogue = (stream: BufferedStream<Stream>, serverName: string) => Promise<void>;

/** RFC 5321 §4.5.3.1.5 has 512; servers send more. */
const MAX_LINE_BYTES = 4096;
const MAX_LINES = 200;

/** The next line, without its end. @throws ProtocolError it is too long */
export async function receiveLine(stream: BufferedStream<Stream>, rule: string): Promise<string> {
  try {
    return new TextDecoder('latin1')
      .decode(await stream.receiveUntil('\n', { maxBytes: MAX_LINE_BYTES }))
      .replace(/\r$/, '');
  } catch (error) {
    if (error instanceof DelimiterNotFound)
      throw new ProtocolError(`the server sent a line of more than ${MAX_LINE_BYTES} bytes`, rule, { cause: error });
    throw error;
  }
}

/** Lines up to the first one that `isLast` takes, that included. @throws ProtocolError there are too many */
export async function receiveLines(
  stream: BufferedStream<Stream>,
  rule: string,
  isLast: (line: string) => boolean,
): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = await receiveLine(stream, rule);
    lines.push(line);
    if (isLast(line)) return lines;
    if (lines.length === MAX_LINES) throw new ProtocolError(`the server sent ${MAX_LINES} lines and no end`, rule);
  }
}

export async function sendText(stream: BufferedStream<Stream>, text: string): Promise<void> {
  await stream.sendAll(new TextEncoder().encode(text));
}

export function notOffered(answer?: string): BrokenResourceError {
  return new BrokenResourceError(
    answer === undefined
      ? 'the server does not offer TLS here'
      : `the server refused to begin TLS: it answered ${answer}`,
  );
}
