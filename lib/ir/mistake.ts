import type { Diagnostic, ErrorCode, SourcePosition } from '../errors.ts';

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
