/** Handlers that are not there, and talkative pipeline files: what each command that reads a pipeline says of them. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { missingEntries } from '../../lib/cli/missing-entries.ts';
import type { OperationIr, PipelineIr } from '../../lib/ir/nodes.ts';
import { bunsui } from './command-line.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-entries-'));
  mkdirSync(join(folder, 'handlers'));
  symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(folder, 'node_modules'));
  for (const name of ['extract.ts', 'load.mjs', 'notes.txt']) writeFileSync(join(folder, 'handlers', name), '');
  for (const [name, entry] of [
    ['broken', './handlers/extrct.ts'],
    ['whole', './handlers/extract.ts'],
  ]) {
    writeFileSync(
      join(folder, `${name}.ts`),
      `import { lambda, pipeline } from 'bunsui';
import * as z from 'zod';
console.log('reading');
const extract = lambda('extract', { entry: '${entry}', input: z.object({}), output: z.object({}) });
export default pipeline('daily', { input: z.object({}) }, (p) => {
  console.log('describing');
  p.job('extract', extract, {});
});
`,
    );
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function hintsOf(...entries: readonly string[]) {
  const source = { file: join(folder, 'daily.ts'), line: 4, column: 17 };
  const operations = entries.map((entry, index): readonly [string, OperationIr] => [
    `o${index}`,
    {
      kind: 'lambda',
      id: `o${index}`,
      source,
      entry: entry.startsWith('\0') ? entry : join(folder, entry),
      input: {},
      output: {},
      timeoutSeconds: 1,
      memoryMiB: 128,
      environment: {},
    },
  ]);
  const pipeline: PipelineIr = {
    irVersion: 1,
    id: 'daily',
    source,
    input: {},
    operations: Object.fromEntries(operations),
    body: { nodes: [] },
  };
  return missingEntries(pipeline).map(({ message, hint }) => [message, hint]);
}

it('says what is likely meant, or what there is', () => {
  expect(
    hintsOf('handlers/extract.ts', 'handlers/lod.mjs', 'handlers/zzz.ts', 'handlers', 'handler/x.ts', 'x.md', '\0'),
  ).toStrictEqual([
    ['the entry file of operation "o1" does not exist: "./handlers/lod.mjs"', 'did you mean "./handlers/load.mjs"?'],
    [
      'the entry file of operation "o2" does not exist: "./handlers/zzz.ts"',
      'write the file, or name one of ./handlers/extract.ts, ./handlers/load.mjs',
    ],
    ['the entry of operation "o3" is a folder: "./handlers"', 'name the file that exports the handler'],
    ['the entry file of operation "o4" does not exist: "./handler/x.ts"', 'there is no folder "./handler"'],
    [
      'the entry file of operation "o5" does not exist: "./x.md"',
      'write the file, or name one of ./broken.ts, ./whole.ts',
    ],
    [expect.stringContaining('the entry file of operation "o6" does not exist'), expect.any(String)],
  ]);
});

it.each(['graph', 'compile', 'run'])('%s shows the contract whose file is missing', async (command) => {
  const { code, err } = await bunsui([command, 'broken.ts'], { cwd: folder });
  expect([code, err.split('\n')]).toStrictEqual([
    3,
    [
      'reading',
      'describing',
      'error[BS1115]: the entry file of operation "extract" does not exist: "./handlers/extrct.ts"',
      ' --> broken.ts:4:17',
      '  |',
      expect.stringMatching(/^4 \| const extract = lambda\('extract', /),
      '  |                 ^',
      '  = in daily › operations › extract › entry',
      '  = help: did you mean "./handlers/extract.ts"?',
      '',
      '1 error in broken.ts',
      '',
    ],
  ]);
});

it.each(['graph', 'compile'])('%s keeps stdout for its data while the file talks', async (command) => {
  const { code, out, err } = await bunsui([command, 'whole.ts'], { cwd: folder });
  expect([code, err, out.startsWith(command === 'graph' ? 'flowchart' : '{')]).toStrictEqual([
    0,
    'reading\ndescribing\n',
    true,
  ]);
});
