/**
 * Where reports go.
 *
 * A library must not write a log of its own, and must not be silent either. So every report goes to one place that the
 * program chooses with `setReporter`. Until it does, each kind of event becomes one process warning (named
 * `BowlineWarning`, code `BOWLINE_HANDLER_ERROR` and so on): enough to notice it, not enough to flood a terminal, and
 * Node's own switches (`--no-warnings`, `--disable-warning`, `process.on('warning')`) work on it. Besides, every event is
 * published on the diagnostics channels `bowline.report` and `bowline.report.KIND`, for tools that watch a program which
 * they did not write.
 *
 * Whoever reports is in the middle of I/O, so nothing that a reporter does reaches it: an exception or a rejected promise
 * of a reporter becomes a process warning, once. (A channel's subscriber that throws is Node's business: an uncaught
 * exception in a later turn.)
 *
 * The reporter belongs to the process, or rather to this copy of the package; that is the one mutable thing here, and the
 * reason why nothing but reports may depend on it.
 */
import type { Channel } from 'node:diagnostics_channel';
import { channel } from 'node:diagnostics_channel';

import type { ReportEvent, ReportKind } from './events.ts';
import { describeReport } from './events.ts';

/** Takes an event. Called synchronously where it happened, so it should not do much, and must not wait. */
export type Reporter = (event: ReportEvent) => void;

/**
 * Takes the reports of this process, in place of whoever had them.
 *
 * @param next gets every event; `null`: back to one process warning for each kind, counted anew
 * @returns the reporter before, `null` for the default
 * @throws TypeError `next` is neither
 */
export function setReporter(next: Reporter | null): Reporter | null {
  if (next !== null && typeof next !== 'function') {
    throw new TypeError(`a reporter must be a function or null, not ${typeof next}`);
  }
  const before = reporter;
  reporter = next;
  warned.clear();
  return before;
}

/** Tells an event to the reporter and the channels. Never throws. For transports; programs listen with `setReporter`. */
export function report(event: ReportEvent): void {
  if (reports.hasSubscribers) reports.publish(event);
  const ofKind = channelOfKind(event.kind);
  if (ofKind.hasSubscribers) ofKind.publish(event);
  if (reporter === null) {
    warnOnce(event);
    return;
  }
  try {
    const result: unknown = reporter(event);
    if (result instanceof Promise) result.catch(warnOfReporter);
  } catch (error) {
    warnOfReporter(error);
  }
}

/** Whether anybody would see an event of this kind: for events that may come by the thousand and are dear to make. */
export function isReportWanted(kind: ReportKind): boolean {
  return reporter !== null || !warned.has(kind) || reports.hasSubscribers || channelOfKind(kind).hasSubscribers;
}

let reporter: Reporter | null = null;
/** Kinds (or 'reporter', for one that failed) that were told as a warning since the reporter was last set. */
const warned = new Set<string>();
const reports = channel('bowline.report');
/** Kept here because Node holds a channel that nobody subscribed to only weakly, and looking one up costs more than a map. */
const channels = new Map<ReportKind, Channel>();

function channelOfKind(kind: ReportKind): Channel {
  let found = channels.get(kind);
  if (found === undefined) channels.set(kind, (found = channel(`bowline.report.${kind}`)));
  return found;
}

function warnOnce(event: ReportEvent): void {
  if (warned.has(event.kind)) return;
  warned.add(event.kind);
  const { text, detail } = describeReport(event);
  warn(`${text} (told once; see setReporter)`, `BOWLINE_${event.kind.toUpperCase().replaceAll('-', '_')}`, detail);
}

function warnOfReporter(error: unknown): void {
  if (warned.has('reporter')) return;
  warned.add('reporter');
  warn(
    'the function given to setReporter failed',
    'BOWLINE_REPORTER',
    error instanceof Error ? error.stack : undefined,
  );
}

function warn(text: string, code: string, detail: string | undefined): void {
  process.emitWarning(text, {
    type: 'BowlineWarning',
    code,
    ...(detail === undefined ? undefined : { detail: withoutControls(detail) }),
  });
}

/** A stack trace may repeat a peer's words; its line breaks stay, what would move the cursor does not. */
function withoutControls(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '\ufffd');
}
