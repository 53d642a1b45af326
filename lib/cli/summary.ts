/** What stands at the end of a run: outcome, failures, result, where to look further. As a page, and as a JSON line. */
import type { JobStatus } from '../sessions/status.ts';
import type { LogLine } from '../sessions/report-data.ts';
import type { SessionView } from '../sessions/view.ts';
import type { CommandContext } from './context.ts';
import { failureText } from './failures.ts';
import { isoTime, jsonLine } from './json-lines.ts';
import type { PlatformTarget } from './platform-target.ts';
import { commandLine, type SessionPlaces, shellWord, shortPath } from './places.ts';
import { failureLines, outcomeLines, type PageOptions, resultLines, type SessionFacts } from './session-page.ts';

export interface SummaryInput extends SessionFacts {
  readonly places: SessionPlaces;
  readonly target: PlatformTarget;
  /** False when its end could not be recorded: there is no report then. */
  readonly isRecorded: boolean;
  /** The last lines of a failed job's log. */
  readonly logsOf: (job: string) => readonly LogLine[];
}

/** `Report`, `Logs` and the commands, in columns. Places that are not there are left out. */
export function whereLines(context: CommandContext, input: SummaryInput, options: PageOptions): readonly string[] {
  const { bold, dim } = options.output.palette;
  const { places, session, target, view, isRecorded } = input;
  const failed = view.error?.job;
  // A call has no log of its own: the session that it has begun says more.
  const called = view.jobs.find(({ job }) => job === failed)?.attempts.at(-1)?.called;
  const commands = [
    [`session show ${session}`, 'jobs, attempts, errors'],
    called !== undefined
      ? [`session show ${called.session}`, 'the session that failed it']
      : failed === undefined
        ? [`logs ${session}`, 'what its handlers wrote']
        : [`logs ${session} --job ${shellWord(failed)}`, 'its log'],
  ] as const;
  const lines = commands.map(([words, purpose]) => [commandLine(context, words, target), purpose] as const);
  const width = Math.max(...lines.map(([line]) => line.length));
  // A command to copy stays on its line.
  const isRoomy = width + 30 < options.output.size().columns;
  return [
    ...(isRecorded && places.exist(places.report)
      ? [`${bold('Report')}  ${shortPath(places.report, context.cwd)}`]
      : []),
    ...(places.exist(places.logs) ? [`${bold('Logs')}    ${shortPath(places.logs, context.cwd)}/`] : []),
    '',
    ...lines.map(([line, purpose]) => (isRoomy ? `  ${line.padEnd(width)}  ${dim(purpose)}` : `  ${line}`)),
  ];
}

/** The page at the end of a run. */
export function summaryLines(context: CommandContext, input: SummaryInput, options: PageOptions): readonly string[] {
  const failures = input.view.status === 'completed' ? [] : failureLines(input.view, input.logsOf, options);
  const result = resultLines(input.view, options);
  return [
    '',
    ...outcomeLines(input, options),
    ...(failures.length === 0 ? [] : ['', ...failures]),
    ...(result.length === 0 ? [] : ['', ...result]),
    '',
    ...whereLines(context, input, options),
  ];
}

function jobCounts(view: SessionView): { readonly [status in JobStatus]?: number } {
  const counts: { [status in JobStatus]?: number } = {};
  for (const { kind, status } of view.jobs) if (kind === 'job') counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** The last line of `--json`. */
export function endedLine({ session, pipeline, version, view, places, isRecorded }: SummaryInput): string {
  const { error, startedAt, endedAt } = view;
  const said = error === undefined ? undefined : failureText(error);
  return jsonLine('session.ended', {
    at: isoTime(endedAt ?? Date.now()),
    session,
    pipeline,
    version,
    status: view.status,
    ...(startedAt === undefined || endedAt === undefined ? {} : { duration_ms: Math.max(0, endedAt - startedAt) }),
    jobs: jobCounts(view),
    ...(view.output === undefined ? {} : { output: view.output }),
    ...(said === undefined
      ? {}
      : {
          error: {
            name: said.name,
            message: said.message,
            ...(error?.job === undefined ? {} : { job: error.job }),
            ...(error?.source === undefined ? {} : { file: error.source.file, line: error.source.line }),
          },
        }),
    ...(isRecorded && places.exist(places.report) ? { report: places.report } : {}),
    ...(places.exist(places.logs) ? { logs: places.logs } : {}),
  });
}
