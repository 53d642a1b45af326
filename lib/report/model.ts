/** What the sections of a report share: times made safe, jobs numbered, statuses by node, what is shown and what is not. */
import type { PipelineGraph } from '../graph/graph.ts';
import { graphOf } from '../graph/graph.ts';
import { urgency } from '../graph/status.ts';
import type { ReportData } from '../sessions/report-data.ts';
import type { JobStatus, SessionStatus } from '../sessions/status.ts';
import { isTerminal } from '../sessions/status.ts';
import type { JobView } from '../sessions/view.ts';
import { criticalPath } from './critical-path.ts';

/** A job with what the page needs to know about it. */
export interface JobRow {
  readonly view: JobView;
  /** Names the job's details within the page: `job-12`. Made of a number, so that no id needs escaping. */
  readonly anchor: string;
  /** Where the job's first attempt or its state began; absent when it has not begun. */
  readonly startedAt?: number;
  /** Where it ended, or now while it runs. */
  readonly until?: number;
  readonly critical: boolean;
  /** True for a job of a map's iteration. */
  readonly iteration: boolean;
  /** Set on the last row of a map: how many jobs of its iterations the page leaves out. */
  readonly hidden?: number;
}

export interface ReportModel {
  readonly data: ReportData;
  readonly graph: PipelineGraph;
  readonly status: SessionStatus;
  /** When the report was made, and where open bars end. Milliseconds since the epoch, as all times here. */
  readonly now: number;
  /** Absent until the session has started. */
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** The jobs on the page, in the order of the pipeline; of a map's iterations the failed ones first. */
  readonly rows: readonly JobRow[];
  /** Jobs that are left out because the page would be too long. */
  readonly hiddenJobs: number;
  readonly rowOf: ReadonlyMap<string, JobRow>;
  /** Jobs (not maps) by status. */
  readonly counts: ReadonlyMap<JobStatus, number>;
  /** Jobs of each node: one, or one per iteration. */
  readonly byNode: ReadonlyMap<string, readonly JobView[]>;
}

/** Rows that the page has of one map's iterations. */
const iterationRows = 24;

/** @param rowLimit how many jobs the page may have at most */
export function reportModel(data: ReportData, rowLimit: number): ReportModel {
  const { view, session, artifact } = data;
  const jobs = view.jobs;
  const known = [view.startedAt, view.endedAt, ...jobs.flatMap((job) => [job.startedAt, job.endedAt])].flatMap(finite);
  const startedAt =
    firstTime(view.startedAt, session.started_at) ?? smallest(jobs.flatMap((job) => finite(job.startedAt)));
  const endedAt = firstTime(view.endedAt, session.completed_at);
  const now = largest([...finite(Date.parse(session.updated_at)), ...known]) ?? 0;
  const graph = graphOf(artifact.pipeline);
  const critical = criticalPath(graph, jobs, endedAt ?? now);
  const all = jobs.map((job, index): JobRow => rowFor(job, index, critical.has(job.job), endedAt ?? now));
  const shown = shownRows(all, rowLimit);
  return {
    data,
    graph,
    status: isTerminal(view.status) ? view.status : session.status,
    now,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    rows: shown,
    hiddenJobs: all.length - shown.length,
    rowOf: new Map(shown.map((row) => [row.view.job, row])),
    counts: countBy(jobs.filter(({ kind }) => kind === 'job')),
    byNode: groupByNode(jobs),
  };
}

/** The word for a status: a job that an ended session never came to does not wait any more. */
export function statusWord(model: ReportModel, status: JobStatus): string {
  return status === 'pending' && isTerminal(model.status) ? 'not run' : status;
}

function rowFor(view: JobView, index: number, critical: boolean, now: number): JobRow {
  const startedAt = smallest([view.startedAt, view.attempts[0]?.startedAt].flatMap(finite));
  const open = ['running', 'waiting', 'retrying'].includes(view.status);
  const until = finite(view.endedAt)[0] ?? (startedAt === undefined ? undefined : lastMoment(view, open, now));
  return {
    view,
    anchor: `job-${index}`,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(until === undefined ? {} : { until: Math.max(until, startedAt ?? until) }),
    critical,
    iteration: view.job.includes('['),
  };
}

/** A job without an end: it goes on until now when it is at work, otherwise until the last thing known of it. */
function lastMoment(view: JobView, open: boolean, now: number): number {
  return open ? now : (largest(view.attempts.flatMap(({ endedAt }) => finite(endedAt))) ?? now);
}

/** Bounds the rows: of each map some iterations (urgent ones first, then by order), of all jobs the most urgent. */
function shownRows(all: readonly JobRow[], rowLimit: number): readonly JobRow[] {
  const groups = new Map<string, JobRow[]>();
  for (const row of all) {
    if (!row.iteration) continue;
    const map = row.view.job.slice(0, row.view.job.indexOf('['));
    const group = groups.get(map);
    if (group === undefined) groups.set(map, [row]);
    else group.push(row);
  }
  const fitted = all.flatMap((row): readonly JobRow[] => {
    if (row.iteration) return [];
    const inside = groups.get(row.view.job) ?? [];
    const shown = byUrgency(inside).slice(0, iterationRows);
    const hidden = inside.length - shown.length;
    return [
      row,
      ...shown.map((each, index) => (hidden > 0 && index === shown.length - 1 ? { ...each, hidden } : each)),
    ];
  });
  if (fitted.length <= rowLimit) return fitted;
  const kept = new Set(byUrgency(fitted).slice(0, rowLimit));
  return fitted.filter((row) => kept.has(row));
}

/** Stable: rows of one rank keep their order. */
function byUrgency(rows: readonly JobRow[]): readonly JobRow[] {
  // Between what went wrong and what went well: what decided when the session ended.
  const rank = (row: JobRow) =>
    Math.min(urgency.indexOf(row.view.status), row.critical ? urgency.indexOf('pending') : 99);
  return [...rows].sort((a, b) => rank(a) - rank(b));
}

function countBy(jobs: readonly JobView[]): ReadonlyMap<JobStatus, number> {
  const counts = new Map<JobStatus, number>();
  for (const status of urgency) {
    const count = jobs.filter((job) => job.status === status).length;
    if (count > 0) counts.set(status, count);
  }
  return counts;
}

function groupByNode(jobs: readonly JobView[]): ReadonlyMap<string, readonly JobView[]> {
  const groups = new Map<string, JobView[]>();
  for (const job of jobs) {
    const group = groups.get(job.node);
    if (group === undefined) groups.set(job.node, [job]);
    else group.push(job);
  }
  return groups;
}

function firstTime(ms: number | undefined, iso: string | undefined): number | undefined {
  return finite(ms)[0] ?? finite(iso === undefined ? undefined : Date.parse(iso))[0];
}

/** A time that a date can hold, or nothing: a damaged record must not become "Invalid Date". */
function finite(ms: number | undefined): readonly number[] {
  return ms !== undefined && Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? [ms] : [];
}

function smallest(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => Math.min(a, b));
}

function largest(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => Math.max(a, b));
}
