/**
 * AWS's six-field cron: minutes, hours, day of month, month, day of week, year. Weekdays are 1 to 7 from Sunday, one of
 * the two day fields is `?`.
 *
 * No library stands behind this. The one that was tried takes the first of six fields for seconds, counts weekdays from
 * 0, runs times that clocks skip an hour later and finds nothing wrong with 31 February; bent right in front, what was
 * left of it was four loops.
 *
 * @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
 */

/** Which days of a month. Weekdays from 1, Sunday. */
export type DayRule =
  | { readonly kind: 'dates'; readonly dates: readonly number[] }
  | { readonly kind: 'last-date' }
  /** Monday to Friday. */
  | { readonly kind: 'last-workday' }
  | { readonly kind: 'nearest-workday'; readonly date: number }
  | { readonly kind: 'weekdays'; readonly weekdays: readonly number[] }
  | { readonly kind: 'nth-weekday'; readonly weekday: number; readonly nth: number }
  | { readonly kind: 'last-weekday'; readonly weekday: number };

export interface Cron {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: DayRule;
  readonly months: readonly number[];
  /** `undefined` for every year. */
  readonly years: readonly number[] | undefined;
}

/** Why a text is none, and what to write. */
export interface Problem {
  readonly message: string;
  readonly hint: string;
}

interface Field {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  readonly names?: readonly string[];
}

const weekdayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const fields = {
  minutes: { name: 'minutes', low: 0, high: 59 },
  hours: { name: 'hours', low: 0, high: 23 },
  dates: { name: 'day of month', low: 1, high: 31 },
  months: {
    name: 'month',
    low: 1,
    high: 12,
    names: ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'],
  },
  weekdays: { name: 'day of week', low: 1, high: 7, names: weekdayNames },
  years: { name: 'year', low: 1970, high: 2199 },
} as const satisfies { readonly [field: string]: Field };

const shape = 'write minutes, hours, day of month, month, day of week, year, as in "0 6 * * ? *"';

class CronMistake extends Error {
  override readonly name = 'CronMistake';
  readonly hint: string;
  constructor(message: string, hint: string) {
    super(message);
    this.hint = hint;
  }
}

function refuse({ name, low, high, names }: Field, found: string, because = ''): CronMistake {
  const words = names === undefined ? '' : `, or ${names[0]} to ${names.at(-1)}`;
  return new CronMistake(
    `${name} is ${JSON.stringify(found.slice(0, 40))}${because}`,
    `${name} takes ${low} to ${high}${words}, lists (,), ranges (-) and steps (/)`,
  );
}

function numberIn(field: Field, text: string, whole: string): number {
  const named = field.names?.indexOf(text.toUpperCase()) ?? -1;
  const value = named >= 0 ? named + field.low : /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= field.low && value <= field.high) return value;
  throw refuse(field, whole);
}

/** Values of a field that is a list of values, ranges and steps. */
function valuesIn(field: Field, text: string): readonly number[] {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const [range = '', step, ...more] = part.split('/');
    if (more.length > 0 || (step !== undefined && !/^[1-9]\d{0,3}$/.test(step))) throw refuse(field, text);
    const [first = '', last, ...rest] = range.split('-');
    if (rest.length > 0) throw refuse(field, text);
    const from = range === '*' ? field.low : numberIn(field, first, text);
    // A step without a range goes to the end of the field.
    const to =
      last !== undefined ? numberIn(field, last, text) : range === '*' || step !== undefined ? field.high : from;
    if (from > to) throw refuse(field, text, `, which runs backwards`);
    for (let value = from; value <= to; value += Number(step ?? 1)) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

function datesRule(text: string): DayRule {
  if (text === 'L') return { kind: 'last-date' };
  if (text === 'LW') return { kind: 'last-workday' };
  const nearest = /^(\d{1,2})W$/.exec(text)?.[1];
  if (nearest !== undefined) return { kind: 'nearest-workday', date: numberIn(fields.dates, nearest, text) };
  if (/[LW]/.test(text)) throw refuse(fields.dates, text, '; L and W stand alone, as in "L", "15W"');
  return { kind: 'dates', dates: valuesIn(fields.dates, text) };
}

function weekdaysRule(text: string): DayRule {
  // The last day of the week.
  if (text === 'L') return { kind: 'weekdays', weekdays: [7] };
  const last = /^([1-7]|[A-Z]{3})L$/.exec(text)?.[1];
  if (last !== undefined) return { kind: 'last-weekday', weekday: numberIn(fields.weekdays, last, text) };
  const [weekday = '', nth] = text.split('#');
  if (nth === undefined) return { kind: 'weekdays', weekdays: valuesIn(fields.weekdays, text) };
  if (!/^[1-5]$/.test(nth)) {
    throw refuse(fields.weekdays, text, '; "#" is followed by 1 to 5, once, as in "2#1": the first Monday');
  }
  return { kind: 'nth-weekday', weekday: numberIn(fields.weekdays, weekday, text), nth: Number(nth) };
}

/** Reads what stands between the brackets of `cron(…)`. */
export function parseCron(text: string): Cron | Problem {
  const parts = text.trim().toUpperCase().split(/\s+/);
  const [minutes = '', hours = '', date = '', month = '', weekday = '', year = ''] = parts;
  if (parts.length !== 6) {
    const found = text.trim() === '' ? 'nothing' : `${parts.length} fields`;
    return { message: `cron(…) has six fields, and there is ${found}`, hint: shape };
  }
  if ((date === '?') === (weekday === '?')) {
    return {
      message: `day of month is "${date.slice(0, 40)}" and day of week is "${weekday.slice(0, 40)}"`,
      hint: 'exactly one of the two is "?", the other says on which days',
    };
  }
  try {
    const cron: Cron = {
      minutes: valuesIn(fields.minutes, minutes),
      hours: valuesIn(fields.hours, hours),
      months: valuesIn(fields.months, month),
      days: weekday === '?' ? datesRule(date) : weekdaysRule(weekday),
      years: year === '*' ? undefined : valuesIn(fields.years, year),
    };
    return hasDates(cron) ? cron : { message: `no year has such a day: ${text}`, hint: 'correct day, month or year' };
  } catch (thrown) {
    if (!(thrown instanceof CronMistake)) throw thrown;
    return { message: thrown.message, hint: thrown.hint };
  }
}

/** Weekday from 1, Sunday. */
function weekdayOf(year: number, month: number, date: number): number {
  return new Date(Date.UTC(year, month - 1, date)).getUTCDay() + 1;
}

function lastDateOf(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** The workday closest to a date, in its month. */
function nearestWorkday(year: number, month: number, date: number): number {
  const weekday = weekdayOf(year, month, date);
  if (weekday === 7) return date === 1 ? 3 : date - 1;
  if (weekday === 1) return date === lastDateOf(year, month) ? date - 2 : date + 1;
  return date;
}

/** The dates of a month (1 to 12) on which a rule holds, in order. */
export function datesOf(rule: DayRule, year: number, month: number): readonly number[] {
  const last = lastDateOf(year, month);
  const first = (weekday: number) => 1 + ((weekday - weekdayOf(year, month, 1) + 7) % 7);
  switch (rule.kind) {
    case 'dates':
      return rule.dates.filter((date) => date <= last);
    case 'last-date':
      return [last];
    case 'last-workday':
      return [nearestWorkday(year, month, last)];
    case 'nearest-workday':
      return rule.date > last ? [] : [nearestWorkday(year, month, rule.date)];
    case 'weekdays': {
      const all = rule.weekdays.flatMap((weekday) => [0, 7, 14, 21, 28].map((days) => first(weekday) + days));
      return all.filter((date) => date <= last).sort((a, b) => a - b);
    }
    case 'nth-weekday':
      return [first(rule.weekday) + 7 * (rule.nth - 1)].filter((date) => date <= last);
    case 'last-weekday':
      return [first(rule.weekday) + 7 * Math.floor((last - first(rule.weekday)) / 7)];
  }
}

/** Whether there is such a day at all. What holds in no 28 years in a row, two leap years and each weekday among them, never does. */
function hasDates({ days, months, years }: Cron): boolean {
  const asked = years ?? Array.from({ length: 28 }, (_, index) => 2001 + index);
  return asked.some((year) => months.some((month) => datesOf(days, year, month).length > 0));
}

/** Local times (see `zone.ts`) from a local day on, day by day: midnight, and the times after it in milliseconds. */
export function* cronDays(
  cron: Cron,
  fromDayMs: number,
): Generator<{ readonly dayMs: number; readonly timesMs: readonly number[] }> {
  const timesMs = cron.hours.flatMap((hour) => cron.minutes.map((minute) => (hour * 60 + minute) * 60_000));
  const from = new Date(fromDayMs);
  for (let year = from.getUTCFullYear(); year <= fields.years.high; year += 1) {
    if (cron.years !== undefined && !cron.years.includes(year)) continue;
    for (const month of cron.months) {
      for (const date of datesOf(cron.days, year, month)) {
        const dayMs = Date.UTC(year, month - 1, date);
        if (dayMs >= fromDayMs) yield { dayMs, timesMs };
      }
    }
  }
}
