/** What is shown of a session that was followed to its end, on this machine or on AWS. */
import { isHandlerLine } from '../report/handler-output.ts';
import type { SessionItem } from '../sessions/items.ts';
import type { LogLine } from '../sessions/report-data.ts';
import type { SessionView } from '../sessions/view.ts';
import type { CommandContext } from './context.ts';
import type { PlatformTarget } from './platform-target.ts';
import type { FollowedSession, Progress } from './screen/progress.ts';
import { jsonProgress } from './screen/json-progress.ts';
import { liveProgress } from './screen/live-progress.ts';
import { plainProgress } from './screen/plain-progress.ts';
import { endedLine, type SummaryInput, summaryLines } from './summary.ts';

export interface AttendedSession extends FollowedSession {
  readonly executionArn: string;
}

/** The way of showing that fits options and terminal. */
export function progressFor({ terminal }: CommandContext, options: { readonly json?: true }): Progress {
  if (options.json) return jsonProgress(terminal);
  return terminal.out.live ? liveProgress(terminal) : plainProgress(terminal);
}

type LoggedSession = Pick<SessionItem, 'session_id' | 'created_at' | 'status' | 'execution_arn'>;

/** Lines of one job that a summary shows. */
const shownLines = 5;

/** Last lines that the handlers of the failed jobs wrote, for the summary: what lies around them, the failure says. */
export async function failureLogs(
  view: SessionView,
  session: AttendedSession,
  read: (item: LoggedSession) => Promise<readonly LogLine[]>,
): Promise<ReadonlyMap<string, readonly LogLine[]>> {
  const failed = view.jobs.filter(
    ({ kind, status }) => kind === 'job' && (status === 'failed' || status === 'timeout'),
  );
  const logs = new Map<string, readonly LogLine[]>();
  if (failed.length === 0) return logs;
  const item = {
    session_id: session.session,
    created_at: session.createdAt,
    status: view.status,
    execution_arn: session.executionArn,
  };
  for (const line of await read(item)) {
    if (!isHandlerLine(line) || !failed.some(({ job }) => job === line.job_id)) continue;
    logs.set(line.job_id, [...(logs.get(line.job_id) ?? []), line].slice(-shownLines));
  }
  return logs;
}

/** Prints the summary: a page, or with `--json` one line. */
export function showEnd(
  context: CommandContext,
  options: { readonly target: PlatformTarget; readonly json?: true },
  end: Omit<SummaryInput, 'target'>,
): void {
  const { out, unicode } = context.terminal;
  const input = { ...end, target: options.target };
  if (options.json) {
    out.write(endedLine(input));
    return;
  }
  const page = { output: out, unicode, cwd: context.cwd, nowMs: Date.now() };
  out.write(`${summaryLines(context, input, page).join('\n')}\n`);
}
