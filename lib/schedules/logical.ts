/** Logical times: the time for which a session runs, written as its author asks, in the schedule's time zone. */
import { localTimeAt, offsetAt } from './zone.ts';
import type { Problem } from './cron.ts';

/** What is added to the scheduled time before it is written: calendar units to what clocks show, hours and minutes by the clock. */
export interface LogicalOffset {
  readonly years?: number;
  readonly months?: number;
  readonly days?: number;
  readonly hours?: number;
  readonly minutes?: number;
}

const offsetUnits = ['years', 'months', 'days', 'hours', 'minutes'];

/** Letters mean something, other characters stand for themselves, as does what is put in single quotes. */
const token = /'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']/g;

type Writer = (local: Date, offsetMs: number) => string;
const two = (value: number) => String(value).padStart(2, '0');
const writers: { readonly [token: string]: Writer } = {
  yyyy: (at) => String(at.getUTCFullYear()).padStart(4, '0'),
  MM: (at) => two(at.getUTCMonth() + 1),
  dd: (at) => two(at.getUTCDate()),
  HH: (at) => two(at.getUTCHours()),
  mm: (at) => two(at.getUTCMinutes()),
  ss: (at) => two(at.getUTCSeconds()),
  XXX: (_, offsetMs) => {
    const minutes = Math.round(Math.abs(offsetMs) / 60_000);
    return offsetMs === 0 ? 'Z' : `${offsetMs < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  },
};
const known = Object.keys(writers).join(', ');

/** Why a format or an offset cannot be used; `undefined` when both can. */
export function logicalProblem(format: string, offset: LogicalOffset = {}): Problem | undefined {
  const hint = `a format is made of ${known}; other letters stand in single quotes, as in "yyyy-MM-dd'T'HH:mm"`;
  if (format === '' || format.length > 100) return { message: `the format has ${format.length} characters`, hint };
  const parts = [...format.matchAll(token)];
  const wrong = parts.find(([text, , letter]) => letter !== undefined && !Object.hasOwn(writers, text))?.[0];
  if (wrong !== undefined) return { message: `the format holds "${wrong}"`, hint };
  if (parts.reduce((length, [text]) => length + text.length, 0) !== format.length) {
    return { message: 'the format has a single quote too many', hint };
  }
  const bad = Object.entries(offset).find(
    ([unit, value]) => !offsetUnits.includes(unit) || !Number.isInteger(value) || Math.abs(Number(value)) > 10_000,
  );
  if (bad === undefined) return undefined;
  return {
    message: `the offset holds ${bad[0]}: ${JSON.stringify(bad[1])}`,
    hint: `an offset is made of whole ${offsetUnits.join(', ')}, from -10000 to 10000`,
  };
}

/** Adds calendar units to a local time; a date that the month does not have becomes its last one. */
function shifted(localMs: number, { years = 0, months = 0, days = 0 }: LogicalOffset): number {
  if (years === 0 && months === 0) return localMs + days * 86_400_000;
  const at = new Date(localMs);
  const month = at.getUTCMonth() + months + 12 * years;
  const last = new Date(Date.UTC(at.getUTCFullYear(), month + 1, 0)).getUTCDate();
  const date = Math.min(at.getUTCDate(), last) + days;
  return Date.UTC(at.getUTCFullYear(), month, date) + (localMs % 86_400_000);
}

/** Writes a scheduled time in a format and time zone that have no problem. */
export function writeLogical(instantMs: number, zone: string, format: string, offset: LogicalOffset = {}): string {
  const { hours = 0, minutes = 0 } = offset;
  const clockMs = instantMs + hours * 3_600_000 + minutes * 60_000;
  const local = new Date(shifted(localTimeAt(zone, clockMs), offset));
  const offsetMs = offsetAt(zone, clockMs);
  return format.replaceAll(token, (text, quoted: string | undefined) => {
    if (quoted !== undefined) return quoted === '' ? "'" : quoted.replaceAll("''", "'");
    return writers[text]?.(local, offsetMs) ?? text;
  });
}
