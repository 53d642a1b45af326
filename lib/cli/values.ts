/**
 * JSON laid out for a person: names and values in columns, lists of records as tables.
 */
import type { Json } from '../ir/expressions.ts';
import { harmlessLine } from './harmless.ts';
import { table } from './table.ts';
import type { Palette } from './terminal.ts';
import { cut, sized, textWidth } from './text-width.ts';

export interface LayoutOptions {
  readonly columns: number;
  readonly palette: Palette;
  /** Rows shown of each list. @default 12 */
  readonly maxRows?: number;
}

type Record_ = { readonly [key: string]: Json };

const isRecord = (value: Json): value is Record_ =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isScalar = (value: Json) => typeof value !== 'object' || value === null;
const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

/** A value on one line. */
function inline(value: Json): string {
  if (typeof value === 'string') return harmlessLine(value);
  if (isList(value) && value.length === 0) return '(none)';
  return harmlessLine(JSON.stringify(value));
}

/** Records whose fields are scalars: what a table can show. */
function isTabular(value: Json): value is readonly Record_[] {
  return (
    isList(value) && value.length > 0 && value.every((item) => isRecord(item) && Object.values(item).every(isScalar))
  );
}

/** Columns that fit side by side with their values whole; values longer than this are cut. */
const widestCell = 32;

function tableLines(rows: readonly Record_[], columns: number, options: LayoutOptions): readonly string[] {
  const shown = rows.slice(0, options.maxRows ?? 12);
  const names = [...new Set(shown.flatMap((row) => Object.keys(row)))];
  const cellOf = (row: Record_, name: string) => (row[name] === undefined ? '' : inline(row[name]));
  const fitting: string[] = [];
  let used = 0;
  for (const name of names) {
    const widths = [harmlessLine(name), ...shown.map((row) => cellOf(row, name))].map(textWidth);
    used += Math.min(widestCell, Math.max(...widths)) + 2;
    if (fitting.length > 0 && used > columns + 2) break;
    fitting.push(name);
  }
  const layout = fitting.map((name) => ({
    title: harmlessLine(name),
    align: shown.every((row) => typeof (row[name] ?? 0) === 'number') ? ('right' as const) : ('left' as const),
    atLeast: 4,
  }));
  const cells = shown.map((row) => fitting.map((name) => cut(cellOf(row, name), widestCell)));
  const hiddenRows = rows.length - shown.length;
  const hiddenNames = names.slice(fitting.length).map(harmlessLine);
  const hidden = [
    ...(hiddenRows > 0 ? [`${hiddenRows} more`] : []),
    ...(hiddenNames.length > 0 ? [`the fields ${hiddenNames.join(', ')}`] : []),
  ];
  return [
    ...table(layout, cells, columns, options.palette.dim),
    ...(hidden.length > 0 ? [options.palette.dim(cut(`… and ${hidden.join('; ')}`, columns))] : []),
  ];
}

function nested(value: Json, columns: number, depth: number, options: LayoutOptions): readonly string[] {
  if (isTabular(value)) return tableLines(value, columns, options);
  if (isList(value)) {
    const shown = value.slice(0, options.maxRows ?? 12).map((item) => cut(`- ${inline(item)}`, columns));
    const rest = value.length - shown.length;
    return rest > 0 ? [...shown, options.palette.dim(`… and ${rest} more`)] : shown;
  }
  if (isRecord(value)) return fieldLines(value, columns, depth, options);
  return [cut(inline(value), columns)];
}

/** Characters of one value; more is in the record. */
const longestScalar = 400;

/** Short lists of scalars stand on the line of their name, everything deeper below it. */
const standsAlone = (value: Json, room: number) =>
  isScalar(value) ||
  (isList(value) && value.every(isScalar) && textWidth(inline(value)) <= room) ||
  (isRecord(value) && Object.keys(value).length === 0);

function fieldLines(record: Record_, columns: number, depth: number, options: LayoutOptions): readonly string[] {
  const entries = Object.entries(record);
  const nameColumns = Math.min(28, Math.max(0, ...entries.map(([name]) => textWidth(harmlessLine(name)))));
  const room = Math.max(10, columns - nameColumns - 2);
  return entries.flatMap(([name, value]) => {
    const label = sized(harmlessLine(name), nameColumns);
    if (standsAlone(value, room) || depth >= 4) {
      // A path or key is there to be copied: it may go over the edge.
      return [`${options.palette.cyan(label)}  ${cut(inline(value), isScalar(value) ? longestScalar : room)}`];
    }
    return [
      options.palette.cyan(label.trimEnd()),
      ...nested(value, Math.max(20, columns - 2), depth + 1, options).map((line) => `  ${line}`),
    ];
  });
}

/** Lines for a value. Wide values are cut, long lists are counted: the record holds all of it. */
export function layoutValue(value: Json, options: LayoutOptions): readonly string[] {
  return nested(value, options.columns, 0, options);
}
