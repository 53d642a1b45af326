/** The session as data inside the page, for programs that read reports: one JSON object in a script element. */
import type { Json } from '../ir/expressions.ts';
import type { Html } from '../html.ts';
import { html, scriptJson } from '../html.ts';
import type { ReportModel } from './model.ts';

/** Bytes that values may take: all together, and the session's own output. */
const budgets = { values: 90_000, output: 60_000, cause: 1_000 };

/**
 * The element `<script type="application/json" id="bunsui-report">`.
 *
 * Shape: `{ reportVersion: 1, session, input, output, error, jobs }`; `session` is the session's item without its values,
 * `jobs` are the jobs on the page: `{ job, status, operation, startedAt, endedAt, critical, attempts, input, output, error }`.
 * Times are milliseconds since the epoch. A value too large for the page is `{ "omittedBytes": <its size as JSON> }`.
 */
export function embeddedData(model: ReportModel): Html {
  const { view, session } = model.data;
  const share = Math.floor(budgets.values / Math.max(1, model.rows.length * 2));
  const { input: _input, output: _output, ...item } = session;
  const report = {
    reportVersion: 1,
    session: { ...item, status: model.status },
    input: bounded(view.input, budgets.output),
    output: bounded(view.output, budgets.output),
    error: view.error && { ...view.error, cause: view.error.cause.slice(0, budgets.output) },
    jobsNotShown: view.jobs.length - model.rows.length,
    jobs: model.rows.map(({ view: job, critical }) => ({
      job: job.job,
      status: job.status,
      operation: job.operation,
      startedAt: job.startedAt,
      endedAt: job.endedAt,
      critical: critical || undefined,
      iterations: job.iterations,
      attempts: job.attempts.map((attempt) => ({
        ...attempt,
        error: attempt.error && { ...attempt.error, cause: attempt.error.cause.slice(0, budgets.cause) },
      })),
      input: bounded(job.input, share),
      output: bounded(job.output, share),
      error: job.error && { ...job.error, cause: job.error.cause.slice(0, budgets.cause) },
    })),
  };
  return html`<script type="application/json" id="bunsui-report">${scriptJson(report)}</script>`;
}

function bounded(value: Json | undefined, budget: number): Json | undefined {
  if (value === undefined) return undefined;
  const bytes = scriptJson(value).markup.length;
  return bytes <= budget ? value : { omittedBytes: bytes };
}
