import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { asDiagnostic } from '../../lib/cli/errors-shown.ts';
import { loadPipeline } from '../../lib/cli/load-pipeline.ts';
import { BunsuiError } from '../../lib/errors.ts';

const program = fileURLToPath(new URL('../../bin/bunsui.ts', import.meta.url));

const files = {
  'good.mjs': `import { note } from './note.mjs';
export default { kind: 'bunsui.pipeline', ir: { id: note }, diagnostics: [] };`,
  'note.mjs': `process.emitWarning('not to be seen'); export const note = 'good';`,
  'talks.mjs': `console.log('reading', { a: 1 });
console.error('two\\nlines');
export default { kind: 'bunsui.pipeline', ir: { id: 'talks' }, diagnostics: [] };`,
  'reads.mjs': `import { readFileSync } from 'node:fs';\nreadFileSync('/nowhere/at/all');`,
  'slip.mjs': 'const q = {};\nq.job();',
  'no-default.mjs': 'export const a = 1;',
  'wrong-default.mjs': 'export default { kind: "other" };',
  'named.mjs': `export const daily = { kind: 'bunsui.pipeline', ir: {}, diagnostics: [] };`,
  'types.ts': 'const n: number = 1;\nexport default {\n  x: n,,\n};',
  'enum.ts': '\nenum Colour { red }\nexport default Colour;',
  'syntax.mjs': 'const a = 1;\nexport default { x: a,, };',
  'imports-syntax.mjs': `import './syntax.mjs';\nexport default 1;`,
  'throws.mjs': `import { boom } from './boom.mjs';\n\nboom();`,
  'boom.mjs': `export function boom() {\n  throw new TypeError('no luck');\n}`,
  'throws-text.mjs': `throw 'just text';`,
  'no-file.mjs': `// first\nimport { x } from './nothere.mjs';`,
  'no-extension.mjs': `import { boom } from './boom';`,
  'no-package.mjs': `import x from 'no-such-package-here/deep';`,
  'no-name.mjs': `import { bang } from './boom.mjs';`,
  'notes.txt': 'text',
};

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-load-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  mkdirSync(join(folder, 'folder.ts'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function failureOf(name: string): Promise<readonly string[]> {
  try {
    await loadPipeline(name, folder, () => {});
    return ['loaded'];
  } catch (thrown) {
    if (!(thrown instanceof BunsuiError)) throw thrown;
    const { code, message, source, hint = '' } = asDiagnostic(thrown);
    const place =
      source === undefined ? '' : `${source.file.replace(`${folder}/`, '')}:${source.line}:${source.column}`;
    return [code, place, message.replaceAll(`${folder}/`, ''), hint];
  }
}

it('loads a pipeline and keeps warnings of its file to itself', async () => {
  const warnings: string[] = [];
  const onWarning = (warning: Error) => warnings.push(warning.message);
  process.on('warning', onWarning);
  const said: string[] = [];
  const loaded = await loadPipeline('good.mjs', folder, (text) => said.push(text));
  await new Promise((settled) => setImmediate(settled));
  process.off('warning', onWarning);
  expect([loaded, warnings, said]).toStrictEqual([
    { kind: 'bunsui.pipeline', ir: { id: 'good' }, diagnostics: [] },
    [],
    [],
  ]);
});

it('gives what the file writes to the console to the caller, and the console back', async () => {
  const { log } = console;
  const said: string[] = [];
  await loadPipeline('talks.mjs', folder, (text) => said.push(text));
  expect([said, console.log === log]).toStrictEqual([['reading { a: 1 }', 'two\nlines'], true]);
});

it('advises to move into a handler only what asks the system', async () => {
  expect([await failureOf('reads.mjs'), (await failureOf('slip.mjs')).slice(2)]).toStrictEqual([
    [
      'BS1001',
      'reads.mjs:2:1',
      "the file throws while it is read: Error: ENOENT: no such file or directory, open '/nowhere/at/all'",
      'a pipeline file only describes: move what can fail into a handler',
    ],
    ['the file throws while it is read: TypeError: q.job is not a function', ''],
  ]);
});

const mistakes: readonly (readonly [string, readonly string[]])[] = [
  ['gone.ts', ['BS2002', '', 'there is no file "gone.ts"', 'check the path of the pipeline file']],
  ['good', ['BS2002', '', 'there is no file "good"', 'did you mean "good.mjs"?']],
  ['folder.ts', ['BS2002', '', '"folder.ts" is not a file', 'name the file whose default export is the pipeline']],
  [
    'notes.txt',
    [
      'BS1001',
      'notes.txt:1:1',
      '"notes.txt" is no TypeScript or JavaScript file',
      'name a file that ends in .ts, .mts, .js, .mjs',
    ],
  ],
  [
    'no-default.mjs',
    [
      'BS1002',
      'no-default.mjs:1:1',
      '"no-default.mjs" has no pipeline: there is no default export',
      'write "export default pipeline(…)"',
    ],
  ],
  [
    'wrong-default.mjs',
    [
      'BS1002',
      'wrong-default.mjs:1:1',
      '"wrong-default.mjs" has no pipeline: the default export is no pipeline',
      'write "export default pipeline(…)"',
    ],
  ],
  [
    'named.mjs',
    [
      'BS1002',
      'named.mjs:1:1',
      '"named.mjs" exports the pipeline as "daily", not as its default',
      'write "export default daily"',
    ],
  ],
  ['throws-text.mjs', ['BS1001', 'throws-text.mjs:1:1', 'the file threw "just text"', 'throw errors only']],
];

it.each(mistakes)('says what is wrong with %s', async (name, expected) => {
  expect(await failureOf(name)).toStrictEqual(expected);
});

/** What the command line prints, run by Node itself: a test runner's own loader makes other errors of its own. */
function printed(name: string): readonly string[] {
  const { status, stderr } = spawnSync(process.execPath, [program, 'graph', name], { cwd: folder, encoding: 'utf8' });
  return [
    `exit ${status}`,
    ...stderr
      .replaceAll(`${realpathSync(folder)}/`, '')
      .trimEnd()
      .split('\n'),
  ];
}

const located: readonly (readonly [string, readonly string[]])[] = [
  [
    'types.ts',
    [
      'error[BS1001]: TypeScript: Unexpected token `,`. Expected identifier, string literal, numeric literal or [ for the computed key',
      ' --> types.ts:3:8',
      '3 |   x: n,,',
      '  |        ^',
    ],
  ],
  [
    'enum.ts',
    [
      'error[BS1001]: TypeScript: TypeScript enum is not supported in strip-only mode',
      ' --> enum.ts:2:1',
      '2 | enum Colour { red }',
      '  | ^',
    ],
  ],
  [
    'syntax.mjs',
    [
      "error[BS1001]: syntax: Unexpected token ','",
      ' --> syntax.mjs:2:23',
      '2 | export default { x: a,, };',
      `  | ${' '.repeat(22)}^`,
    ],
  ],
  [
    'imports-syntax.mjs',
    [
      "error[BS1001]: syntax: Unexpected token ','",
      ' --> syntax.mjs:2:23',
      '2 | export default { x: a,, };',
      `  | ${' '.repeat(22)}^`,
    ],
  ],
  [
    'throws.mjs',
    [
      'error[BS1001]: the file throws while it is read: TypeError: no luck',
      ' --> boom.mjs:2:9',
      "2 |   throw new TypeError('no luck');",
      '  |         ^',
    ],
  ],
  [
    'no-file.mjs',
    [
      'error[BS1001]: the file "nothere.mjs" that is imported here does not exist',
      ' --> no-file.mjs:2:19',
      "2 | import { x } from './nothere.mjs';",
      `  | ${' '.repeat(18)}^`,
    ],
  ],
  [
    'no-extension.mjs',
    [
      'error[BS1001]: the file "boom" that is imported here does not exist',
      ' --> no-extension.mjs:1:22',
      "1 | import { boom } from './boom';",
      `  | ${' '.repeat(21)}^`,
    ],
  ],
  [
    'no-package.mjs',
    [
      'error[BS1001]: the package "no-such-package-here" is not installed',
      ' --> no-package.mjs:1:15',
      "1 | import x from 'no-such-package-here/deep';",
      `  | ${' '.repeat(14)}^`,
    ],
  ],
  [
    'no-name.mjs',
    [
      "error[BS1001]: syntax: The requested module './boom.mjs' does not provide an export named 'bang'",
      ' --> no-name.mjs:1:10',
      "1 | import { bang } from './boom.mjs';",
      '  |          ^',
    ],
  ],
];

it.each(located)('shows where %s is wrong', (name, [message, place, line, caret]) => {
  const lines = printed(name);
  expect(lines.slice(0, 6)).toStrictEqual(['exit 3', message, place, '  |', line, caret]);
});
