/**
 * Schedules in the words of EventBridge Scheduler: what `cron(…)`, `rate(…)` and `at(…)` say, and when they are due. In:
 * the expression, its time zone, its bounds. Out: instants, or why the expression is none.
 */
import { type Cron, cronDays, type Problem, parseCron } from './cron.ts';
import { instantsOf, localTimeAt, steadyOffset, zoneProblem } from './zone.ts';

export type { Problem } from './cron.ts';

/** A schedule's expression, read. */
export type Schedule =
  | { readonly kind: 'cron'; readonly cron: Cron }
  | { readonly kind: 'rate'; readonly everyMs: number }
  /** As if in UTC. */
  | { readonly kind: 'at'; readonly localMs: number };

/** When a schedule is due. */
export interface Timing {
  readonly expression: string;
  /** IANA name. */
  readonly timezone: string;
  /** ISO 8601 in UTC: not before, not after. */
  readonly start?: string;
  readonly end?: string;
  /** Milliseconds since the epoch: what a rate without `start` is counted from, the schedule's creation. */
  readonly createdAtMs: number;
}

const unitMs: { readonly [unit: string]: number } = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
/** Longer ones overflow dates; AWS says no limit. */
const maxRateMs = 36_525 * 86_400_000;
const grammar = 'write cron(…) with six fields, rate(5 minutes) or at(2026-12-01T06:00:00)';

/** Whether what was read is a problem. */
export function isProblem(read: Schedule | Cron | Problem): read is Problem {
  return 'hint' in read;
}

/** Reads an expression in AWS's grammar. */
export function parseSchedule(expression: string): Schedule | Problem {
  const [, kind, inside = ''] = /^(cron|rate|at)\(([^()]*)\)$/.exec(expression.trim()) ?? [];
  switch (kind) {
    case 'cron': {
      const cron = parseCron(inside);
      return isProblem(cron) ? cron : { kind, cron };
    }
    case 'rate': {
      const [, value, unit = ''] = /^\s*([1-9]\d{0,8})\s+(minute|hour|day)s?\s*$/.exec(inside) ?? [];
      // A day is 24 hours, whatever clocks do.
      const everyMs = Number(value) * (unitMs[unit] ?? Number.NaN);
      if (everyMs <= maxRateMs) return { kind, everyMs };
      return {
        message: `rate(…) holds ${JSON.stringify(inside.slice(0, 60))}`,
        hint: 'write a whole number from 1 and minutes, hours or days, as in "5 minutes", "1 hour"',
      };
    }
    case 'at': {
      const localMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(inside) ? Date.parse(`${inside}Z`) : Number.NaN;
      // Date.parse takes 31 February for 3 March.
      if (!Number.isNaN(localMs) && new Date(localMs).toISOString().startsWith(inside)) return { kind, localMs };
      return {
        message: `at(…) holds ${JSON.stringify(inside.slice(0, 60))}, which is no date and time`,
        hint: 'write local time of the time zone as in "2026-12-01T06:00:00"',
      };
    }
    default:
      return { message: `${JSON.stringify(expression.slice(0, 80))} is no schedule`, hint: grammar };
  }
}

/** Everything that keeps a schedule from ever being due as its author means it; the first reason. */
export function timingProblem(timing: Omit<Timing, 'createdAtMs'>): Problem | undefined {
  const schedule = parseSchedule(timing.expression);
  if (isProblem(schedule)) return schedule;
  const zone = zoneProblem(timing.timezone);
  if (zone !== undefined) return zone;
  if (schedule.kind === 'at' && instantsOf(timing.timezone, schedule.localMs).length === 0) {
    return {
      message: `clocks in ${timing.timezone} never show ${timing.expression.slice(3, -1)}: they are put forward over it`,
      hint: 'give another time',
    };
  }
  return undefined;
}

/**
 * The instants at which a schedule is due after a moment, in order, without end where it has none. Local times that
 * clocks skip are skipped, those that they show twice are due the first time, as on AWS.
 *
 * @throws {RangeError} when the expression or the time zone is none: `timingProblem` says so before.
 */
export function* dueTimes(timing: Timing, afterMs: number): Generator<number> {
  const schedule = parseSchedule(timing.expression);
  if (isProblem(schedule)) throw new RangeError(schedule.message);
  // AWS passes over start and end of a schedule that is due once.
  const { start, end } = schedule.kind === 'at' ? {} : timing;
  const startMs = start === undefined ? Number.NEGATIVE_INFINITY : Date.parse(start);
  const endMs = end === undefined ? Number.POSITIVE_INFINITY : Date.parse(end);
  const isLate = (instant: number) => instant > endMs;
  const isEarly = (instant: number) => instant <= afterMs || instant < startMs;
  for (const instant of candidates(schedule, timing, Math.max(afterMs, startMs - 1))) {
    if (isLate(instant)) return;
    if (!isEarly(instant)) yield instant;
  }
}

/** Due times in order, from some moment before `afterMs` on. */
function* candidates(schedule: Schedule, { timezone, start, createdAtMs }: Timing, afterMs: number): Generator<number> {
  if (schedule.kind === 'at') {
    const [instant] = instantsOf(timezone, schedule.localMs);
    if (instant !== undefined) yield instant;
    return;
  }
  if (schedule.kind === 'rate') {
    const { everyMs } = schedule;
    const anchorMs = start === undefined ? createdAtMs : Date.parse(start);
    const passed = Math.max(0, Math.floor((afterMs - anchorMs) / everyMs));
    for (let instant = anchorMs + passed * everyMs; ; instant += everyMs) yield instant;
  }
  const localMs = localTimeAt(timezone, afterMs);
  // A day before, because clocks that are put back show a time of yesterday again.
  const fromDayMs = localMs - (localMs % 86_400_000) - 86_400_000;
  let latest = Number.NEGATIVE_INFINITY;
  for (const { dayMs, timesMs } of cronDays(schedule.cron, fromDayMs)) {
    const offset = steadyOffset(timezone, dayMs);
    for (const timeMs of timesMs) {
      const instant = offset === undefined ? instantsOf(timezone, dayMs + timeMs)[0] : dayMs + timeMs - offset;
      // A change that skips a whole day may bring its two sides out of order, or together.
      if (instant === undefined || instant <= latest) continue;
      latest = instant;
      yield instant;
    }
  }
}

/** The first due times after a moment, at most `count`. */
export function nextDueTimes(timing: Timing, afterMs: number, count: number): readonly number[] {
  const times: number[] = [];
  if (count < 1) return times;
  for (const instant of dueTimes(timing, afterMs)) {
    if (times.push(instant) === count) break;
  }
  return times;
}

/** The due times after one moment and up to another, with a bound: `undefined` when there are more. */
export function dueTimesBetween(
  timing: Timing,
  afterMs: number,
  untilMs: number,
  max: number,
): readonly number[] | undefined {
  const times: number[] = [];
  for (const instant of dueTimes(timing, afterMs)) {
    if (instant > untilMs) break;
    if (times.length === max) return undefined;
    times.push(instant);
  }
  return times;
}

/** A local time of a cron schedule that clocks skip, or show twice. */
export interface ClockChange {
  /** `2026-03-29T02:30` */
  readonly localTime: string;
  readonly kind: 'skipped' | 'twice';
}

/** The local times of a schedule that clocks skip or show twice in a span of time. Rates know no clocks. */
export function clockChanges(
  { expression, timezone }: Timing,
  fromMs: number,
  untilMs: number,
): readonly ClockChange[] {
  const schedule = parseSchedule(expression);
  if (isProblem(schedule) || schedule.kind !== 'cron') return [];
  const found: ClockChange[] = [];
  const from = localTimeAt(timezone, fromMs);
  for (const { dayMs, timesMs } of cronDays(schedule.cron, from - (from % 86_400_000))) {
    if (dayMs > untilMs) break;
    if (steadyOffset(timezone, dayMs) !== undefined) continue;
    for (const timeMs of timesMs) {
      const { length } = instantsOf(timezone, dayMs + timeMs);
      const localTime = new Date(dayMs + timeMs).toISOString().slice(0, 16);
      if (length !== 1) found.push({ localTime, kind: length === 0 ? 'skipped' : 'twice' });
    }
  }
  return found;
}
