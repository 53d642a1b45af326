import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { codeHashes } from '../lib/code-hash.ts';

/** A small project, one file per name. */
const project = {
  'operations.ts': `
import { lambda } from 'bunsui';
import * as z from 'zod';

const row = z.object({ key: z.string().min(1) });
// what is read
export const read = lambda('read', {
  entry: './read.ts',
  input: z.object({ date: z.iso.date() }),
  output: row,
  retry: { max: 3, delay: '2s' },
});
const many = z.array(row).max(100);
export const load = lambda('load', { entry: './load.ts', input: z.object({ rows: many }), output: z.object({ n: z.int().min(0) }) });
`,
  'read.ts': `
import { keyOf } from './keys.ts';
import { read } from './operations.ts';

export const handler = read.handler(async ({ date }) => ({ key: keyOf(date) }));
`,
  'keys.ts': `
import { suffix } from 'texts';

export function keyOf(date: string): string {
  const folder = 'days';
  return folder + '/' + date + suffix;
}
export const neverUsed = (date: string) => date.length;
`,
  'node_modules/texts/package.json': '{"name":"texts","version":"1.0.0","main":"index.js","dependencies":{"deep":"1"}}',
  'node_modules/texts/index.js': `exports.suffix = require('deep');`,
  'node_modules/deep/package.json': '{"name":"deep","version":"1.0.0","main":"index.js"}',
  'node_modules/deep/index.js': `module.exports = '.csv';`,
} as const;
type File = keyof typeof project;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function written(changes: Partial<Record<File, (text: string) => string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'bunsui-code-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(project) as [File, string][]) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    const changed = changes[name]?.(text) ?? text;
    if (changes[name] !== undefined) expect(changed).not.toBe(text);
    writeFileSync(join(folder, name), changed);
  }
  symlinkSync(fileURLToPath(new URL('../node_modules/zod', import.meta.url)), join(folder, 'node_modules', 'zod'));
  return folder;
}

async function hashIn(folder: string, file = 'read.ts'): Promise<string | undefined> {
  const entry = join(folder, file);
  return (await codeHashes([entry])).get(entry);
}

const hashWith = (changes: Parameters<typeof written>[0]) => hashIn(written(changes));
const replaced = (from: string, to: string) => (text: string) => text.replace(from, to);

describe('the code hash of a handler', () => {
  it.each<[string, Parameters<typeof written>[0]]>([
    ['a comment', { 'keys.ts': (text) => `/* why */${text}// how` }],
    ['formatting', { 'keys.ts': (text) => text.replaceAll('\n', '\n\n').replaceAll('  ', '\t') }],
    ['a type', { 'keys.ts': replaced('(date: string): string', '(date: `${string}-${string}`)') }],
    ['what it does not use', { 'keys.ts': replaced('date.length', 'date.length + 1') }],
    ['the contract of another operation', { 'operations.ts': replaced('min(0)', 'min(1)') }],
    ['a schema that only another contract uses', { 'operations.ts': replaced('max(100)', 'max(200)') }],
    ['how it is retried', { 'operations.ts': replaced("max: 3, delay: '2s'", 'max: 5') }],
    [
      'how long it may take',
      { 'operations.ts': replaced("entry: './read.ts',", "entry: './read.ts', timeout: '5m',") },
    ],
    ['a comment in the contracts', { 'operations.ts': replaced('// what is read', '') }],
    ['the layout of the contracts', { 'operations.ts': (text) => text.replaceAll(/\n {2}(?=\w)/g, ' ') }],
  ])('does not change with %s', async (_, changes) => {
    expect(await hashWith(changes)).toBe(await hashWith({}));
  });

  it.each<[string, Parameters<typeof written>[0]]>([
    ['what the handler does', { 'read.ts': replaced('keyOf(date)', 'keyOf(date + date)') }],
    ['what a file it imports does', { 'keys.ts': replaced("'days'", "'hours'") }],
    ['its own contract, where no schema says it', { 'operations.ts': replaced('min(1)', 'min(1).trim()') }],
    ['the version of a package', { 'node_modules/texts/package.json': replaced('1.0.0', '1.0.1') }],
    ['the version of what a package depends on', { 'node_modules/deep/package.json': replaced('1.0.0', '1.0.1') }],
  ])('changes with %s', async (_, changes) => {
    expect(await hashWith(changes)).not.toBe(await hashWith({}));
  });

  it('does not change when the project is moved, its files renamed, and others bundled beside it', async () => {
    const folder = written();
    const before = await hashIn(folder);
    const moved = join(written(), 'deep', 'inside');
    cpSync(folder, moved, { recursive: true });
    expect(await hashIn(moved)).toBe(before);
    renameSync(join(moved, 'read.ts'), join(moved, 'renamed.ts'));
    expect(await hashIn(moved, 'renamed.ts')).toBe(before);
    const other = join(folder, 'other.ts');
    writeFileSync(other, `import { keyOf } from './keys.ts';\nexport const handler = () => keyOf('x');`);
    const hashes = await codeHashes([other, join(folder, 'read.ts')]);
    expect(hashes.get(join(folder, 'read.ts'))).toBe(before);
    expect(hashes.get(other)).not.toBe(before);
  });
});
