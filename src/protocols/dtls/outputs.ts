/** What comes out of an association: for the shell to do, in this order. */
import type { Bytes } from '../../core/bytes.ts';
import type { Question } from './questions.ts';
import type { Established } from './states/exchange.ts';

export type Output =
  /** One datagram. */
  | { readonly type: 'transmit'; readonly datagram: Bytes }
  /** One message of the application. */
  | { readonly type: 'deliver'; readonly data: Bytes }
  /** Call `timeout` then; `null`: not at all. Replaces what was said before. */
  | { readonly type: 'timer'; readonly at: number | null }
  /** Call `answer` with this ID, some time. */
  | { readonly type: 'question'; readonly id: number; readonly question: Question }
  | { readonly type: 'established'; readonly established: Established }
  /** What was just received proves that the peer sends from where the datagram came from (RFC 9146 §6). */
  | { readonly type: 'peer-moved' }
  /** `null`: the peer ended it with close_notify. Nothing is sent or delivered any more. */
  | { readonly type: 'closed'; readonly error: Error | null };
