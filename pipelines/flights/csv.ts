/** CSV as RFC 4180 has it: fields may be quoted, and a quoted field may hold commas, quotes and line breaks. */

/** Reads a table with a header line into one record per line. */
export function parseCsv(text: string): Record<string, string>[] {
  const [header = [], ...lines] = splitCsv(text);
  return lines.map((fields) => Object.fromEntries(header.map((name, column) => [name, fields[column] ?? ''])));
}

/** Writes records as a table with a header line; the first record names the columns. */
export function formatCsv(records: readonly Readonly<Record<string, string | number>>[]): string {
  const columns = Object.keys(records[0] ?? {});
  const lines = [columns, ...records.map((record) => columns.map((column) => record[column] ?? ''))];
  return lines.map((fields) => `${fields.map(quoteField).join(',')}\n`).join('');
}

function quoteField(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** One token is a field and what ends it: a comma, a line break, or the end of the text. */
function splitCsv(text: string): string[][] {
  const token = /(?:"((?:[^"]|"")*)"|((?!")[^,\r\n]*))(,|\r?\n|$)/gy;
  const lines: string[][] = [];
  let line: string[] = [];
  while (token.lastIndex < text.length || line.length > 0) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (!match) throw new Error(`not CSV: a stray quote near character ${at}`);
    const [, quoted, plain = '', end] = match;
    line.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end !== ',') {
      lines.push(line);
      line = [];
    }
  }
  return lines;
}
