/** The jobs: a table of all of them (the graph in words), and each one's details: values, error, attempts, log. */
import type { PipelineGraph } from '../graph/graph.ts';
import { conditionOf, nodesOf } from '../graph/graph.ts';
import type { Json } from '../ir/expressions.ts';
import type { AttemptView, FailureView, JobView } from '../sessions/view.ts';
import { explainFailure } from './failure.ts';
import { countText, durationText, numberText, timeText } from './format.ts';
import type { Html } from '../html.ts';
import { invokeError, thrownAt } from './handler-output.ts';
import { html } from '../html.ts';
import { fittingLines, logExcerpt } from './log-excerpt.ts';
import type { JobRow, ReportModel } from './model.ts';
import { statusWord } from './model.ts';
import { badge, codeBlock, command, cutNote, sessionLink, sourceTag } from './parts.ts';

/** Bytes of the page that values and logs may take: in all, and of one job. Failed jobs get more, the first of them. */
const budgets = { all: 150_000, job: 9_000, failedJob: 26_000, failedJobs: 6, smallestLog: 300, attemptRows: 20 };

export function jobsSection(model: ReportModel): Html {
  const { rows, hiddenJobs } = model;
  const note =
    hiddenJobs > 0 &&
    html`<p class="cut">${countText(hiddenJobs, 'job')} of ${numberText(model.data.view.jobs.length)} not shown.</p>`;
  return html`<section aria-labelledby="h-jobs"><div class="bar-head"><h2 id="h-jobs">Jobs</h2><label class="filter" hidden>Filter <input type="search" placeholder="name or status"></label></div><div class="scroll" tabindex="0" role="region" aria-label="Table of jobs"><table class="jobs"><thead><tr><th scope="col">Job</th><th scope="col">Status</th><th scope="col" class="num opt">Attempts</th><th scope="col" class="num opt">Began</th><th scope="col" class="num">Duration</th><th scope="col" class="opt">Operation</th></tr></thead><tbody>${rows.map((row) => tableRow(row, model))}</tbody></table></div>${note}</section>`;
}

function tableRow(row: JobRow, model: ReportModel): Html {
  const { view, startedAt, until, hidden } = row;
  const began = startedAt === undefined ? '–' : `+${durationText(startedAt - (model.startedAt ?? startedAt))}`;
  const took = startedAt === undefined || until === undefined ? '–' : durationText(until - startedAt);
  const more =
    hidden !== undefined &&
    html`<tr class="it more"><td colspan="6">${countText(hidden, 'more job')} of the iterations of ${view.job.slice(0, view.job.indexOf('['))} not shown; failed ones come first</td></tr>`;
  return html`<tr${row.iteration && html` class="it"`}><th scope="row"><a href="#${row.anchor}">${breakable(view.job)}</a></th><td>${badge(view.status, statusWord(model, view.status))}${iterationsText(row)}</td><td class="num opt">${view.attempts.length === 0 ? '–' : view.attempts.length}</td><td class="num opt">${began}</td><td class="num">${took}</td><td class="opt">${view.operation ?? (view.kind === 'job' ? 'approval' : view.kind)}</td></tr>${more}`;
}

/** A path that may break behind its slashes on a narrow page. */
function breakable(path: string): readonly Html[] {
  return path.split('/').map((part, index) => html`${index > 0 && html`/<wbr>`}${part}`);
}

function iterationsText({ view }: JobRow): Html | undefined {
  if (view.iterations === undefined) return undefined;
  const { total, completed, failed } = view.iterations;
  return html` <span class="dim">${completed} of ${total}${failed > 0 && html`, ${failed} failed`}</span>`;
}

export function detailsSection(model: ReportModel): Html {
  const failed = model.rows.filter(({ view }) => view.error !== undefined).slice(0, budgets.failedJobs);
  const rest = model.rows.length - failed.length;
  const share = Math.min(budgets.job, (budgets.all - failed.length * budgets.failedJob) / Math.max(1, rest));
  const rich = new Set(failed);
  const conditions = conditionsOf(model.graph);
  return html`<section class="details" aria-labelledby="h-details"><h2 id="h-details">Details</h2>${model.rows.map((row) => jobDetails(row, model, conditions, rich.has(row) ? budgets.failedJob : Math.floor(share)))}</section>`;
}

function conditionsOf(graph: PipelineGraph): ReadonlyMap<string, string> {
  return new Map(
    nodesOf(graph).flatMap((node) => {
      const condition = conditionOf(node);
      return condition === undefined ? [] : [[node.id, condition]];
    }),
  );
}

function jobDetails(row: JobRow, model: ReportModel, conditions: ReadonlyMap<string, string>, budget: number): Html {
  const { view, startedAt, until } = row;
  const condition = conditions.get(view.node);
  const took = startedAt !== undefined && until !== undefined && durationText(until - startedAt);
  const facts = html`<dl class="facts">${view.operation !== undefined && html`<div><dt>Operation</dt><dd>${view.operation}</dd></div>`}${startedAt !== undefined && html`<div><dt>Began</dt><dd>${timeText(startedAt)}</dd></div>`}${answeredFact(view)}${calledFact(view)}${row.critical && html`<div><dt>Critical path</dt><dd>yes</dd></div>`}${condition !== undefined && html`<div><dt>Runs if</dt><dd><code>${condition}</code></dd></div>`}<div><dt>Written in</dt><dd>${sourceTag(view.source)}</dd></div></dl>`;
  return html`<details class="job" id="${row.anchor}"${view.error !== undefined && html` open`}><summary><span class="nm">${view.job}</span>${badge(view.status, statusWord(model, view.status))}${took !== false && html`<span class="du">${took}</span>`}</summary><div class="body">${facts}${failurePart(view.error, budget * 0.3)}${attemptsPart(view.attempts)}${valuePart('Input', view.input, budget * 0.2)}${valuePart('Output', view.output, budget * 0.25)}${logPart(row, model, budget * 0.4)}</div></details>`;
}

/** Who has answered an approval, and by which way. */
function answeredFact({ isApproval, output }: JobView): Html | undefined {
  const { by, via } = ((isApproval ? output : undefined) as { readonly by?: unknown; readonly via?: unknown }) ?? {};
  if (typeof by !== 'string' || typeof via !== 'string') return undefined;
  return html`<div><dt>Answered by</dt><dd>${by} (${via})</dd></div>`;
}

function failurePart(error: FailureView | undefined, budget: number): Html | undefined {
  if (error === undefined) return undefined;
  const { name, message, trace } = explainFailure(error);
  const thrown = thrownAt(trace);
  return html`<h3>Error</h3><p class="error"><strong>${name}</strong>${thrown !== undefined && html` <span class="dim">thrown at</span> ${sourceTag(thrown)}`}</p>${message !== '' && html`<div class="msg">${codeBlock(message, budget / 2, 'the error message')}</div>`}${trace.length > 0 && codeBlock(trace.join('\n'), budget / 2, 'the stack trace')}`;
}

/** A single attempt that went well needs no table. */
/** The sessions that a call has begun, the last one first told: each has a report of its own. */
function calledFact({ attempts }: JobView): Html | undefined {
  const sessions = attempts.flatMap(({ called }) => called ?? []).toReversed();
  if (sessions.length === 0) return undefined;
  const links = sessions.slice(0, budgets.attemptRows).map((one) => html`${sessionLink(one)} `);
  return html`<div><dt>Called</dt><dd>${links}</dd></div>`;
}

function attemptsPart(attempts: readonly AttemptView[]): Html | undefined {
  if (attempts.length < 2) return undefined;
  const shown = attempts.slice(-budgets.attemptRows);
  const earlier = attempts.length - shown.length;
  return html`<h3>Attempts</h3>${earlier > 0 && cutNote(`${countText(earlier, 'earlier attempt')} not shown`)}<div class="scroll" tabindex="0" role="region" aria-label="Attempts"><table class="data"><thead><tr><th scope="col" class="num">#</th><th scope="col">Status</th><th scope="col" class="num">Duration</th><th scope="col">Error</th></tr></thead><tbody>${shown.map((attempt) => attemptRow(attempt))}</tbody></table></div>`;
}

function attemptRow({ number, status, startedAt, endedAt, error }: AttemptView): Html {
  const message = error === undefined ? '' : (explainFailure(error).message.split('\n')[0] ?? '');
  return html`<tr><td class="num">${number}</td><td>${badge(status)}</td><td class="num">${endedAt === undefined ? '–' : durationText(endedAt - startedAt)}</td><td>${error !== undefined && html`<strong>${error.name}</strong> <span class="dim">${message.slice(0, 160)}</span>`}</td></tr>`;
}

function valuePart(title: string, value: Json | undefined, budget: number): Html | undefined {
  if (value === undefined) return undefined;
  return html`<h3>${title}</h3>${codeBlock(JSON.stringify(value, null, 2), budget, title.toLowerCase())}`;
}

function logPart({ view }: JobRow, model: ReportModel, budget: number): Html | undefined {
  const log = Object.hasOwn(model.data.logs, view.job) ? model.data.logs[view.job] : undefined;
  // What Lambda says of a call that threw is the error above once more.
  const lines = log?.lines.filter(({ message }) => !invokeError.test(message)) ?? [];
  if (log === undefined || lines.length === 0) return undefined;
  const fitting = fittingLines(lines, budget);
  // A single line of many says nothing: then only their number is given.
  const shown = budget < budgets.smallestLog && fitting < lines.length ? 0 : fitting;
  const earlier = lines.length - shown;
  const note =
    earlier > 0
      ? `${countText(earlier, shown === 0 ? 'line' : 'earlier line')} not shown`
      : 'the log is longer than what is kept here';
  const whole =
    view.error !== undefined && html`; all of it: ${command('logs', model.data.session.session_id, '--job', view.job)}`;
  const cut = (earlier > 0 || log.truncated) && html`<p class="cut">${note}${whole}</p>`;
  return html`<h3>Log</h3>${cut}${shown > 0 && logExcerpt(lines.slice(-shown), budget)}`;
}
