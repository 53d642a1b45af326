/** A JSON value for a person: scalars large, lists of records as tables, the rest as indented JSON. */
import type { Json } from '../ir/expressions.ts';
import { countText, numberText } from './format.ts';
import type { Html } from '../html.ts';
import { html } from '../html.ts';
import { codeBlock, cutNote } from './parts.ts';

const limits = { fields: 40, tableRows: 20, tableColumns: 8, textLength: 160, jsonBytes: 12_000 };

type JsonRecord = { readonly [key: string]: Json };

/** The result of a session, field by field. */
export function readableValue(value: Json): Html {
  if (!isRecord(value)) return readableField(value, 'the result');
  const fields = Object.entries(value);
  const short = fields.filter(([, field]) => isShort(field));
  const long = fields.filter(([, field]) => !isShort(field));
  const shownShort = short.slice(0, limits.fields);
  const shownLong = long.slice(0, limits.fields);
  const left = fields.length - shownShort.length - shownLong.length;
  return html`${shownShort.length > 0 && html`<dl class="facts big">${shownShort.map(([name, field]) => html`<div><dt>${name}</dt><dd${typeof field === 'string' && field.length > 20 && html` class="t"`}>${scalar(field)}</dd></div>`)}</dl>`}${shownLong.map(([name, field]) => html`<h3>${name}</h3>${readableField(field, name)}`)}${left > 0 && cutNote(`${countText(left, 'more field')} not shown`)}`;
}

function readableField(value: Json, name: string): Html {
  if (isShort(value)) return html`<p class="one">${scalar(value)}</p>`;
  if (Array.isArray(value) && value.length > 0 && value.every(isFlatRecord)) return recordTable(value, name);
  return codeBlock(typeof value === 'string' ? value : JSON.stringify(value, null, 2), limits.jsonBytes, name);
}

function recordTable(rows: readonly JsonRecord[], name: string): Html {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const shown = columns.slice(0, limits.tableColumns);
  const isNumeric = (column: string) =>
    rows.every((row) => row[column] === undefined || typeof row[column] === 'number');
  const kind = new Map(shown.map((column) => [column, isNumeric(column) ? 'num' : '']));
  const moreRows = rows.length - limits.tableRows;
  const moreColumns = columns.length - shown.length;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${name}"><table class="data"><thead><tr>${shown.map((column) => html`<th scope="col" class="${kind.get(column)}">${column}</th>`)}</tr></thead><tbody>${rows.slice(0, limits.tableRows).map((row) => html`<tr>${shown.map((column) => html`<td class="${kind.get(column)}">${scalar(row[column] ?? null)}</td>`)}</tr>`)}</tbody></table></div>${moreRows > 0 && cutNote(`${countText(moreRows, 'more row')} not shown`)}${moreColumns > 0 && cutNote(`${countText(moreColumns, 'more column')} not shown`)}`;
}

function scalar(value: Json): Html {
  if (typeof value === 'number') return html`${numberText(value)}`;
  if (typeof value === 'string') return html`${value}`;
  return html`<span class="dim">${JSON.stringify(value)}</span>`;
}

function isRecord(value: Json): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isShort(value: Json): boolean {
  if (typeof value === 'string') return value.length <= limits.textLength && !value.includes('\n');
  return typeof value !== 'object' || value === null;
}

function isFlatRecord(value: Json): value is JsonRecord {
  return isRecord(value) && Object.values(value).every(isShort);
}
