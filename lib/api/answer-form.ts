/** The form of an approval as fields of an HTML form, and what a browser sends of them as JSON. */
import type { Json } from '../ir/expressions.ts';
import type { JsonSchema } from '../ir/nodes.ts';
import { type Html, html } from './html.ts';

interface Field {
  readonly name: string;
  readonly kind: 'text' | 'number' | 'boolean' | 'choice' | 'json';
  readonly required: boolean;
  readonly description?: string;
  readonly initial?: Json;
  readonly choices: readonly string[];
}

const isRecord = (value: unknown): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function kindOf(schema: { readonly [keyword: string]: Json }): Field['kind'] {
  const { type, enum: values } = schema;
  if (Array.isArray(values) && values.every((value) => typeof value === 'string')) return 'choice';
  if (type === 'string') return 'text';
  if (type === 'number' || type === 'integer') return 'number';
  return type === 'boolean' ? 'boolean' : 'json';
}

function fieldsOf(form: JsonSchema): readonly Field[] {
  const properties = isRecord(form['properties']) ? form['properties'] : {};
  const required = Array.isArray(form['required']) ? form['required'] : [];
  return Object.entries(properties).map(([name, given]) => {
    const schema = isRecord(given) ? given : {};
    const { default: initial, description } = schema;
    return {
      name,
      kind: kindOf(schema),
      required: required.includes(name) && initial === undefined,
      choices: Array.isArray(schema['enum']) ? schema['enum'].map(String) : [],
      ...(typeof description === 'string' ? { description } : {}),
      ...(initial === undefined ? {} : { initial }),
    };
  });
}

/** Names of the form's own fields begin so: they cannot meet those of the page. */
const prefix = 'form.';

/** The fields, filled in as they were sent before. */
export function formFields(form: JsonSchema, sent: URLSearchParams | undefined): readonly Html[] {
  return fieldsOf(form).map((field) => {
    const { name, description } = field;
    const note = description !== undefined && html`<small>${description}</small>`;
    return html`<label><span>${name}${!field.required && html` <small>(may be left out)</small>`}</span>${control(field, shownValue(field, sent))}${note}</label>`;
  });
}

function shownValue({ name, initial, kind }: Field, sent: URLSearchParams | undefined): string {
  if (sent !== undefined) return sent.get(`${prefix}${name}`) ?? '';
  if (initial === undefined) return '';
  return kind === 'json' ? JSON.stringify(initial) : String(initial);
}

function control({ name, kind, choices }: Field, value: string): Html {
  const field = `${prefix}${name}`;
  // Whether a field has to be filled in is checked by who answers: a rejection needs none.
  switch (kind) {
    case 'choice':
    case 'boolean': {
      const values = ['', ...(kind === 'choice' ? choices : ['true', 'false'])];
      return html`<select name="${field}">${values.map((one) => html`<option value="${one}"${one === value && html` selected`}>${one}</option>`)}</select>`;
    }
    case 'number':
      return html`<input name="${field}" inputmode="decimal" value="${value}">`;
    case 'json':
      return html`<textarea name="${field}" rows="3" placeholder="JSON">${value}</textarea>`;
    case 'text':
      return html`<input name="${field}" value="${value}">`;
  }
}

/** What was filled in. What is empty was left out; what cannot be read as its kind goes on as text, and is refused. */
export function filledIn(form: JsonSchema, sent: URLSearchParams): Json {
  const values = fieldsOf(form).flatMap(({ name, kind }): readonly (readonly [string, Json])[] => {
    const text = sent.get(`${prefix}${name}`) ?? '';
    if (text === '') return [];
    return [[name, kind === 'text' || kind === 'choice' ? text : jsonOf(text)]];
  });
  return Object.fromEntries(values);
}

function jsonOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
