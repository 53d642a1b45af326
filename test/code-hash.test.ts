import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { codeHashes } from '../lib/code-hash.ts';

/** A small project, one file per name. */
const project = {
  'operations.ts': `
import { jsonLines, lambda } from 'bunsui';
import * as z from 'zod';

const lines = jsonLines(z.object({ n: z.int().max(7) }));
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
export const dump = lambda('dump', { entry: './dump.ts', input: row, output: lines });
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
    ['records of another contract', { 'operations.ts': replaced('max(7)', 'max(8)') }],
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

/** Files of a project of their own, by name. */
function files(contents: { readonly [name: string]: string }, folder = written()): string {
  for (const [name, text] of Object.entries(contents)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}
const packed = (name: string, version: string, more: object = {}) => ({
  [`node_modules/${name}/package.json`]: JSON.stringify({ name, version, main: 'index.js', ...more }),
  [`node_modules/${name}/index.js`]: 'exports.v = 1; globalThis.q = 1;',
});
const hashOf = (contents: { readonly [name: string]: string }) => hashIn(files(contents), 'h.ts');

describe('the code hash holds', () => {
  it('every part of a declaration of several', async () => {
    const limited = (limit: string) => ({
      'h.ts': `import { lambda } from 'bunsui';
import * as z from 'zod';
const S = z.string(), LIMIT = ${limit};
const half = z.number() / 2, OTHER = ${limit} / 2;
export const op = lambda('x', { entry: './h.ts', input: z.int(), output: z.int() });
export const handler = op.handler(async () => LIMIT + OTHER);`,
    });
    expect(await hashOf(limited('5'))).not.toBe(await hashOf(limited('6')));
  });

  it('what is called like bunsui and zod, and is not', async () => {
    const own = (timeout: number) => ({
      'own.ts': 'export const lambda = (_: string, given: { timeout: number }) => given.timeout;',
      'h.ts': `import { pipeline } from 'bunsui';
import { lambda } from './own.ts';
export const op = lambda('x', { timeout: ${timeout} });
export const handler = () => [op, pipeline];`,
    });
    expect(await hashOf(own(5))).not.toBe(await hashOf(own(6)));
  });

  it('a constant that looks like a statement within a text', async () => {
    const texts = (text: string) => ({
      'h.ts': `import { lambda } from 'bunsui';
import * as z from 'zod';
const S = z.string().describe(\`a;
b\`);
export const op = lambda('x', { entry: './h.ts', input: S, output: S });
export const handler = op.handler(async () => '${text}');`,
    });
    expect(await hashOf(texts('a'))).not.toBe(await hashOf(texts('b')));
  });

  it('the version of a package that is imported for its effect', async () => {
    const effect = { 'h.ts': `import 'fx'; export const handler = () => globalThis.q;` };
    const [one, two, none] = await Promise.all([
      hashOf({ ...effect, ...packed('fx', '1.0.0') }),
      hashOf({ ...effect, ...packed('fx', '2.0.0') }),
      hashOf({ 'h.ts': 'export const handler = () => globalThis.q;' }),
    ]);
    expect(new Set([one, two, none]).size).toBe(3);
    // That of one that says it has none does not count.
    const without = (version: string) => hashOf({ ...effect, ...packed('fx', version, { sideEffects: false }) });
    expect(await without('1.0.0')).toBe(await without('2.0.0'));
  });

  it.each(['peerDependencies', 'optionalDependencies'])(
    'the version of what its packages ask for as %s',
    async (kind) => {
      const version = (of: string) =>
        hashOf({
          'h.ts': `import { v } from 'host'; export const handler = () => v;`,
          ...packed('host', '1.0.0', { [kind]: { other: '*', absent: '*' } }),
          ...packed('other', of),
        });
      expect(await version('1.0.0')).not.toBe(await version('2.0.0'));
    },
  );

  it('the version that each importer finds', async () => {
    const importing = `import { v } from 'dep'; export const f = () => v;`;
    const entry = (names: readonly string[]) =>
      `${names.map((name) => `import { f as ${name} } from './${name}/f.ts';`).join('')} export const handler = () => [${names.map((name) => `${name}()`).join()}];`;
    const under = (folder: string, version: string) => ({
      [`${folder}/f.ts`]: importing,
      ...Object.fromEntries(Object.entries(packed('dep', version)).map(([name, text]) => [`${folder}/${name}`, text])),
    });
    const hash = (one: string, two: string) =>
      hashOf({ 'h.ts': entry(['one', 'two']), ...under('one', one), ...under('two', two) });
    const hashes = [await hash('1.0.0', '1.0.0'), await hash('1.0.0', '2.0.0'), await hash('2.0.0', '1.0.0')];
    expect(new Set(hashes).size).toBe(3);
    // Beside each other, as alone.
    const folder = files({ ...under('one', '1.0.0'), ...under('two', '2.0.0') });
    const [one, two] = [join(folder, 'one/f.ts'), join(folder, 'two/f.ts')];
    const both = await codeHashes([one, two]);
    expect(both.get(one)).toBe(await hashIn(folder, 'one/f.ts'));
    expect(both.get(two)).toBe(await hashIn(folder, 'two/f.ts'));
    expect(both.get(one)).not.toBe(both.get(two));
  });

  it('the code of an installed package that has no version', async () => {
    const made = (value: number) => ({
      'h.ts': `import { v } from 'mine'; export const handler = () => v;`,
      'node_modules/mine/package.json': '{"main":"index.js"}',
      'node_modules/mine/index.js': `exports.v = ${value};`,
    });
    expect(await hashOf(made(1))).not.toBe(await hashOf(made(2)));
  });

  it('nothing that only another handler uses', async () => {
    const shared = (two: string) =>
      files({
        'shared.ts': `export function one() { return 1; }\nexport function two() { return ${two}; }`,
        'a.ts': `import { one } from './shared.ts'; export const handler = () => one();`,
        'b.ts': `import { two } from './shared.ts'; export const handler = () => two();`,
      });
    const hash = async (folder: string) => {
      const [a, b] = [join(folder, 'a.ts'), join(folder, 'b.ts')];
      const hashes = await codeHashes([a, b]);
      return [hashes.get(a), hashes.get(b)];
    };
    const [before, after] = [await hash(shared('2')), await hash(shared('Math.random() * 77'))];
    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
  });
});

describe('a handler that is bundled for its hash', () => {
  it('may do without a package that it only tries to load', async () => {
    const hash = await hashOf({
      'h.ts': `let x; try { x = require('not-there'); } catch {} export const handler = () => x;`,
    });
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });

  it('is named with every mistake, where it cannot be', async () => {
    const folder = files({
      'h.ts': `import x from './nope.ts'; import y from 'nowhere'; export const handler = () => [x, y];`,
    });
    const file = join(folder, 'h.ts');
    const failing = codeHashes([file], new Map([[file, ['load']]]));
    await expect(failing).rejects.toMatchObject({ code: 'BS4004' });
    await expect(failing).rejects.toThrow(`${file}:1:15: Could not resolve "./nope.ts" (handler of operation load)`);
    await expect(failing).rejects.toThrow('Could not resolve "nowhere"');
  });

  it('does not lose its builder to others that are done before', async () => {
    const folder = written();
    const alone = await hashIn(folder);
    for (const delay of [0, 1, 2, 5, 10, 20]) {
      const started = hashIn(folder);
      await new Promise((done) => setTimeout(done, delay));
      expect([await started, ...(await Promise.all([hashIn(folder), hashIn(folder)]))]).toStrictEqual([
        alone,
        alone,
        alone,
      ]);
    }
  });
});
