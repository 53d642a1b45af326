/** The span of time that a person types: days of a zone, both included, or instants. */
import { BunsuiError } from '../errors.ts';
import { instantsOf } from '../schedules/zone.ts';

export interface DueRange {
  /** Included. */
  readonly fromMs: number;
  /** Not included. */
  readonly untilMs: number;
}

function refuse(option: string, text: string): BunsuiError {
  return new BunsuiError('ConfigError', 'BS2001', `${option} is "${text.slice(0, 60)}", which is no day or moment`, {
    hint: 'give a day as in 2026-12-01, or a moment with its zone as in 2026-12-01T06:00:00Z',
  });
}

function momentOf(option: string, text: string, zone: string, days: number): number {
  if (/^\d{4}-\d\d-\d\d$/.test(text)) {
    const dayMs = Date.parse(`${text}T00:00:00Z`);
    // Date.parse takes 31 February for 3 March.
    if (Number.isNaN(dayMs) || !new Date(dayMs).toISOString().startsWith(text)) throw refuse(option, text);
    const localMs = dayMs + days * 86_400_000;
    // Where clocks skip midnight the day begins an hour later.
    const [instant = instantsOf(zone, localMs + 3_600_000)[0]] = instantsOf(zone, localMs);
    return instant ?? localMs;
  }
  const isMoment = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const ms = isMoment ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw refuse(option, text);
  return ms;
}

/** @throws {BunsuiError} BS2001 for what is no day or moment, and for a span that ends before it begins */
export function dueRange(from: string, to: string, zone: string): DueRange {
  const range = { fromMs: momentOf('--from', from, zone, 0), untilMs: momentOf('--to', to, zone, 1) };
  if (range.fromMs < range.untilMs) return range;
  throw new BunsuiError('ConfigError', 'BS2001', `--to ${to} is not after --from ${from}`, {
    hint: 'give a span of time with something in it',
  });
}
