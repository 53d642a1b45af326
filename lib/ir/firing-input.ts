/** The input that a schedule or trigger gives: JSON with places that a firing fills in. */
import { type LogicalOffset, writeLogical } from '../schedules/logical.ts';
import type { Json } from './expressions.ts';
import type { FiringInput } from './nodes.ts';

const logicalKey = 'bunsui:logical';
const eventKey = 'bunsui:event';

/** The scheduled time in a format, as it stands in a `FiringInput`. */
export function logicalMark(format: string, offset?: LogicalOffset): Json {
  return { [logicalKey]: offset === undefined ? format : { format, offset: { ...offset } as Json } };
}

/** A field of the event, as it stands in a `FiringInput`. */
export function eventMark(path: string): Json {
  return { [eventKey]: path };
}

/** A place that a firing fills in. */
export type FiringMark =
  | { readonly kind: 'logical'; readonly format: string; readonly offset?: LogicalOffset }
  | { readonly kind: 'event'; readonly path: string };

function isRecord(value: unknown): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The mark that a value is, if it is one. */
export function readMark(value: Json): FiringMark | undefined {
  if (!isRecord(value)) return undefined;
  const [[key, given] = [], more] = Object.entries(value);
  if (more !== undefined) return undefined;
  if (key === eventKey && typeof given === 'string') return { kind: 'event', path: given };
  if (key !== logicalKey) return undefined;
  if (typeof given === 'string') return { kind: 'logical', format: given };
  if (!isRecord(given) || typeof given['format'] !== 'string') return undefined;
  return { kind: 'logical', format: given['format'], offset: given['offset'] as LogicalOffset };
}

/** A mark with the names of fields and indexes of items around it. */
export interface PlacedMark {
  readonly path: readonly (string | number)[];
  readonly mark: FiringMark;
}

/** Every mark of an input, with its place. */
export function marksOf(value: Json, path: readonly (string | number)[] = []): readonly PlacedMark[] {
  const mark = readMark(value);
  if (mark !== undefined) return [{ path, mark }];
  if (Array.isArray(value)) return value.flatMap((item: Json, index) => marksOf(item, [...path, index]));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, field]) => marksOf(field, [...path, key]));
}

/** Puts values in the place of marks; a field whose value is `undefined` is left out, an item becomes null. */
function filled(value: Json, fill: (mark: FiringMark) => Json | undefined): Json | undefined {
  const mark = readMark(value);
  if (mark !== undefined) return fill(mark);
  if (Array.isArray(value)) return value.map((item: Json) => filled(item, fill) ?? null);
  if (!isRecord(value)) return value;
  const fields = Object.entries(value).map(([key, field]) => [key, filled(field, fill)] as const);
  return Object.fromEntries(fields.filter(([, field]) => field !== undefined)) as Json;
}

/** The input of a firing of a schedule. */
export function scheduledInput(input: FiringInput, scheduledMs: number, timezone: string): Json {
  const write = (mark: FiringMark) =>
    mark.kind === 'logical' ? writeLogical(scheduledMs, timezone, mark.format, mark.offset) : undefined;
  return filled(input, write) ?? {};
}

/** The input of a session that an event starts. A field that the event does not have is left out. */
export function eventInput(input: FiringInput, event: Json): Json {
  return filled(input, (mark) => (mark.kind === 'event' ? fieldAt(event, mark.path) : undefined)) ?? {};
}

/** A field by names and indexes with dots between them; its own, never one that every object has. */
function fieldAt(value: Json, path: string): Json | undefined {
  let at: Json | undefined = value;
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as { readonly [key: string]: Json })[name];
  }
  return at;
}
