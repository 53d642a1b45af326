/** The Gantt: a row per job that has begun, a bar per attempt, thin lines where it waited, the critical path marked. */
import { countText, durationText } from './format.ts';
import type { Html } from '../html.ts';
import { html } from '../html.ts';
import type { JobRow, ReportModel } from './model.ts';
import { icon } from './parts.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const steps = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * second),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * minute),
  ...[1, 2, 3, 6, 12].map((count) => count * hour),
  ...[1, 2, 7, 14, 30, 90, 365].map((count) => count * day),
];

interface Axis {
  readonly from: number;
  readonly lengthMs: number;
}

export function timelineSection(model: ReportModel): Html | undefined {
  const begun = model.rows.filter((row) => row.startedAt !== undefined);
  const from = model.startedAt;
  if (begun.length === 0 || from === undefined) return undefined;
  const until = Math.max(model.endedAt ?? model.now, ...begun.map((row) => row.until ?? from));
  const start = Math.min(from, ...begun.map((row) => row.startedAt ?? from));
  const axis = { from: start, lengthMs: Math.max(1, until - start) };
  const ticks = ticksOf(axis.lengthMs);
  const left = model.rows.length - begun.length;
  const hidden = begun.reduce((sum, row) => sum + (row.hidden ?? 0), 0) + model.hiddenJobs;
  const note = [
    model.endedAt === undefined ? 'open bars end at the time of this report' : '',
    left > 0 ? `${countText(left, 'job')} did not begin` : '',
    hidden > 0 ? `some of the ${countText(model.data.view.jobs.length, 'job')} are left out` : '',
  ].filter((text) => text !== '');
  return html`<section aria-labelledby="h-time"><h2 id="h-time">Timeline</h2><div class="gantt" tabindex="0" role="region" aria-label="Timeline, scrollable"><div class="plane"><div class="axis" aria-hidden="true"><svg>${ticks.map((at) => html`<line x1="${percent(at / axis.lengthMs)}" x2="${percent(at / axis.lengthMs)}" y1="18" y2="100%"/><text x="${percent(at / axis.lengthMs)}" y="12" dx="${at === 0 ? 0 : 3}">${at === 0 ? '0' : durationText(at).replace('.0 s', ' s')}</text>`)}</svg></div><ol>${begun.map((row) => ganttRow(row, axis))}</ol></div></div><p class="legend"><span class="key crit">critical path</span> <span class="key wait">waiting to start or to retry</span>${note.length > 0 && html` <span>${note.join('; ')}.</span>`}</p></section>`;
}

function ganttRow(row: JobRow, axis: Axis): Html {
  const { view, startedAt = axis.from, until = startedAt } = row;
  const took = durationText(until - startedAt);
  const attempts = view.attempts.filter(({ startedAt: at }) => Number.isFinite(at));
  const bars = attempts.map((attempt) => {
    const end = attempt.endedAt ?? (attempt.status === 'running' ? until : attempt.startedAt);
    return rect(`b ${attempt.status}`, attempt.startedAt, end, axis);
  });
  const whole =
    attempts.length === 0 && rect(`b ${view.kind === 'job' ? '' : 'map '}${view.status}`, startedAt, until, axis);
  const first = attempts[0]?.startedAt;
  const last = attempts.at(-1)?.endedAt;
  const waited =
    attempts.length > 1 || (first !== undefined && first > startedAt) || (last !== undefined && last < until);
  const wait =
    waited && html`<line class="w" x1="${place(startedAt, axis)}" x2="${place(until, axis)}" y1="9" y2="9"/>`;
  const kind = `${row.critical ? 'crit ' : ''}${row.iteration ? 'it' : ''}`.trim();
  const tries = attempts.length > 1 ? `, ${attempts.length} attempts` : '';
  return html`<li${kind !== '' && html` class="${kind}"`}><a href="#${row.anchor}" aria-label="${view.job}: ${view.status}, ${took}${tries}${row.critical && ', critical path'}"><span class="nm ${view.status}">${icon(view.status)}<span>${view.job}</span></span><svg class="bar" aria-hidden="true">${wait}${whole}${bars}</svg><span class="du">${took}</span></a></li>`;
}

function rect(kind: string, from: number, until: number, axis: Axis): Html {
  const width = percent(Math.max(0, until - from) / axis.lengthMs);
  return html`<rect class="${kind}" x="${place(from, axis)}" width="${width}"/>`;
}

function place(at: number, axis: Axis): string {
  return percent((at - axis.from) / axis.lengthMs);
}

function percent(share: number): string {
  return `${Math.round(Math.min(1, Math.max(0, share)) * 10_000) / 100}%`;
}

/** About five round times from 0 on. */
function ticksOf(lengthMs: number): readonly number[] {
  const step = steps.find((each) => lengthMs / each <= 6) ?? Math.ceil(lengthMs / 5);
  return Array.from({ length: Math.floor(lengthMs / step) + 1 }, (_, index) => index * step).filter(
    (at) => at / lengthMs < 0.96,
  );
}
