/** Moments and lengths of time that a person types. */
import { BunsuiError } from '../errors.ts';

const units: { readonly [unit: string]: number } = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `90s`, `15m`, `2h`, `7d`, `4w` in milliseconds. @throws {BunsuiError} BS2001 */
export function lengthOfTime(option: string, typed: string): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([smhdw])$/.exec(typed) ?? [];
  const ms = Number(count) * (units[unit] ?? Number.NaN);
  if (ms > 0) return ms;
  throw new BunsuiError('ConfigError', 'BS2001', `${option} is "${typed.slice(0, 60)}", which is no length of time`, {
    hint: 'give a number and a unit: 90s, 15m, 2h, 7d, 4w',
  });
}

/**
 * A moment that was: `2h` is two hours ago, `2026-11-20` the day's beginning in UTC, or a moment with its zone.
 *
 * @returns milliseconds since the epoch
 * @throws {BunsuiError} BS2001
 */
export function pastMoment(option: string, typed: string, nowMs: number): number {
  if (/^\d{1,6}[smhdw]$/.test(typed)) return nowMs - lengthOfTime(option, typed);
  const isDay = /^\d{4}-\d\d-\d\d$/.test(typed);
  const isMoment = isDay || /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(typed);
  const ms = isMoment ? Date.parse(typed) : Number.NaN;
  // Date.parse takes 31 February for 3 March.
  const isThere = !Number.isNaN(ms) && (!isDay || new Date(ms).toISOString().startsWith(typed));
  if (isThere) return ms;
  throw new BunsuiError('ConfigError', 'BS2001', `${option} is "${typed.slice(0, 60)}", which is no moment`, {
    hint: 'give how long ago, as in 2h or 7d, a day as in 2026-11-20, or a moment as in 2026-11-20T06:00:00Z',
  });
}
