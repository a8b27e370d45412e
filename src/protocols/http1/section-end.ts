/**
 * Finding the empty line that ends a head or trailers, however the bytes are cut.
 *
 * Looking is apart from reading, so that a head is read once, when all of it is there: reading again from its start at every
 * byte that arrives would cost a server 134 million steps for a head of 16 KiB. Looking remembers how far it got.
 * A bare LF is refused here already, wherever it stands (RFC 9112 §2.2 allows readers to take it for a line ending; that is the
 * classic disagreement). A bare CR is not: it is a control character, which the reading refuses.
 */
import { CR, LF } from './characters.ts';
import { MessageError } from './message-error.ts';

/**
 * @param start where the section begins; an empty line there is its end
 * @param seen up to where earlier calls have looked; `start` at first
 * @returns just behind the empty line, or -1 if it is not there yet
 * @throws MessageError a bare LF
 */
export function findSectionEnd(bytes: Uint8Array, start: number, seen: number): number {
  for (let at = bytes.indexOf(LF, seen); at !== -1; at = bytes.indexOf(LF, at + 1)) {
    if (at === start || bytes[at - 1] !== CR)
      throw new MessageError(400, 'a line feed without a carriage return', 'RFC 9112 §2.2');
    if (at === start + 1 || bytes[at - 2] === LF) return at + 1;
  }
  return -1;
}
