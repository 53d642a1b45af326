/**
 * The formats of files that a distributed Map reads its items from: CSV, JSON and JSON Lines. Manifests, which name
 * such files, are in `item-manifests.ts`.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
 */
import type { Json } from './definition.ts';

/** A file, or how it is to be read, does not give items. The Map fails with States.ItemReaderFailed. */
export class ItemsUnreadable extends Error {
  override readonly name = 'States.ItemReaderFailed';
}

/** How a file is read. */
export interface ItemFormat {
  /** MANIFEST: the object is the manifest of an S3 inventory, whose lists hold the items. */
  readonly InputType: 'CSV' | 'JSON' | 'JSONL' | 'MANIFEST';
  /** The object names the objects that hold the items, in the form that InputType says. */
  readonly ManifestType?: 'ATHENA_DATA' | 'S3_INVENTORY';
  /** Of a listing: LOAD_AND_FLATTEN gives what is in the objects instead of what is known of them. @default "NONE" */
  readonly Transformation?: 'NONE' | 'LOAD_AND_FLATTEN';
  readonly CSVHeaderLocation?: 'FIRST_ROW' | 'GIVEN';
  readonly CSVHeaders?: readonly string[];
  /** @default "COMMA" */
  readonly CSVDelimiter?: CsvDelimiter;
  /** JSON: an RFC 6901 pointer to the list within the file. */
  readonly ItemsPointer?: string;
}

export type CsvDelimiter = 'COMMA' | 'PIPE' | 'SEMICOLON' | 'SPACE' | 'TAB';

const delimiters: { readonly [D in CsvDelimiter]: string } = {
  COMMA: ',',
  PIPE: '|',
  SEMICOLON: ';',
  SPACE: ' ',
  TAB: '\t',
};

/** Names of the delimiters, for the validator. */
export const csvDelimiters = Object.keys(delimiters) as readonly CsvDelimiter[];

/** The items of a file; lines of JSON are parsed one at a time, as they are asked for. @throws {ItemsUnreadable} then, too */
export function itemsWithin(text: string, format: ItemFormat): Iterable<Json> {
  if (format.InputType === 'CSV') return csvItems(text, format);
  if (format.InputType === 'JSON') return jsonItems(text, format.ItemsPointer);
  if (format.InputType === 'MANIFEST') throw new ItemsUnreadable('A manifest is read by its own object only.');
  return linesOf(text);
}

function* linesOf(text: string): Generator<Json> {
  for (let from = 0; from < text.length; ) {
    const found = text.indexOf('\n', from);
    const to = found < 0 ? text.length : found;
    const line = text.slice(from, to);
    if (line.trim() !== '') yield parsed(line);
    from = to + 1;
  }
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (thrown) {
    throw new ItemsUnreadable(
      `The file is not valid JSON: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    );
  }
}

function jsonItems(text: string, pointer: string | undefined): readonly Json[] {
  let items: Json | undefined = parsed(text);
  for (const part of (pointer ?? '').split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    items =
      typeof items === 'object' && items !== null && Object.hasOwn(items, key)
        ? (items as { readonly [key: string]: Json })[key]
        : undefined;
  }
  if (Array.isArray(items)) return items as readonly Json[];
  throw new ItemsUnreadable('Attempting to map over non-iterable node.');
}

function csvItems(text: string, format: ItemFormat): readonly Json[] {
  const rows = csvRows(text, delimiters[format.CSVDelimiter ?? 'COMMA']);
  const headers = format.CSVHeaderLocation === 'GIVEN' ? (format.CSVHeaders ?? []) : (rows.shift() ?? []);
  if (new Set(headers).size < headers.length) throw new ItemsUnreadable('CSV headers cannot contain duplicates.');
  // Fields beyond the headers fall away; those that a row lacks are empty.
  return rows.map((row) => Object.fromEntries(headers.map((header, index) => [header, row[index] ?? ''])));
}

/** RFC 4180: fields in double quotes may hold delimiters, newlines, and doubled quotes. */
function csvRows(text: string, delimiter: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = '';
  let quoted = false;
  const endField = (): void => {
    row.push(field);
    field = '';
  };
  const endRow = (): void => {
    endField();
    // A line with nothing on it is no row.
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  };
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (quoted) {
      if (char !== '"') field += char;
      else if (text[at + 1] === '"') {
        field += '"';
        at += 1;
      } else quoted = false;
    } else if (char === '"' && field === '') quoted = true;
    else if (char === delimiter) endField();
    else if (char === '\n') endRow();
    else if (char !== '\r' || text[at + 1] !== '\n') field += char;
  }
  endRow();
  return rows;
}
