/**
 * A session as a page for a person: how it ended, its jobs, what failed and why, its result, and where to look further.
 */
import type { SourcePosition } from '../errors.ts';
import { thrownAt } from '../report/handler-output.ts';
import { compensationOf, compensationText } from '../sessions/compensation-view.ts';
import type { LogLine } from '../sessions/report-data.ts';
import type { JobView, SessionView } from '../sessions/view.ts';
import { approvalText } from './approval-text.ts';
import { placeText } from './diagnostics.ts';
import { duration } from './durations.ts';
import { failureLine, failureText } from './failures.ts';
import { harmlessLine } from './harmless.ts';
import { countByStatus } from './screen/frame.ts';
import { paintOf, type ShownStatus, symbolOf } from './screen/symbols.ts';
import { table } from './table.ts';
import type { Output } from './terminal.ts';
import { cut } from './text-width.ts';
import { layoutValue } from './values.ts';

export interface PageOptions {
  readonly output: Output;
  readonly unicode: boolean;
  readonly cwd: string;
  /** Where the lengths of what has not ended end: now, or the last moment known of an interrupted session. */
  readonly nowMs: number;
  /** No process works on the session: nothing in it runs. */
  readonly interrupted?: true;
}

/** What is known of a session beside its view. */
export interface SessionFacts {
  readonly session: string;
  readonly pipeline: string;
  readonly version: string;
  readonly view: SessionView;
}

const lengthOf = (at: { readonly startedAt?: number; readonly endedAt?: number }, nowMs: number) =>
  at.startedAt === undefined ? '' : duration((at.endedAt ?? nowMs) - at.startedAt);

/** What runs by the record of an interrupted session does not run. */
function shownStatus<S extends ShownStatus>(status: S, { interrupted }: PageOptions): S | 'interrupted' {
  return interrupted && ['running', 'waiting', 'retrying'].includes(status) ? 'interrupted' : status;
}

/** `✓ completed  flights  01k…  in 6.4s`, and the jobs by status. */
export function outcomeLines({ session, pipeline, view }: SessionFacts, options: PageOptions): readonly string[] {
  const { palette } = options.output;
  const took = lengthOf(view, options.nowMs);
  const status = shownStatus(view.status, options);
  const paint = paintOf(status, palette);
  const word = `${symbolOf(status, options.unicode)} ${status}`;
  const jobs = view.jobs.filter(({ kind }) => kind === 'job');
  const undone = compensationOf(view.jobs);
  return [
    `${paint(palette.bold(word))}  ${palette.bold(pipeline)}  ${session}${took === '' ? '' : `  ${palette.dim(view.endedAt === undefined ? 'for' : 'in')} ${took}`}`,
    palette.dim(
      `${jobs.length} job${jobs.length === 1 ? '' : 's'}${jobs.length === 0 ? '' : `: ${countByStatus(jobs.map((job) => ({ status: shownStatus(job.status, options) })))}`}`,
    ),
    ...(undone === undefined
      ? []
      : [undone.failed.length > 0 ? palette.red(compensationText(undone)) : compensationText(undone)]),
  ];
}

/** The jobs that are to blame for a failure, the one the session names first. */
function failedJobs(view: SessionView): readonly JobView[] {
  const failed = view.jobs.filter(
    ({ kind, status }) => (kind === 'job' || kind === 'record') && (status === 'failed' || status === 'timeout'),
  );
  return failed.toSorted((a, b) => Number(b.job === view.error?.job) - Number(a.job === view.error?.job));
}

function place(source: SourcePosition | undefined, options: PageOptions, word = 'at'): readonly string[] {
  if (source === undefined || source.line === 0) return [];
  return [`    ${options.output.palette.dim(word)} ${placeText(source, options.cwd)}`];
}

function failedJobLines(job: JobView, logs: readonly LogLine[], options: PageOptions): readonly string[] {
  const { palette } = options.output;
  const { columns } = options.output.size();
  const tries = job.attempts.length > 1 ? ` after ${job.attempts.length} attempts` : '';
  const said = job.error === undefined ? undefined : failureText(job.error);
  const [first = '', ...rest] = (said?.message ?? '').split('\n');
  // The author's own line that threw tells most; the job's place in the pipeline comes second.
  const thrown = thrownAt(said?.trace ?? []);
  return [
    `  ${palette.red(`${job.job} ${job.status === 'timeout' ? 'timed out' : 'failed'}${tries}`)}`,
    ...(said === undefined ? [] : [`    ${palette.bold(said.name)}${first === '' ? '' : `: ${first}`}`]),
    ...rest.slice(0, 8).map((line) => `    ${cut(line, columns - 5)}`),
    ...place(thrown, options),
    ...place(job.source, options, thrown === undefined ? 'at' : 'job at'),
    ...(logs.length === 0 ? [] : [`    ${palette.dim('last log lines')}`]),
    ...logs.map(
      (line) => `    ${palette.dim('|')} ${cut(harmlessLine(`${line.level}  ${line.message}`), columns - 7)}`,
    ),
  ];
}

/** Why a session failed: each failed job with its error, place and last log lines; at most `max` jobs. */
export function failureLines(
  view: SessionView,
  logsOf: (job: string) => readonly LogLine[],
  options: PageOptions,
  max = 3,
): readonly string[] {
  const jobs = failedJobs(view);
  const shown = jobs.slice(0, max);
  const rest = jobs.length - shown.length;
  const lines = shown.flatMap((job) => failedJobLines(job, logsOf(job.job), options));
  if (rest > 0) lines.push(`  … and ${rest} more that failed`);
  if (jobs.length > 0 || view.error === undefined) return lines;
  return [`  ${options.output.palette.red(failureLine(view.error))}`, ...place(view.error.source, options)];
}

/** Which session a job has called. */
function calledText({ attempts }: JobView): string | undefined {
  const called = attempts.at(-1)?.called;
  return called === undefined ? undefined : `session ${called.session}`;
}

/** Which job a compensation undoes. */
function undoneText({ compensates }: JobView): string | undefined {
  return compensates === undefined ? undefined : `undoes ${compensates}`;
}

/** The table of jobs. Iterations of maps are counted in their map's row; those that failed or run have rows. */
export function jobTable(view: SessionView, options: PageOptions): readonly string[] {
  const { output, unicode, nowMs } = options;
  const rows = view.jobs.filter(
    (job) => !job.job.includes('[') || !['pending', 'completed', 'skipped'].includes(job.status),
  );
  const cells = rows.map((job) => {
    const { iterations } = job;
    const error = job.error ?? job.attempts.findLast((attempt) => attempt.error !== undefined)?.error;
    const items = iterations === undefined ? '' : `${iterations.completed}/${iterations.total}`;
    const attempts = job.attempts.length === 0 ? '' : String(job.attempts.length);
    return [
      `${symbolOf(shownStatus(job.status, options), unicode)} ${shownStatus(job.status, options)}`,
      job.job,
      items === '' ? attempts : job.kind === 'loop' ? `round ${iterations?.total}` : `${items} items`,
      lengthOf(job, nowMs),
      error === undefined ? (calledText(job) ?? undoneText(job) ?? approvalText(job)) : failureLine(error),
    ];
  });
  const paintStatus = (cell: string, row: number) => {
    const job = rows[row];
    return job === undefined ? cell : paintOf(shownStatus(job.status, options), output.palette)(cell);
  };
  return table(
    [
      { title: 'STATUS', paint: paintStatus, atLeast: 11 },
      { title: 'JOB', atLeast: 16 },
      { title: 'ATTEMPTS', align: 'right' },
      { title: 'TIME', align: 'right' },
      {
        title: rows.some((job) => job.isApproval || (calledText(job) ?? undoneText(job)) !== undefined)
          ? 'NOTE'
          : 'ERROR',
        atLeast: 12,
        paint: output.palette.dim,
      },
    ],
    cells,
    output.size().columns - 1,
    output.palette.dim,
  );
}

/** What the pipeline gave back, laid out. */
export function resultLines(view: SessionView, options: PageOptions): readonly string[] {
  if (view.output === undefined) return [];
  const { output } = options;
  const lines = layoutValue(view.output, { columns: output.size().columns - 3, palette: output.palette });
  return lines.length === 0 ? [] : [output.palette.bold('Result'), ...lines.map((line) => `  ${line}`)];
}
