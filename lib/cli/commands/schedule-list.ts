/** `bunsui schedule list`: when pipelines start by themselves, and which of those times clocks get in the way of. */
import { type ClockChange, clockChanges, nextDueTimes } from '../../schedules/schedule.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { isUnusedFolder, readFromPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { openPlatform } from '../platform.ts';
import { type ScheduleThere, schedulesThere } from '../schedules-there.ts';
import { table } from '../table.ts';
import { zonedTime } from '../zoned-times.ts';

export interface ScheduleListOptions extends PlatformOptions {
  /** Firings of each that are shown. */
  readonly next: number;
}

const yearMs = 366 * 86_400_000;

interface Listed extends ScheduleThere {
  readonly next: readonly number[];
  /** Within a year. */
  readonly clocks: readonly ClockChange[];
}

function listed(schedule: ScheduleThere, nowMs: number, count: number): Listed {
  const { timing, enabled } = schedule;
  return {
    ...schedule,
    next: enabled ? nextDueTimes(timing, nowMs, count) : [],
    clocks: clockChanges(timing, nowMs, nowMs + yearMs),
  };
}

/** One line for each schedule of whose times clocks skip some, or show some twice. */
function clockNotes({ id, timing, clocks }: Listed): readonly string[] {
  const times = (kind: ClockChange['kind']) => {
    const all = clocks.filter((change) => change.kind === kind).map(({ localTime }) => localTime.replace('T', ' '));
    return all.length > 3 ? `${all.slice(0, 3).join(', ')} and ${all.length - 3} more` : all.join(', ');
  };
  const [skipped, twice] = [times('skipped'), times('twice')];
  const parts = [
    ...(skipped === '' ? [] : [`clocks skip ${skipped}, and so does it`]),
    ...(twice === '' ? [] : [`they show ${twice} twice, and it fires once`]),
  ];
  return parts.length === 0 ? [] : [`${id} in ${timing.timezone}: ${parts.join('; ')}`];
}

export async function listSchedules(context: CommandContext, options: ScheduleListOptions): Promise<number> {
  const { out, err } = context.terminal;
  const { target } = options;
  const nowMs = Date.now();
  const unused = target.kind === 'local' && isUnusedFolder(target.stateDir, context.cwd);
  const found = unused ? [] : await readFromPlatform(() => openPlatform(context, target), schedulesThere);
  const all = found.map((schedule) => listed(schedule, nowMs, options.next));
  if (options.json) {
    for (const { id, pipeline, schedule, enabled, timing, next, clocks } of all) {
      const { createdAtMs: _, ...times } = timing;
      out.write(jsonLine('schedule', { id, pipeline, schedule, enabled, ...times, next: next.map(isoTime), clocks }));
    }
    return exitCodes.ok;
  }
  if (all.length === 0) {
    err.write('no pipeline that is deployed has a schedule\n');
    return exitCodes.ok;
  }
  const columns = [
    { title: 'SCHEDULE', atLeast: 20 },
    { title: 'WHEN', atLeast: 16 },
    { title: 'ZONE' },
    { title: 'NEXT', atLeast: 24 },
  ];
  const rows = all.flatMap(({ id, enabled, timing, next }) => {
    const times = next.map((at) => zonedTime(at, timing.timezone));
    const first = enabled ? (times[0] ?? 'never again') : 'disabled';
    return [[id, timing.expression, timing.timezone, first], ...times.slice(1).map((time) => ['', '', '', time])];
  });
  const available = out.live ? out.size().columns - 1 : Number.POSITIVE_INFINITY;
  out.write(`${table(columns, rows, available, out.palette.dim).join('\n')}\n`);
  const notes = all.flatMap(clockNotes);
  if (notes.length > 0) out.write(`\n${notes.join('\n')}\n`);
  return exitCodes.ok;
}
