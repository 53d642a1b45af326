/** A line of a session's log as a person reads it. */
import { fieldText, invokeError, withoutOwnFrames } from '../report/handler-output.ts';
import { wrapperFields } from '../sessions/log-lines.ts';
import type { LogLine } from '../sessions/report-data.ts';
import { localTime } from './durations.ts';
import { harmlessLine } from './harmless.ts';
import type { Palette } from './terminal.ts';
import { cut } from './text-width.ts';

/** Characters of one field; the whole of it is in the other formats. */
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
    .map(([name, value]) => cut(harmlessLine(`${name}=${fieldText(value)}`), longestField));
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
  // The request's id is in the other formats; here it would fill a line.
  return [textWith(line, plainText(first.replace(/^REPORT RequestId: \S+/, 'REPORT')), palette), ...below];
}

/** Says of each line in turn whether it is shown: what Lambda says of a call that threw is not, where the wrapper has told it. */
export function readableLines(): (line: LogLine) => boolean {
  const told = new Set<string>();
  return (line) => {
    const call = `${line.job_id}#${line.attempt}`;
    if (line.level === 'ERROR' && stackIn(line).length > 0) told.add(call);
    return !invokeError.test(line.message) || !told.has(call);
  };
}
