/**
 * How many connections to take, where the user has not said.
 *
 * Node closes connections without a word when descriptors run out, and a relayed connection takes more than one: its own,
 * that of the far side or the pipes of a command. So the free descriptors are divided up beforehand: a quarter stays free
 * for everything else, and of the rest some are for connections that wait their turn and the others for those that are
 * handled, with all that they need.
 */
import { descriptorLimit, descriptorsInUse } from '../platform/descriptor-budget.ts';

export interface ConnectionBudget {
  /** Handled at a time; Infinity: no limit is known. */
  readonly handled: number;
  /** Accepted beyond that, waiting. */
  readonly waiting: number;
  /** Commands alive at a time. */
  readonly children: number;
}

export interface Wishes {
  /** --max-connections, if it was given. */
  readonly maxConnections: number | undefined;
  /** --max-children, or 0 where connections do not lead to commands. */
  readonly maxChildren: number;
  /** Descriptors of a connection that does not lead to a command, its own included. */
  readonly descriptorsEach: number;
}

const MAX_WAITING = 128;
const SHARE_TO_USE = 0.75;
const SHARE_TO_WAIT = 0.25;
/** Standard input and output of a command, one that it takes for a moment to start it, and what --through connects to. */
const DESCRIPTORS_OF_CHILD = 4;

/** The budget for the descriptors that are free now; unknown numbers count as unlimited. */
export function currentBudget(wishes: Wishes): ConnectionBudget {
  return budgetFor((descriptorLimit() ?? Infinity) - (descriptorsInUse() ?? 0), wishes);
}

/** @param free descriptors that may still be opened */
export function budgetFor(free: number, { maxConnections, maxChildren, descriptorsEach }: Wishes): ConnectionBudget {
  const usable = Math.floor(free * SHARE_TO_USE);
  const waiting = Math.max(1, Math.min(MAX_WAITING, Math.floor(usable * SHARE_TO_WAIT)));
  const rest = usable - waiting;
  if (maxChildren === 0) {
    return { handled: maxConnections ?? Math.max(1, Math.floor(rest / descriptorsEach)), waiting, children: 0 };
  }
  // At least half of what there is goes to connections: those that have no command yet wait with one descriptor each.
  const children = Math.min(maxChildren, Math.max(1, Math.floor(rest / 2 / DESCRIPTORS_OF_CHILD)));
  return { handled: maxConnections ?? Math.max(1, rest - children * DESCRIPTORS_OF_CHILD), waiting, children };
}
