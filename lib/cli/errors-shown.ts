/**
 * How a thrown error looks: as a diagnostic on stderr and, with `--json`, as one line on stdout.
 */
import { BunsuiError, type Diagnostic, type SourcePosition } from '../errors.ts';
import { diagnosticLines } from './diagnostics.ts';
import { harmlessText } from './harmless.ts';
import { jsonLine } from './json-lines.ts';
import type { Terminal } from './terminal.ts';

function isSource(value: unknown): value is SourcePosition {
  if (typeof value !== 'object' || value === null) return false;
  const { file, line, column } = value as Partial<Record<keyof SourcePosition, unknown>>;
  return typeof file === 'string' && typeof line === 'number' && typeof column === 'number';
}

/** One of our errors, in the form in which mistakes are printed. */
export function asDiagnostic(error: BunsuiError): Diagnostic {
  const { source } = error.context;
  return {
    code: error.code,
    severity: 'error',
    message: error.message,
    path: [],
    ...(isSource(source) ? { source } : {}),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}

/** A diagnostic as a line of `--json`. */
export function jsonDiagnostic(diagnostic: Diagnostic): string {
  const { source, hint } = diagnostic;
  return jsonLine('diagnostic', {
    severity: diagnostic.severity,
    code: diagnostic.code,
    message: diagnostic.message,
    path: diagnostic.path,
    ...(source === undefined ? {} : { file: source.file, line: source.line, column: source.column }),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Prints what a command threw. What is none of our errors shows its stack: it is a defect, or the machine's doing. */
export function showError(
  thrown: unknown,
  terminal: Terminal,
  options: { readonly json: boolean; readonly cwd: string },
) {
  const { err, out } = terminal;
  if (thrown instanceof BunsuiError) {
    const diagnostic = asDiagnostic(thrown);
    if (options.json) out.write(jsonDiagnostic(diagnostic));
    const layout = { palette: err.palette, columns: err.size().columns, cwd: options.cwd };
    err.write(`${diagnosticLines([diagnostic], layout).join('\n').trimEnd()}\n`);
    return;
  }
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  if (options.json) out.write(jsonLine('error', { name: error.name, message: error.message }));
  const stack = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  err.write(`${err.palette.red(err.palette.bold('error'))}: ${harmlessText(`${error.name}: ${error.message}`)}\n`);
  err.write(`${err.palette.dim(harmlessText(stack.slice(0, 6).join('\n')))}\n`);
}
