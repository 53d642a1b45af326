import type { Diagnostic, ErrorCode, SourcePosition } from '../errors.ts';
import { nearest } from './spelling.ts';

/** Where in a pipeline: its id, then ids and field names inwards. */
export type Path = readonly (string | number)[];

/** An error with its place and remedy. */
export function mistake(
  code: ErrorCode,
  message: string,
  path: Path,
  source: SourcePosition,
  hint: string,
): Diagnostic {
  return { code, severity: 'error', message, path, source, hint };
}

/** A name that nothing has, with the one that was meant or those there are. */
export function unknownName(
  what: string,
  name: string,
  names: readonly string[],
  path: Path,
  source: SourcePosition,
): Diagnostic {
  const close = nearest(name, names);
  const known =
    names.length === 0
      ? 'there is none here'
      : `there are ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}`;
  return mistake(
    'BS1105',
    `there is no ${what} "${name}"`,
    path,
    source,
    close === undefined ? known : `did you mean "${close}"?`,
  );
}
