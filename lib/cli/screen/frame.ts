/**
 * One picture of a running session: what the live view shows at one moment, as lines that fit the terminal.
 * Pure: the same view, size and time give the same lines.
 */
import type { JobStatus } from '../../sessions/status.ts';
import type { JobView, SessionView } from '../../sessions/view.ts';
import { duration } from '../durations.ts';
import { waitingText } from '../approval-text.ts';
import { failureLine } from '../failures.ts';
import { harmlessLine } from '../harmless.ts';
import type { Palette } from '../terminal.ts';
import { cut, sized, textWidth } from '../text-width.ts';
import { bar, paintOf, type ShownStatus, spinnerAt, symbolOf } from './symbols.ts';

export interface FrameOptions {
  readonly title: string;
  readonly columns: number;
  readonly rows: number;
  readonly unicode: boolean;
  readonly palette: Palette;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Which rows stay when there is no room for all: lower is kept first. */
const importance: { readonly [status in JobStatus]: number } = {
  failed: 0,
  timeout: 0,
  running: 1,
  retrying: 1,
  waiting: 1,
  cancelled: 2,
  completed: 3,
  pending: 4,
  skipped: 5,
};

const isActive = ({ status }: JobView) => status === 'running' || status === 'retrying' || status === 'waiting';
const isDone = (job: JobView) => job.status !== 'pending' && !isActive(job);
const depthOf = (job: JobView) => job.job.split('/').length - 1;
const isIteration = (job: JobView) => job.job.includes('[');

/**
 * The rows to show, in the pipeline's order. Iterations of a map show only while they run or when they failed: the
 * map's own row counts the others.
 */
function chooseRows(jobs: readonly JobView[], room: number): readonly JobView[] {
  const worthRows = jobs.filter((job) => !isIteration(job) || isActive(job) || importance[job.status] === 0);
  if (worthRows.length <= room) return worthRows;
  const rank = (job: JobView) => importance[job.status] * 2 + (isIteration(job) ? 1 : 0);
  const kept = new Set(
    worthRows
      .map((job, index) => ({ job, index }))
      // Of what has ended the latest are of interest, of what waits the next.
      .sort((a, b) => rank(a.job) - rank(b.job) || (isDone(a.job) ? b.index - a.index : a.index - b.index))
      .slice(0, Math.max(0, room))
      .map(({ job }) => job),
  );
  return worthRows.filter((job) => kept.has(job));
}

/** `12 completed, 3 running`: how many of these jobs have each status. */
export function countByStatus(jobs: readonly { readonly status: ShownStatus }[]): string {
  const counts = new Map<ShownStatus, number>();
  for (const { status } of jobs) counts.set(status, (counts.get(status) ?? 0) + 1);
  const order: readonly ShownStatus[] = [
    'failed',
    'timeout',
    'cancelled',
    'interrupted',
    'waiting',
    'running',
    'retrying',
    'completed',
    'skipped',
    'pending',
  ];
  return order.flatMap((status) => (counts.has(status) ? [`${counts.get(status)} ${status}`] : [])).join(', ');
}

/** How much of the pipeline is behind it, 0 to 1; a map counts by its items. */
export function progressOf(view: SessionView): number {
  const nodes = view.jobs.filter((job) => !isIteration(job));
  const parts = nodes.map((job) => {
    if (isDone(job)) return 1;
    const { total = 0, completed = 0, failed = 0 } = (job.kind === 'map' && job.iterations) || {};
    return total > 0 ? (completed + failed) / total : 0;
  });
  return nodes.length === 0 ? 0 : parts.reduce((sum, part) => sum + part, 0) / nodes.length;
}

function detailOf(job: JobView, options: FrameOptions): string {
  const { unicode, palette } = options;
  if (job.kind === 'loop' && job.iterations !== undefined) return `round ${job.iterations.total}`;
  if (job.iterations !== undefined && job.iterations.total > 0) {
    const { total, completed, failed } = job.iterations;
    const { done, left } = bar((completed + failed) / total, 16, unicode);
    const failures = failed > 0 ? palette.red(`, ${failed} failed`) : '';
    return `${palette.green(done)}${palette.dim(left)} ${completed}/${total}${failures}`;
  }
  if (job.status === 'waiting') return harmlessLine(waitingText(job));
  const error = job.error ?? job.attempts.findLast((attempt) => attempt.error !== undefined)?.error;
  const attempt = job.attempts.length > 1 ? `attempt ${job.attempts.length}` : '';
  const why = error === undefined || job.status === 'completed' ? '' : failureLine(error);
  return [attempt, why].filter((part) => part !== '').join('  ');
}

function elapsedOf(job: JobView, nowMs: number): string {
  if (job.startedAt === undefined) return '';
  return duration((job.endedAt ?? (isActive(job) ? nowMs : job.startedAt)) - job.startedAt);
}

function jobRow(job: JobView, nameColumns: number, options: FrameOptions): string {
  const { unicode, palette, columns, nowMs } = options;
  const paint = paintOf(job.status, palette);
  const symbol = job.status === 'running' ? spinnerAt(nowMs, unicode) : symbolOf(job.status, unicode);
  const indent = '  '.repeat(Math.min(4, depthOf(job)));
  const name = sized(
    indent + (depthOf(job) > 0 ? (job.job.split('/').slice(-2).join('/') ?? '') : job.job),
    nameColumns,
  );
  const status = sized(job.status, 9);
  const elapsed = sized(elapsedOf(job, nowMs), 7, 'right');
  const used = 1 + 1 + 1 + nameColumns + 2 + 9 + 1 + 7 + 2;
  const detail = detailOf(job, options);
  const room = columns - 1 - used;
  const shownDetail = job.iterations === undefined ? palette.dim(cut(detail, room)) : room >= 30 ? detail : '';
  return ` ${paint(symbol)} ${name}  ${paint(status)} ${elapsed}  ${room > 0 ? shownDetail : ''}`.trimEnd();
}

function progressLine(view: SessionView, options: FrameOptions): string {
  const { unicode, palette, columns, nowMs } = options;
  const nodes = view.jobs.filter((job) => !isIteration(job));
  const elapsed = view.startedAt === undefined ? '' : duration((view.endedAt ?? nowMs) - view.startedAt);
  const words = `${nodes.filter(isDone).length}/${nodes.length} steps  ${elapsed}`;
  const { done, left } = bar(progressOf(view), Math.max(0, Math.min(40, columns - textWidth(words) - 5)), unicode);
  return cutPlain(` ${palette.green(done)}${palette.dim(left)}  ${words}`, words, columns);
}

/** A line with colours cannot be cut: where it does not sized, its words stand without the bar. */
function cutPlain(line: string, words: string, columns: number): string {
  return columns < textWidth(words) + 5 ? cut(words, columns - 1) : line;
}

/** The picture, top to bottom: a title, the jobs, the bar. At most `rows - 1` lines of at most `columns - 1` columns. */
export function frame(view: SessionView, options: FrameOptions): readonly string[] {
  const { columns, rows, palette } = options;
  const room = Math.max(1, rows - 4);
  const wanted = chooseRows(view.jobs, room);
  const top = view.jobs.filter((job) => !isIteration(job));
  const overflow = top.some((job) => !wanted.includes(job)) || wanted.length > room;
  const shown = overflow ? chooseRows(view.jobs, room - 1) : wanted;
  const hidden = top.filter((job) => !shown.includes(job));
  const longest = Math.max(8, ...shown.map((job) => textWidth(job.job) + 2 * depthOf(job)));
  const nameColumns = Math.min(longest, Math.max(8, Math.floor(columns * 0.4)));
  const lines = [
    palette.bold(cut(options.title, columns - 1)),
    ...shown.map((job) => jobRow(job, nameColumns, options)),
    ...(hidden.length > 0
      ? [palette.dim(cut(`   … and ${hidden.length} more: ${countByStatus(hidden)}`, columns - 1))]
      : []),
    '',
    progressLine(view, options),
  ];
  return lines.length > rows - 1 ? lines.slice(-Math.max(1, rows - 1)) : lines;
}
