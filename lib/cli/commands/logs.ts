/** `bunsui logs`: what the handlers of a session wrote. */
import { BunsuiError } from '../../errors.ts';
import { fieldText, invokeError, withoutOwnFrames, wrapperFields } from '../../report/handler-output.ts';
import { readSessionLogs } from '../../sessions/logs.ts';
import type { PipelineIr } from '../../ir/nodes.ts';
import { placedNodes } from '../../ir/walk.ts';
import type { LogLine } from '../../sessions/report-data.ts';
import type { JobView } from '../../sessions/view.ts';
import type { CommandContext } from '../context.ts';
import type { PlatformTarget } from '../platform-target.ts';
import { localTime } from '../durations.ts';
import { exitCodes } from '../exit-codes.ts';
import { artifactOf, openForSession, sessionNamed, viewNow } from '../find-session.ts';
import { harmlessLine } from '../harmless.ts';
import { readFromPlatform } from '../local-platform.ts';
import { didYouMean } from '../suggest.ts';
import type { Palette } from '../terminal.ts';
import { cut } from '../text-width.ts';

export interface LogsOptions {
  readonly target: PlatformTarget;
  readonly job?: string;
  readonly json?: true;
}

/** Characters of one field; the whole of it is in `--json`. */
const longestField = 200;

function paintLevel(level: LogLine['level'], palette: Palette): string {
  const text = level.padEnd(8);
  if (level === 'ERROR' || level === 'CRITICAL') return palette.red(text);
  if (level === 'WARNING') return palette.yellow(text);
  return level === 'DEBUG' ? palette.dim(text) : text;
}

/** The time of day in the machine's zone, to the millisecond. */
function clockTime(iso: string): string {
  const time = localTime(iso).slice(11);
  return time === '' ? '??:??:??.???' : `${time}.${String(new Date(iso).getUTCMilliseconds()).padStart(3, '0')}`;
}

/** `09:40:12.123  load#2  INFO      message  field=value`. */
export function logText(line: LogLine, palette: Palette): string {
  return textWith(line, harmlessLine(line.message), palette);
}

function textWith(line: LogLine, message: string, palette: Palette): string {
  const fields = Object.entries(line)
    .filter(([name]) => !wrapperFields.has(name))
    .map(([name, value]) => cut(`${name}=${harmlessLine(fieldText(value))}`, longestField));
  const job = line.attempt > 1 ? `${line.job_id}#${line.attempt}` : line.job_id;
  return [
    palette.dim(clockTime(line.timestamp)),
    palette.cyan(harmlessLine(job)),
    paintLevel(line.level, palette),
    message,
    ...(fields.length === 0 ? [] : [palette.dim(fields.join('  '))]),
  ].join('  ');
}

/** The stack of an error that stands in a field. */
function stackIn(line: LogLine): readonly string[] {
  for (const value of Object.values(line)) {
    if (typeof value !== 'object' || value === null || !('stack' in value) || typeof value.stack !== 'string') continue;
    return value.stack.split('\n').filter((text) => /^\s+at /.test(text));
  }
  return [];
}

/** Tabs as spaces, everything else that acts on a terminal as an escape. */
const plainText = (text: string) => harmlessLine(text.replaceAll('\t', '  '));

/**
 * A line for a terminal: its message over as many lines as it has, an error's stack once and without frames that are
 * not the author's. What follows the first line stands behind a bar: no message can look like another record.
 */
export function logLines(line: LogLine, palette: Palette): readonly string[] {
  const [first = '', ...rest] = line.message.replaceAll('\r\n', '\n').replace(/\n+$/, '').split('\n');
  const below = withoutOwnFrames([...rest, ...stackIn(line)]).map((text) => palette.dim(`  | ${plainText(text)}`));
  // The request's id is in `--json`; here it would fill a line.
  return [textWith(line, plainText(first.replace(/^REPORT RequestId: \S+/, 'REPORT')), palette), ...below];
}

/** Lines for a terminal: what Lambda says of a call that threw is left out where the wrapper's record says it. */
export function readableLines(lines: readonly LogLine[]): readonly LogLine[] {
  const keyOf = ({ job_id: job, attempt }: LogLine) => `${job}#${attempt}`;
  const told = new Set(lines.filter((line) => stackIn(line).length > 0).map(keyOf));
  return lines.filter((line) => !invokeError.test(line.message) || !told.has(keyOf(line)));
}

/** Ids of all jobs and maps of a pipeline. */
const nodesOf = ({ body }: PipelineIr) =>
  placedNodes(body).flatMap(({ node }) => (['branch', 'switch', 'guard'].includes(node.kind) ? [] : [node.id]));

export async function printLogs(context: CommandContext, name: string, options: LogsOptions): Promise<number> {
  const { out, err } = context.terminal;
  const { job } = options;
  const open = () => openForSession(context, options.target);
  const lines = await readFromPlatform(open, async (platform) => {
    const item = await sessionNamed(platform, name);
    if (job === undefined) return readSessionLogs(await platform.clients(), item);
    const artifact = await artifactOf(platform, item);
    const { view } = await viewNow(platform, item, artifact);
    const paths = pathsOf(job, view.jobs, nodesOf(artifact.pipeline));
    const [only] = paths;
    if (paths.length === 1 && only !== undefined) return readSessionLogs(await platform.clients(), item, { job: only });
    const all = await readSessionLogs(await platform.clients(), item);
    return all.filter(({ job_id: path }) => paths.some((wanted) => isWithin(path, wanted)));
  });
  if (options.json) for (const line of lines) out.write(`${JSON.stringify(line)}\n`);
  else if (!out.live) for (const line of lines) out.write(`${logText(line, out.palette)}\n`);
  else for (const line of readableLines(lines)) out.write(`${logLines(line, out.palette).join('\n')}\n`);
  if (lines.length === 0) err.write(`${job === undefined ? 'the session' : `job "${job}"`} wrote nothing\n`);
  return exitCodes.ok;
}

const isWithin = (path: string, job: string) =>
  path === job || path.startsWith(`${job}/`) || path.startsWith(`${job}[`);

/**
 * Paths that a name stands for: itself when it is the path of a job, a map or an iteration (`by-hub[3]`); those of all
 * iterations when it is the id of a node (`profile`).
 *
 * @throws {BunsuiError} BS3006 when the session has no such job.
 */
export function pathsOf(
  name: string,
  jobs: readonly Pick<JobView, 'job' | 'node'>[],
  nodes: readonly string[],
): readonly string[] {
  if (jobs.some(({ job }) => isWithin(job, name))) return [name];
  // A map without items has none of its jobs.
  if (nodes.includes(name)) return jobs.filter(({ node }) => node === name).map(({ job }) => job);
  throw new BunsuiError('SessionError', 'BS3006', `this session has no job "${harmlessLine(name)}"`, {
    hint:
      didYouMean(name, [...nodes, ...jobs.map(({ job }) => job)]) ??
      (nodes.length === 0 ? 'it has no jobs' : `its jobs are ${nodes.join(', ')}`),
  });
}
