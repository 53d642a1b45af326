/**
 * A log in the forms that it is given in, a batch of lines at a time. Whatever handlers wrote, it acts neither on a terminal nor in a
 * spreadsheet.
 */
import { wrapperFields } from '../sessions/log-lines.ts';
import type { LogLine } from '../sessions/report-data.ts';
import { harmlessJson, harmlessLine } from './harmless.ts';
import { logLines, logText, readableLines } from './log-text.ts';
import type { Output } from './terminal.ts';
import { yamlItem } from './yaml.ts';

export const logFormats = ['text', 'jsonl', 'json', 'yaml', 'csv'] as const;
export type LogFormat = (typeof logFormats)[number];

/** Text of a log: its beginning, the lines as they come, its end. */
export interface LogWriter {
  begin(): string;
  lines(batch: readonly LogLine[]): string;
  end(): string;
}

/** What a spreadsheet takes for the beginning of a formula, in every width, also behind space. */
const formula = /^[\s\u3000]*[=+\-@\uff0b\uff0d\uff1d\uff20|%]/;

/** Text as a cell that is nothing but text: in quotes, on one line, with an apostrophe before what begins as a formula. */
export function csvCell(text: string): string {
  const line = harmlessLine(text);
  const plain = formula.test(line) || /^[\t\r\n]/.test(text) ? `'${line}` : line;
  return `"${plain.replaceAll('"', '""')}"`;
}

/** Rows as RFC 4180 has them. Numbers stand as they are. */
export function csvRow(cells: readonly (string | number)[]): string {
  return `${cells.map((cell) => (typeof cell === 'number' ? String(cell) : csvCell(cell))).join(',')}\r\n`;
}

const columns = ['timestamp', 'level', 'job_id', 'operation_id', 'attempt', 'message', 'fields'] as const;

function csvOf(line: LogLine): string {
  const { timestamp, level, job_id, operation_id, attempt, message } = line;
  const own = Object.entries(line).filter(([name]) => !wrapperFields.has(name));
  const fields = own.length === 0 ? '' : JSON.stringify(Object.fromEntries(own));
  return csvRow([timestamp, level, job_id, operation_id, attempt, message, fields]);
}

const each = (show: (line: LogLine) => string) => (batch: readonly LogLine[]) => batch.map(show).join('');

/** Each line is its record, or its text. */
function inLines(show: (line: LogLine) => string): LogWriter {
  return { begin: () => '', lines: each(show), end: () => '' };
}

const nothing = () => '';

function jsonArray(): LogWriter {
  let isFirst = true;
  const item = (line: LogLine) => {
    const comma = isFirst ? '' : ',\n';
    isFirst = false;
    return `${comma}${harmlessJson(JSON.stringify(line))}`;
  };
  return { begin: () => '[\n', lines: each(item), end: () => (isFirst ? ']\n' : '\n]\n') };
}

function yamlList(): LogWriter {
  let isEmpty = true;
  const item = (line: LogLine) => {
    isEmpty = false;
    return yamlItem(line);
  };
  return { begin: nothing, lines: each(item), end: () => (isEmpty ? '[]\n' : '') };
}

function forPeople({ palette, live }: Pick<Output, 'palette' | 'live'>): LogWriter {
  if (!live) return inLines((line) => `${logText(line, palette)}\n`);
  const isReadable = readableLines();
  return inLines((line) => (isReadable(line) ? `${logLines(line, palette).join('\n')}\n` : ''));
}

const writers: { readonly [format in LogFormat]: (output: Pick<Output, 'palette' | 'live'>) => LogWriter } = {
  text: forPeople,
  jsonl: () => inLines((line) => `${harmlessJson(JSON.stringify(line))}\n`),
  json: jsonArray,
  yaml: yamlList,
  csv: () => ({ begin: () => `${columns.join(',')}\r\n`, lines: each(csvOf), end: nothing }),
};

/** What writes a log in a form. @param output where it goes: colours are for people alone */
export function logWriter(format: LogFormat, output: Pick<Output, 'palette' | 'live'>): LogWriter {
  return writers[format](output);
}
