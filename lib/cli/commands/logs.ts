/** `bunsui logs`: what the handlers of a session wrote. */
import { BunsuiError } from '../../errors.ts';
import { readSessionLogs } from '../../sessions/logs.ts';
import type { Json } from '../../ir/expressions.ts';
import type { LogLine } from '../../sessions/report-data.ts';
import type { CommandContext } from '../context.ts';
import { localTime } from '../durations.ts';
import { exitCodes } from '../exit-codes.ts';
import { artifactOf, openForSession, sessionNamed, viewNow } from '../find-session.ts';
import { harmlessLine } from '../harmless.ts';
import { readFromPlatform } from '../local-platform.ts';
import { didYouMean } from '../suggest.ts';
import type { Palette } from '../terminal.ts';
import { cut } from '../text-width.ts';

export interface LogsOptions {
  readonly stateDir: string;
  readonly job?: string;
  readonly json?: true;
}

/** Fields that stand elsewhere on the line or mean nothing to a person; the others are the author's own. */
const hiddenFields = new Set([
  'timestamp',
  'level',
  'message',
  'session_id',
  'job_id',
  'operation_id',
  'attempt',
  'request_id',
]);
/** Characters of one field; the whole of it is in `--json`. */
const longestField = 200;

/** A field's value on the line; of an error its name and message. */
function fieldText(value: Json): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'name' in value && 'message' in value && 'stack' in value) {
    return `${value.name}: ${value.message}`;
  }
  return JSON.stringify(value);
}

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
  const fields = Object.entries(line)
    .filter(([name]) => !hiddenFields.has(name))
    .map(([name, value]) => cut(`${name}=${harmlessLine(fieldText(value))}`, longestField));
  const job = line.attempt > 1 ? `${line.job_id}#${line.attempt}` : line.job_id;
  return [
    palette.dim(clockTime(line.timestamp)),
    palette.cyan(harmlessLine(job)),
    paintLevel(line.level, palette),
    harmlessLine(line.message),
    ...(fields.length === 0 ? [] : [palette.dim(fields.join('  '))]),
  ].join('  ');
}

export async function printLogs(context: CommandContext, name: string, options: LogsOptions): Promise<number> {
  const { out, err } = context.terminal;
  const { job } = options;
  const open = () => openForSession(context, options.stateDir);
  const lines = await readFromPlatform(open, async (platform) => {
    const item = await sessionNamed(platform, name);
    if (job !== undefined) {
      const { view } = await viewNow(platform, item, await artifactOf(platform, item));
      requireJob(
        job,
        view.jobs.map((known) => known.job),
      );
    }
    return readSessionLogs(await platform.clients(), item, job === undefined ? {} : { job });
  });
  for (const line of lines) out.write(options.json ? `${JSON.stringify(line)}\n` : `${logText(line, out.palette)}\n`);
  if (lines.length === 0) err.write(`${job === undefined ? 'the session' : `job "${job}"`} wrote nothing\n`);
  return exitCodes.ok;
}

/** @throws {BunsuiError} BS2001 when the session has no such job. Iterations count: `by-hub[3]/profile`. */
function requireJob(job: string, known: readonly string[]): void {
  if (known.some((path) => path === job || path.startsWith(`${job}/`) || path.startsWith(`${job}[`))) return;
  const outside = known.filter((path) => !path.includes('['));
  throw new BunsuiError('ConfigError', 'BS2001', `this session has no job "${harmlessLine(job)}"`, {
    hint: didYouMean(job, known) ?? `its jobs are ${outside.join(', ')}`,
  });
}
