/** The first screen: what ran, how it ended, and if it failed where, why and what to type next. */
import { compensationOf, compensationText } from '../sessions/compensation-view.ts';
import type { LogLine } from '../sessions/report-data.ts';
import { explainFailure } from './failure.ts';
import { countText, durationText, numberText } from './format.ts';
import type { Html } from '../html.ts';
import { isHandlerLine, thrownAt } from './handler-output.ts';
import { html } from '../html.ts';
import { logExcerpt } from './log-excerpt.ts';
import type { JobRow, ReportModel } from './model.ts';
import { statusWord } from './model.ts';
import { badge, codeBlock, command, sessionLink, sourceTag, timeTag } from './parts.ts';
import { readableValue } from './values.ts';

export function headerSection(model: ReportModel): Html {
  const { data, status, startedAt, endedAt, now } = model;
  const { session, artifact } = data;
  const undone = compensationOf(data.view.jobs);
  const total = [...model.counts.values()].reduce((sum, count) => sum + count, 0);
  const open = startedAt !== undefined && endedAt === undefined;
  const facts: readonly (readonly [string, Html | undefined])[] = [
    [
      'Duration',
      startedAt === undefined
        ? html`–`
        : html`${durationText((endedAt ?? now) - startedAt)}${open && html` <span class="dim">so far</span>`}`,
    ],
    ['Started', startedAt === undefined ? html`not yet` : timeTag(startedAt)],
    ['Ended', endedAt === undefined ? html`<span class="dim">not yet; as of </span>${timeTag(now)}` : timeTag(endedAt)],
    [
      'Trigger',
      html`${session.trigger.kind}${startedBy(session)}${session.user_name !== undefined && html` · ${session.user_name}`}`,
    ],
    [
      'Version',
      html`<code>${session.pipeline_version}</code>${session.generation > 1 && html` · generation ${session.generation}`}`,
    ],
    ['Where', html`${session.region}${session.environment !== undefined && html` · ${session.environment}`}`],
    [
      'Jobs',
      html`<span class="counts">${[...model.counts].map(([each, count]) => badge(each, `${numberText(count)} ${statusWord(model, each)}`))}</span>${total === 0 && 'none'}`,
    ],
    ['Compensation', undone && html`${compensationText(undone)}`],
  ];
  return html`<header class="top ${status}"><div class="wrap"><p class="eyebrow">Session report</p><div class="title"><h1>${session.pipeline_name}</h1>${badge(status)}</div><p class="sid"><span class="dim">session</span> <code>${session.session_id}</code></p>${artifact.pipeline.description !== undefined && html`<p class="about">${artifact.pipeline.description}</p>`}<dl class="facts">${facts.map(([name, value]) => value && html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></div></header>`;
}

/** A failed job's log, or the session that it has called, which says more. */
function furtherCommand(job: string | undefined, row: JobRow | undefined, session: string): Html | undefined {
  if (job === undefined) return undefined;
  const called = row?.view.attempts.at(-1)?.called;
  return called === undefined
    ? html`<li>${command('logs', session, '--job', job)}</li>`
    : html`<li>${command('session', 'show', called.session)}</li>`;
}

/** What has started it: of a session that was called, the job and the way to the report of its session. */
function startedBy({ called_by: by, trigger }: ReportModel['data']['session']): Html | undefined {
  if (by !== undefined)
    return html` · ${by.job_id} of ${sessionLink({ session: by.session_id, createdAt: by.created_at })}`;
  return trigger.detail === undefined ? undefined : html` · ${trigger.detail}`;
}

/** Why the session did not complete; nothing when it did or is still at it. */
export function failureSection(model: ReportModel): Html | undefined {
  const { view, session } = model.data;
  const failure = view.error ?? recordedFailure(model);
  if (failure === undefined) return undefined;
  const row = failure.job === undefined ? undefined : model.rowOf.get(failure.job);
  const { name, message, trace } = explainFailure(failure);
  const source = failure.source ?? row?.view.source;
  const log = failure.job === undefined ? undefined : model.data.logs[failure.job];
  const lines: readonly LogLine[] = log?.lines.filter(isHandlerLine).slice(-8) ?? [];
  const thrown = thrownAt(trace);
  const title =
    failure.job === undefined
      ? html`The session ${model.status === 'timeout' ? 'timed out' : `ended as ${model.status}`}`
      : html`${row === undefined ? failure.job : html`<a href="#${row.anchor}">${failure.job}</a>`} ${row?.view.status === 'timeout' ? 'timed out' : 'failed'}`;
  return html`<section class="panel bad" aria-labelledby="h-failure"><h2 id="h-failure">${title}</h2><p class="error"><strong>${name}</strong></p><div class="msg">${codeBlock(message, 6_000, 'the error message')}</div><dl class="facts">${thrown !== undefined && html`<div><dt>Thrown at</dt><dd>${sourceTag(thrown)}</dd></div>`}${source !== undefined && html`<div><dt>Job written in</dt><dd>${sourceTag(source)}</dd></div>`}${row !== undefined && html`<div><dt>Attempts</dt><dd>${attemptsText(row)}</dd></div>`}${row?.view.operation !== undefined && html`<div><dt>Operation</dt><dd><code>${row.view.operation}</code></dd></div>`}</dl>${trace.length > 0 && html`<details><summary>Stack trace</summary>${codeBlock(trace.join('\n'), 8_000, 'the stack trace')}</details>`}${lines.length > 0 && html`<h3>Last log lines</h3>${logExcerpt(lines, 4_000)}`}<h3>Look further</h3><ul class="cmds"><li>${command('session', 'show', session.session_id)}</li>${furtherCommand(failure.job, row, session.session_id)}</ul></section>`;
}

function attemptsText({ view }: JobRow): string {
  const tried = view.attempts.length;
  return tried === 0 ? 'none: it failed before it was tried' : countText(tried, 'attempt');
}

/** Where the history does not say why, the record may: a session that could not be started, or was cancelled. */
function recordedFailure(model: ReportModel): ReportModel['data']['view']['error'] {
  const { error_code, error_message } = model.data.session;
  if (error_code === undefined && error_message === undefined) {
    if (model.status !== 'failed' && model.status !== 'timeout') return undefined;
    const row = model.rows.find(({ view }) => view.status === 'failed' || view.status === 'timeout');
    return {
      ...(row?.view.error ?? { name: 'Unknown', cause: 'no reason was recorded' }),
      ...(row && { job: row.view.job }),
    };
  }
  return { name: error_code ?? model.status, cause: error_message ?? '' };
}

/** What the pipeline gave back; nothing when it gave nothing. */
export function resultSection({ data }: ReportModel): Html | undefined {
  const { output } = data.view;
  if (output === undefined || output === null || !holdsSomething(output)) return undefined;
  return html`<section class="panel" aria-labelledby="h-result"><h2 id="h-result">Result</h2>${readableValue(output)}</section>`;
}

function holdsSomething(value: unknown): boolean {
  return typeof value !== 'object' || value === null || Object.keys(value).length > 0;
}
