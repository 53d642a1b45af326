/** `bunsui session show`: one session as a page, or as one JSON object. */
import { type DeadlineState, deadlineState } from '../../sessions/deadlines.ts';
import type { SessionItem } from '../../sessions/items.ts';
import { isTerminal } from '../../sessions/status.ts';
import type { FailureView, JobView, SessionView } from '../../sessions/view.ts';
import type { CommandContext } from '../context.ts';
import type { PlatformTarget } from '../platform-target.ts';
import { ago, localTime } from '../durations.ts';
import { exitCodes } from '../exit-codes.ts';
import { artifactOf, openForSession, sessionNamed, viewNow } from '../find-session.ts';
import { failureText } from '../failures.ts';
import { tellingLateRecords } from '../late-records.ts';
import { harmlessLine } from '../harmless.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { readFromPlatform } from '../local-platform.ts';
import { commandLine, hintWith, type SessionPlaces } from '../places.ts';
import { failureLines, jobTable, outcomeLines, type PageOptions, resultLines } from '../session-page.ts';
import { whereLines } from '../summary.ts';
import type { Palette } from '../terminal.ts';
import { layoutValue } from '../values.ts';
import { wholeToShow } from '../whole-values.ts';

export interface ShowOptions {
  readonly target: PlatformTarget;
  readonly json?: true;
}

interface Shown {
  readonly item: SessionItem;
  readonly view: SessionView;
  /** No process works on it, and it has not ended. */
  readonly interrupted: boolean;
  /** Of its newest event. */
  readonly lastEventMs: number;
  readonly places: SessionPlaces;
  readonly deadline?: DeadlineState;
}

export async function showSession(context: CommandContext, name: string, options: ShowOptions): Promise<number> {
  const open = () => openForSession(context, options.target, tellingLateRecords(context));
  const shown = await readFromPlatform(open, async (platform): Promise<Shown> => {
    const item = await sessionNamed(platform, name);
    const artifact = await artifactOf(platform, item);
    const { view: seen, interrupted, lastEventMs } = await viewNow(platform, item, artifact);
    const view = await wholeToShow(() => platform.clients(), item, seen, options);
    const at = { session: item.session_id, createdAt: item.created_at, isRecorded: isTerminal(item.status) };
    const places = platform.placesOf(at);
    const deadline = deadlineState(view, artifact.pipeline, interrupted ? lastEventMs : Date.now());
    return { item, view, interrupted, lastEventMs, places, ...(deadline && { deadline }) };
  });
  const { out } = context.terminal;
  if (options.json) out.write(jsonLine('session', { ...shown.item, ...liveFields(shown) }));
  else out.write(`${pageLines(context, shown, options.target).join('\n')}\n`);
  return exitCodes.ok;
}

/** The record with parsed input and output, the jobs, and the places, in the record's kind of names. */
function liveFields({ item, view, interrupted, places, deadline }: Shown): { readonly [field: string]: unknown } {
  return {
    status: view.endedAt === undefined ? item.status : view.status,
    interrupted,
    input: view.input,
    ...(deadline === undefined ? {} : { deadline_at: deadline.at, deadline_missed: deadline.missed }),
    ...(view.output === undefined ? {} : { output: view.output }),
    jobs: view.jobs.map(jobRecord),
    ...(places.exist(places.report) ? { report: places.report } : {}),
    logs: places.logs,
  };
}

const timeField = (name: string, ms: number | undefined) => (ms === undefined ? {} : { [name]: isoTime(ms) });

function errorRecord(error: FailureView | undefined): { readonly error?: object } {
  if (error === undefined) return {};
  const { name, message } = failureText(error);
  return { error: { name, message } };
}

/** A job as a record: the names of job history, ISO times. */
function jobRecord(job: JobView): { readonly [field: string]: unknown } {
  return {
    job_id: job.job,
    kind: job.kind,
    ...(job.operation === undefined ? {} : { operation_id: job.operation }),
    ...(job.isApproval ? { approval: true } : {}),
    ...(job.compensates === undefined ? {} : { compensates: job.compensates }),
    job_status: job.status,
    ...timeField('started_at', job.startedAt),
    ...timeField('completed_at', job.endedAt),
    attempts: job.attempts.map((attempt) => ({
      attempt: attempt.number,
      status: attempt.status,
      ...timeField('started_at', attempt.startedAt),
      ...timeField('completed_at', attempt.endedAt),
      ...errorRecord(attempt.error),
      ...(attempt.called === undefined ? {} : { called_session: attempt.called.session }),
    })),
    ...(job.iterations === undefined ? {} : { iterations: job.iterations }),
    ...(job.input === undefined ? {} : { input: job.input }),
    ...(job.output === undefined ? {} : { output: job.output }),
    ...errorRecord(job.error),
    ...(job.fingerprint === undefined ? {} : { fingerprint: job.fingerprint }),
    file: job.source.file,
    line: job.source.line,
  };
}

function deadlineLine({ at, missed }: DeadlineState, { dim, yellow }: Palette): string {
  return missed ? yellow(`missed its deadline at ${localTime(at)}`) : dim(`deadline ${localTime(at)}`);
}

function pageLines(context: CommandContext, shown: Shown, target: PlatformTarget): readonly string[] {
  const { item, view, interrupted, places, deadline } = shown;
  const { out, unicode } = context.terminal;
  const { bold, dim } = out.palette;
  const nowMs = Date.now();
  const state = interrupted ? { nowMs: shown.lastEventMs, interrupted } : { nowMs };
  const options: PageOptions = { output: out, unicode, cwd: context.cwd, ...state };
  const facts = { session: item.session_id, pipeline: item.pipeline_id, version: item.pipeline_version, view };
  const started = `${localTime(item.created_at)} (${ago(nowMs - Date.parse(item.created_at))})`;
  const by = [item.trigger.kind, item.trigger.detail, item.user_name].filter((part) => part !== undefined).join(', ');
  const failures = view.error === undefined ? [] : failureLines(view, () => [], options);
  const result = resultLines(view, options);
  const input = layoutValue(view.input, { columns: out.size().columns - 3, palette: out.palette });
  return [
    ...outcomeLines(facts, options),
    dim(harmlessLine(`version ${item.pipeline_version}, started ${started} by ${by}`)),
    ...(deadline === undefined ? [] : [deadlineLine(deadline, out.palette)]),
    ...(interrupted
      ? [
          '',
          ...hintWith(
            out,
            'No process works on it. Go on with it:',
            commandLine(context, `session resume ${item.session_id}`, target),
          ).split('\n'),
        ]
      : []),
    ...(failures.length === 0 ? [] : ['', ...failures]),
    '',
    ...jobTable(view, options),
    ...(input.length === 0 ? [] : ['', bold('Input'), ...input.map((line) => `  ${line}`)]),
    ...(result.length === 0 ? [] : ['', ...result]),
    '',
    ...whereLines(
      context,
      { ...facts, places, target, isRecorded: isTerminal(item.status), logsOf: () => [] },
      options,
    ),
  ];
}
