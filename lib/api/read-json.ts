/**
 * Reads a body: JSON that says one thing only. What `JSON.parse` would take silently is refused: of two fields of one
 * name it keeps the last, and of a number that is too long or too large it keeps another number.
 */
import { BunsuiError } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';

/** Most bytes of a body. The function behind API Gateway is called with 6 MB, in which quotes of a body take two. */
export const maxBodyBytes = 4 * 1024 * 1024;
/** Deepest nesting of a body. */
export const maxBodyDepth = 64;

/**
 * The value of a body.
 * @throws {BunsuiError} BS6004 when it is too large, BS6001 when it is no JSON or not what it seems
 */
export function readJson(text: string): Json {
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBodyBytes) throw tooLarge(bytes);
  requireUnambiguous(text);
  try {
    return JSON.parse(text) as Json;
  } catch (thrown) {
    throw notUnderstood(`the body is no JSON: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

export function tooLarge(bytes: number): BunsuiError {
  return new BunsuiError(
    'ValidationError',
    'BS6004',
    `the body has ${bytes} bytes, at most ${maxBodyBytes} are taken`,
    {
      hint: 'write the data to S3 and give its key',
    },
  );
}

function notUnderstood(message: string, hint?: string): BunsuiError {
  return new BunsuiError('ValidationError', 'BS6001', message, hint === undefined ? {} : { hint });
}

/** An object that is open at some place of the text, with the names it has; undefined for a list. */
type Open = Set<string> | undefined;

/** Goes over the tokens of the text. Whether they stand in an order that JSON allows is not looked at here. */
function requireUnambiguous(text: string): void {
  const open: Open[] = [];
  let at = 0;
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : undefined);
      if (open.length > maxBodyDepth) {
        throw notUnderstood(`the body is nested deeper than ${maxBodyDepth} levels`, 'write deep data to S3');
      }
      at += 1;
    } else if (character === '}' || character === ']') {
      open.pop();
      at += 1;
    } else if (character === '"') {
      const end = endOfText(text, at);
      const after = /[ \t\r\n]*:/y;
      after.lastIndex = end;
      if (after.test(text)) requireNewName(open.at(-1), text.slice(at, end));
      at = end;
    } else if (character === '-' || (character >= '0' && character <= '9')) {
      const number = /[-+.0-9eE]+/y;
      number.lastIndex = at;
      const [literal = character] = number.exec(text) ?? [];
      requireExact(literal);
      at += literal.length;
    } else {
      at += 1;
    }
  }
}

/** The place behind the text that begins at `start`. */
function endOfText(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === '"') return at + 1;
    at += character === '\\' ? 2 : 1;
  }
  return text.length;
}

function requireNewName(names: Open, literal: string): void {
  let name: unknown;
  try {
    name = JSON.parse(literal);
  } catch {
    return; // No JSON, as the reader will say.
  }
  if (typeof name !== 'string') return;
  if (name === '__proto__') throw notUnderstood('the body has a field "__proto__", which no record can have');
  if (names?.has(name)) throw notUnderstood(`the body has the field ${shown(literal)} twice in one object`);
  names?.add(name);
}

const shown = (literal: string) => (literal.length > 60 ? `${literal.slice(0, 60)}…` : literal);

/** The digits that count and the place of the point, the same for every way to write a number. */
function significance(literal: string): string {
  const [, whole = '', fraction = '', exponent = '0'] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(literal) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  return `${significant}e${Number(exponent) - fraction.length + (digits.length - significant.length)}`;
}

const maxLiteral = 400;

function requireExact(literal: string): void {
  // Taking a literal apart takes time by the square of its length; no number is that long.
  const value = literal.length > maxLiteral ? Number.POSITIVE_INFINITY : Number(literal);
  // No number: no JSON, as the reader will say.
  if (Number.isNaN(value)) return;
  if (Number.isFinite(value) && significance(literal) === significance(String(value))) return;
  const kept = Number.isFinite(value) ? `, it would become ${value}` : '';
  throw notUnderstood(
    `the number ${shown(literal)} cannot be kept exactly${kept}`,
    'write it as text, or with at most 15 digits',
  );
}
