/** What the options of `bunsui logs` ask for. */
import { BunsuiError } from '../errors.ts';
import type { PipelineIr } from '../ir/nodes.ts';
import { placedNodes } from '../ir/walk.ts';
import { isOfJob, type LogQuery } from '../sessions/log-query.ts';
import type { LogLevel } from '../sessions/report-data.ts';
import type { SessionItem } from '../sessions/items.ts';
import type { CommandContext } from './context.ts';
import { artifactOf, openForSession, sessionNamed, viewNow } from './find-session.ts';
import { harmlessLine } from './harmless.ts';
import { readFromPlatform } from './local-platform.ts';
import type { LogFormat } from './log-formats.ts';
import { pastMoment } from './past-moment.ts';
import type { Platform } from './platform.ts';
import type { PlatformTarget } from './platform-target.ts';
import { didYouMean } from './suggest.ts';

export interface LogOptions {
  readonly target: PlatformTarget;
  readonly job?: readonly string[];
  readonly level?: string;
  readonly grep?: string;
  readonly caseSensitive?: true;
  readonly since?: string;
  readonly until?: string;
  readonly format?: LogFormat;
  readonly json?: true;
}

/** Characters of a regular expression. */
const longestPattern = 1_000;

function patternOf(typed: string, caseSensitive: boolean): RegExp {
  if (typed.length > longestPattern) {
    const hint = `at most ${longestPattern} are allowed`;
    throw new BunsuiError('ConfigError', 'BS2001', `--grep has ${typed.length} characters`, { hint });
  }
  try {
    return new RegExp(typed, caseSensitive ? '' : 'i');
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message.replace(/^Invalid regular expression: /, '') : '';
    throw new BunsuiError('ConfigError', 'BS2001', `--grep is no regular expression: ${harmlessLine(why)}`, {
      hint: 'write \\ before a character that is to stand for itself, as in \\( or \\.',
      cause: thrown,
    });
  }
}

/**
 * The query of some options.
 *
 * @throws {BunsuiError} BS2001 for a moment or an expression that is none, or an end before its beginning
 */
export function queryOf(options: LogOptions, nowMs: number): LogQuery {
  const { job, level, grep, caseSensitive = false, since, until } = options;
  const sinceMs = since === undefined ? undefined : pastMoment('--since', since, nowMs);
  const untilMs = until === undefined ? undefined : pastMoment('--until', until, nowMs);
  if (sinceMs !== undefined && untilMs !== undefined && untilMs < sinceMs) {
    throw new BunsuiError('ConfigError', 'BS2001', `--until ${until} is before --since ${since}`, {
      hint: 'nothing lies between them; give them the other way round',
    });
  }
  return {
    ...(job === undefined ? {} : { jobs: job }),
    ...(level === undefined ? {} : { level: level as LogLevel }),
    ...(grep === undefined ? {} : { pattern: patternOf(grep, caseSensitive) }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
  };
}

/** Ids of all jobs and maps of a pipeline. */
const nodesOf = ({ body }: PipelineIr) =>
  placedNodes(body).flatMap(({ node }) => (['branch', 'switch', 'guard'].includes(node.kind) ? [] : [node.id]));

/** The id at the end of a path: `each[3]/convert` is a `convert`. */
const nodeOf = (path: string) => (path.split('/').at(-1) ?? '').replace(/\[\d+\]$/, '');

function noSuchJob(name: string, nodes: readonly string[], paths: readonly string[]): BunsuiError {
  const all = nodes.length === 0 ? 'it has no jobs' : `its jobs are ${nodes.join(', ')}`;
  return new BunsuiError('SessionError', 'BS3006', `this session has no job "${harmlessLine(name)}"`, {
    hint: didYouMean(name, [...nodes, ...paths]) ?? all,
  });
}

/**
 * Refuses a name that can stand for no job of a session: a path of a map's item may be of one that has not begun yet.
 *
 * @throws {BunsuiError} BS3006
 */
export function requireJobs(names: readonly string[], nodes: readonly string[]): void {
  for (const name of names) {
    if (!name.split('/').every((part) => nodes.includes(nodeOf(part)))) throw noSuchJob(name, nodes, []);
  }
}

/** @throws {BunsuiError} BS3006 when the session's pipeline has no such jobs */
export async function requireJobsOf(
  platform: Platform,
  item: SessionItem,
  names: readonly string[] = [],
): Promise<void> {
  if (names.length > 0) requireJobs(names, nodesOf((await artifactOf(platform, item)).pipeline));
}

/** Of a session that has written nothing of some jobs. @throws {BunsuiError} BS3006 when it has no such jobs */
export async function requireThere(
  platform: Platform,
  item: SessionItem,
  names: readonly string[] = [],
): Promise<void> {
  // An id is a job's, whether it has run or not: only an item of a map need not be there.
  const items = names.filter((name) => /\[\d+\]/.test(name));
  if (items.length === 0) return;
  const artifact = await artifactOf(platform, item);
  const { view } = await viewNow(platform, item, artifact);
  const paths = view.jobs.map(({ job }) => job);
  const missing = items.find((name) => !paths.some((path) => isOfJob(path, name)));
  if (missing !== undefined) throw noSuchJob(missing, nodesOf(artifact.pipeline), paths);
}

/**
 * Reads of the log of a session, as it stands; begun again when the process that owned the runtime has gone meanwhile.
 *
 * @throws {BunsuiError} BS3002 when there is no such session, BS3006 when it has no such jobs
 */
export async function readLogOf<T>(
  context: CommandContext,
  name: string,
  { target, job }: LogOptions,
  read: (platform: Platform, item: SessionItem) => Promise<T>,
): Promise<T> {
  return readFromPlatform(
    () => openForSession(context, target),
    async (platform) => {
      const item = await sessionNamed(platform, name);
      await requireJobsOf(platform, item, job);
      return read(platform, item);
    },
  );
}
