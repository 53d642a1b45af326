/**
 * Author mistakes, printed: code, message, place, the line with a caret, and what to do.
 */
import { relative } from 'node:path';
import type { Diagnostic, SourcePosition } from '../errors.ts';
import { harmlessLine, harmlessText } from './harmless.ts';
import { sourceReader } from './source-lines.ts';
import type { Palette } from './terminal.ts';
import { cut, textWidth } from './text-width.ts';

export interface DiagnosticOptions {
  readonly palette: Palette;
  readonly columns: number;
  /** Paths are shown relative to this folder where that is shorter. */
  readonly cwd: string;
  /** How many are printed; the rest is counted. @default 20 */
  readonly max?: number;
}

const rank: { readonly [severity in Diagnostic['severity']]: number } = { error: 0, warning: 1, info: 2 };

/** `file:line:column`, the file relative to the working folder when it lies in it. */
export function placeText(source: SourcePosition, cwd: string): string {
  const near = relative(cwd, source.file);
  const file = near === '' || near.startsWith('..') ? source.file : near;
  return harmlessLine(`${file}:${source.line}:${source.column}`);
}

/** The window of a long line around a column, and where the column lies in it. */
function windowAround(line: string, column: number, room: number): { readonly text: string; readonly caret: number } {
  const before = harmlessLine(line.slice(0, column - 1).replaceAll('\t', '  '));
  const after = harmlessLine(line.slice(column - 1).replaceAll('\t', '  '));
  const start = textWidth(before) + 1 < room - 8 ? 0 : before.length - Math.floor(room / 2);
  const head = start > 0 ? `…${before.slice(start)}` : before;
  return { text: cut(head + after, room), caret: textWidth(head) };
}

function codeLines(source: SourcePosition, line: string, paint: (text: string) => string, options: DiagnosticOptions) {
  const { palette, columns } = options;
  const number = String(source.line);
  const gutter = ' '.repeat(number.length);
  const { text, caret } = windowAround(line, source.column, Math.max(20, columns - number.length - 4));
  return [
    palette.dim(`${gutter} |`),
    `${palette.dim(`${number} |`)} ${text}`,
    `${palette.dim(`${gutter} |`)} ${' '.repeat(caret)}${paint('^')}`,
  ];
}

function oneDiagnostic(
  diagnostic: Diagnostic,
  lineOf: (source: SourcePosition) => string | undefined,
  options: DiagnosticOptions,
): readonly string[] {
  const { palette, cwd } = options;
  const paint = { error: palette.red, warning: palette.yellow, info: palette.cyan }[diagnostic.severity];
  const { source } = diagnostic;
  const message = harmlessText(diagnostic.message).split('\n');
  const head = `${paint(palette.bold(`${diagnostic.severity}[${diagnostic.code}]`))}: ${palette.bold(message[0] ?? '')}`;
  const gutter = ' '.repeat(source === undefined ? 1 : String(source.line).length);
  const line = source === undefined ? undefined : lineOf(source);
  return [
    head,
    ...message.slice(1).map((text) => `  ${text}`),
    ...(source === undefined ? [] : [`${gutter}${palette.blue('-->')} ${placeText(source, cwd)}`]),
    ...(source === undefined || line === undefined ? [] : codeLines(source, line, paint, options)),
    ...(diagnostic.path.length > 0
      ? [`${gutter} ${palette.dim('=')} in ${harmlessLine(diagnostic.path.join(' › '))}`]
      : []),
    ...(diagnostic.hint === undefined
      ? []
      : harmlessText(diagnostic.hint)
          .split('\n')
          .map(
            (text, index) =>
              `${gutter} ${palette.dim(index === 0 ? '=' : ' ')} ${index === 0 ? palette.green('help') : '    '}${index === 0 ? ':' : ' '} ${text}`,
          )),
    '',
  ];
}

const counted = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`;

/** `2 errors, 1 warning`. */
export function countDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const count = (severity: Diagnostic['severity']) => diagnostics.filter((one) => one.severity === severity).length;
  return [
    count('error') > 0 ? counted(count('error'), 'error') : '',
    count('warning') > 0 ? counted(count('warning'), 'warning') : '',
    count('info') > 0 ? counted(count('info'), 'note') : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** All diagnostics as lines: errors first, then by place; those beyond `max` are counted. */
export function diagnosticLines(diagnostics: readonly Diagnostic[], options: DiagnosticOptions): readonly string[] {
  const lineOf = sourceReader();
  const ordered = diagnostics.toSorted(
    (a, b) =>
      rank[a.severity] - rank[b.severity] ||
      (a.source?.file ?? '').localeCompare(b.source?.file ?? '') ||
      (a.source?.line ?? 0) - (b.source?.line ?? 0) ||
      (a.source?.column ?? 0) - (b.source?.column ?? 0),
  );
  const shown = ordered.slice(0, options.max ?? 20);
  const rest = ordered.slice(shown.length);
  return [
    ...shown.flatMap((diagnostic) => oneDiagnostic(diagnostic, lineOf, options)),
    ...(rest.length > 0 ? [options.palette.dim(`… and ${countDiagnostics(rest)} more`), ''] : []),
  ];
}
