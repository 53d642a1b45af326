/**
 * Intrinsic functions of JSONPath states: the syntax of a call. What the functions do is in intrinsic-functions.ts.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
 */
import { arity } from './intrinsic-functions.ts';
import { compilePath, type JsonPath } from './jsonpath.ts';
import { parsePathAt } from './jsonpath-parse.ts';

/** A call, or what stands in a call's argument list. */
export type Intrinsic =
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Intrinsic[]; readonly text: string }
  | { readonly kind: 'path'; readonly path: JsonPath }
  /** `raw`: a text as it is written, with the escapes of its braces. */
  | { readonly kind: 'value'; readonly value: string | number | boolean | null; readonly raw?: string };

const compiled = new Map<string, Intrinsic>();
const maxCompiled = 10_000;
/** AWS lets calls nest ten deep. */
const maxNesting = 10;

interface Cursor {
  readonly text: string;
  at: number;
}

/** The call that a text is, such as `States.Format('{}', $.name)`. @throws {SyntaxError} when it is none. */
export function compileIntrinsic(text: string): Intrinsic {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const cursor = { text, at: 0 };
  skipSpace(cursor);
  const call = parseCall(cursor, 1);
  skipSpace(cursor);
  if (cursor.at < text.length) throw wrong(cursor, 'the end');
  if (compiled.size >= maxCompiled) compiled.clear();
  compiled.set(text, call);
  return call;
}

function parseCall(cursor: Cursor, depth: number): Intrinsic {
  if (depth > maxNesting) throw wrong(cursor, `at most ${maxNesting} nested calls`);
  const start = cursor.at;
  const name = matchAt(cursor, /States\.[A-Za-z0-9]+/y)?.slice('States.'.length);
  const counts = name === undefined ? undefined : arity(name);
  if (name === undefined || counts === undefined) throw wrong({ ...cursor, at: start }, 'an intrinsic function');
  skipSpace(cursor);
  if (matchAt(cursor, /\(/y) === undefined) throw wrong(cursor, "'('");
  const args: Intrinsic[] = [];
  skipSpace(cursor);
  if (matchAt(cursor, /\)/y) === undefined) {
    do {
      skipSpace(cursor);
      args.push(parseArgument(cursor, depth));
      skipSpace(cursor);
    } while (matchAt(cursor, /,/y) !== undefined);
    if (matchAt(cursor, /\)/y) === undefined) throw wrong(cursor, "',' or ')'");
  }
  const [least, most] = counts;
  if (args.length < least || args.length > most) throw wrong(cursor, `${least} to ${most} arguments of ${name}`);
  return { kind: 'call', name, args, text: cursor.text.slice(start, cursor.at) };
}

function parseArgument(cursor: Cursor, depth: number): Intrinsic {
  const char = cursor.text[cursor.at];
  if (char === "'") return parseText(cursor);
  if (char === '$') {
    const start = cursor.at;
    parsePathAt(cursor);
    return { kind: 'path', path: compilePath(cursor.text.slice(start, cursor.at)) };
  }
  const literal = matchAt(cursor, /(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=[\s,)])/y);
  if (literal !== undefined) return { kind: 'value', value: JSON.parse(literal) as number | boolean | null };
  return parseCall(cursor, depth + 1);
}

/** A text in single quotes. A backslash stands before `'`, `{`, `}` and itself, and before nothing else. */
function parseText(cursor: Cursor): Intrinsic {
  const raw = matchAt(cursor, /'(?:[^'\\]|\\['{}\\])*'/y)?.slice(1, -1);
  if (raw === undefined) throw wrong(cursor, "a text in single quotes, with \\ only before ', {, } and \\");
  return { kind: 'value', value: raw.replace(/\\(.)/g, '$1'), raw };
}

function matchAt(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.at;
  const match = pattern.exec(cursor.text)?.[0];
  if (match !== undefined) cursor.at += match.length;
  return match;
}

function skipSpace(cursor: Cursor): void {
  matchAt(cursor, /\s+/y);
}

function wrong(cursor: Cursor, expected: string): SyntaxError {
  const found = cursor.at < cursor.text.length ? `'${cursor.text.slice(cursor.at, cursor.at + 20)}'` : 'the end';
  return new SyntaxError(`expected ${expected} at character ${cursor.at} and found ${found}`);
}
