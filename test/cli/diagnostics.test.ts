import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { countDiagnostics, diagnosticLines } from '../../lib/cli/diagnostics.ts';
import { palette } from '../../lib/cli/terminal.ts';
import type { Diagnostic } from '../../lib/errors.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-diagnostics-'));
  writeFileSync(
    join(folder, 'pipeline.ts'),
    [
      '// a pipeline',
      "\tconst load = p.job('load', load, {});",
      `const long = '${'x'.repeat(200)}' + here;`,
      '\u001b[2J\bx',
    ].join('\n'),
  );
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const at = (line: number, column: number) => ({ file: join(folder, 'pipeline.ts'), line, column });
const options = () => ({ palette: palette(false), columns: 60, cwd: folder });

it('shows code, message, place, the line with a caret, and what to do', () => {
  const diagnostic: Diagnostic = {
    code: 'BS1102',
    severity: 'error',
    message: 'two nodes are named "load"',
    path: ['flights', 'load', 2],
    source: at(2, 15),
    hint: 'rename one of them\nids are unique in the whole pipeline',
  };
  expect(diagnosticLines([diagnostic], options())).toStrictEqual([
    'error[BS1102]: two nodes are named "load"',
    ' --> pipeline.ts:2:15',
    '  |',
    "2 |   const load = p.job('load', load, {});",
    '  |                ^',
    '  = in flights › load › 2',
    '  = help: rename one of them',
    '          ids are unique in the whole pipeline',
    '',
  ]);
});

it('shows the part of a long line that is meant, and no control character of a file', () => {
  const message = 'see here';
  const lines = diagnosticLines(
    [
      { code: 'BS1105', severity: 'warning', message, path: [], source: at(3, 219) },
      { code: 'BS1105', severity: 'warning', message, path: [], source: at(4, 6) },
      { code: 'BS1105', severity: 'warning', message, path: [], source: { file: '/gone/x.ts', line: 12, column: 3 } },
      { code: 'BS1114', severity: 'info', message: 'no place', path: [] },
    ],
    options(),
  );
  expect(lines).toStrictEqual([
    'warning[BS1105]: see here',
    '  --> /gone/x.ts:12:3',
    '',
    'warning[BS1105]: see here',
    ' --> pipeline.ts:3:219',
    '  |',
    `3 | …${'x'.repeat(23)}' + here;`,
    `  | ${' '.repeat(28)}^`,
    '',
    'warning[BS1105]: see here',
    ' --> pipeline.ts:4:6',
    '  |',
    '4 | \\x08x',
    '  |     ^',
    '',
    'info[BS1114]: no place',
    '',
  ]);
});

it('puts errors first, by place, and counts those beyond the twentieth', () => {
  const many = Array.from(
    { length: 25 },
    (_, index): Diagnostic => ({
      code: 'BS1105',
      severity: index % 5 === 0 ? 'warning' : 'error',
      message: `number ${index}`,
      path: [],
      source: at(100 - index, 1),
    }),
  );
  const lines = diagnosticLines(many, options());
  expect(lines.filter((line) => line.includes('number')).slice(0, 3)).toStrictEqual([
    'error[BS1105]: number 24',
    'error[BS1105]: number 23',
    'error[BS1105]: number 22',
  ]);
  expect([lines.filter((line) => line.includes('number')).length, lines.at(-2), countDiagnostics(many)]).toStrictEqual([
    20,
    '… and 5 warnings more',
    '20 errors, 5 warnings',
  ]);
});
