/**
 * Cancellation as an exception, and the rules by which it loses to real errors.
 *
 * `Cancelled` travels like any error, but it is not a failure: it belongs to the scope that was cancelled, which swallows
 * it. JavaScript has no base exception that `catch (e)` leaves alone, so whether something is cancelled is decided by the
 * state of the scope and not by which error arrived; the error only unwinds the stack.
 *
 * A real error beats `Cancelled`. Where both arrive together in one group (AggregateError, or SuppressedError from
 * `using`), the Cancelled leaves are taken out, so that nobody has to look for them there. Foreign APIs that were given
 * `scope.signal` reject with their own AbortError whose `cause` chain ends in our `Cancelled`; that counts as one.
 *
 * Source: Trio `Cancelled` and `CancelScope._close`; the group rules are bowline's.
 */
import { MisuseError } from '../core/errors.ts';

export type CancelSource = 'explicit' | 'deadline' | 'nursery' | 'signal';

/** Not a BowlineError: nothing went wrong. Named like the DOM's AbortError, so that foreign code recognises it. */
export class Cancelled extends Error {
  override readonly name = 'AbortError';
  readonly code = 'ERR_BOWLINE_CANCELLED';
  /** Who cancelled: `cancel()`, a deadline, a failing sibling in a nursery, or a foreign AbortSignal. */
  readonly source: CancelSource;
  /** What was given to `cancel(reason)`, or the foreign signal's reason. */
  readonly reason: unknown;

  constructor(source: CancelSource, reason?: unknown) {
    super(describe(source, reason));
    this.source = source;
    this.reason = reason;
  }
}

function describe(source: CancelSource, reason: unknown): string {
  const why = {
    explicit: 'cancelled',
    deadline: 'cancelled: the deadline passed',
    nursery: 'cancelled: another task of the nursery failed',
    signal: 'cancelled: the AbortSignal was aborted',
  }[source];
  return typeof reason === 'string' ? `${why} (${reason})` : why;
}

/** A wait in a scope that has ended: the code that waits outlived its scope. Wait for it before the scope's body returns. */
export class ScopeExitedError extends MisuseError {
  override readonly code = 'ERR_BOWLINE_SCOPE_EXITED';
  constructor(
    message = 'this wait outlived its cancel scope: something was started and not awaited',
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/**
 * Whether the error is a `Cancelled`, or a foreign AbortError that one caused. By name and not by class: test runners load
 * modules into a realm of their own, where Node's errors are not instances of the global Error.
 */
export function isCancellation(error: unknown): boolean {
  if (error instanceof Cancelled) return true;
  if (!isObject(error) || error['name'] !== 'AbortError') return false;
  // A chain longer than this is a cycle or an attack, not a cause.
  for (let depth = 0, link: unknown = error; depth < 16 && isObject(link); depth++, link = link['cause']) {
    if (link instanceof Cancelled) return true;
  }
  return false;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** What is left of an error when its Cancelled leaves are taken out. */
export type Residue =
  | { readonly cancelled: false; readonly error: unknown }
  | { readonly cancelled: true; readonly failed: false }
  | { readonly cancelled: true; readonly failed: true; readonly error: unknown };

/** Separates cancellation from failure; an error without any Cancelled leaf comes back as it is. */
export function takeOutCancelled(error: unknown): Residue {
  if (isCancellation(error)) return { cancelled: true, failed: false };
  return isGroup(error) ? filterGroup(error, new Map(), 0) : { cancelled: false, error };
}

/** An AggregateError, or a SuppressedError: Node 20 has none, and compilers that lower `using` bring their own. */
type Group = Error &
  ({ readonly errors: readonly unknown[] } | { readonly error: unknown; readonly suppressed: unknown });

function isGroup(error: unknown): error is Group {
  if (!isObject(error)) return false;
  if (error instanceof AggregateError || error['name'] === 'AggregateError') return Array.isArray(error['errors']);
  return error['name'] === 'SuppressedError' && 'error' in error && 'suppressed' in error;
}

/** Groups in groups beyond this are taken as they are: the stack has an end, and nobody reads that far. */
const MAX_DEPTH = 1000;

/** @param known what became of the groups seen so far: one may be in several others, or in itself */
function filterGroup(group: Group, known: Map<Group, Residue>, depth: number): Residue {
  const earlier = known.get(group);
  if (earlier !== undefined) return earlier;
  known.set(group, { cancelled: false, error: group });
  const leaves = 'errors' in group ? group.errors : [group.error, group.suppressed];
  const kept: unknown[] = [];
  let cancelled = false;
  for (const leaf of leaves) {
    const residue = depth < MAX_DEPTH && isGroup(leaf) ? filterGroup(leaf, known, depth + 1) : filterLeaf(leaf);
    cancelled ||= residue.cancelled;
    if (!residue.cancelled || residue.failed) kept.push(residue.error);
  }
  if (!cancelled) return { cancelled: false, error: group };
  const residue = oneOrGroup(kept, group.message, group.cause);
  known.set(group, residue);
  return residue;
}

function filterLeaf(error: unknown): Residue {
  return isCancellation(error) ? { cancelled: true, failed: false } : { cancelled: false, error };
}

function oneOrGroup(errors: readonly unknown[], message: string, cause: unknown): Residue {
  if (errors.length === 0) return { cancelled: true, failed: false };
  if (errors.length === 1) return { cancelled: true, failed: true, error: errors[0] };
  const group = new AggregateError(errors, message, cause === undefined ? undefined : { cause });
  return { cancelled: true, failed: true, error: group };
}
