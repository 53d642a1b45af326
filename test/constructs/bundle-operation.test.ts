import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { artifactOf, fingerprinted } from '../../lib/constructs/artifact-of.ts';
import { bundleOperation } from '../../lib/constructs/bundle-operation.ts';
import type { LambdaOperationIr } from '../../lib/ir/nodes.ts';
import { isLambda } from '../../lib/ir/operations.ts';
import { twoStep } from './two-step/pipeline.ts';

const folder = fileURLToPath(new URL('two-step', import.meta.url));

function temporaryFolder(): string {
  const made = mkdtempSync(join(tmpdir(), 'bunsui-bundle-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function operation(id: string): LambdaOperationIr {
  const found = twoStep.ir.operations[id];
  if (found === undefined || !isLambda(found)) throw new Error(`no operation ${id}`);
  return found;
}

async function handlerOf(files: { readonly [name: string]: string }): Promise<(event: unknown) => Promise<unknown>> {
  const made = temporaryFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(made, name), text);
  const { handler } = await import(pathToFileURL(join(made, 'index.mjs')).href);
  return handler;
}

const envelope = {
  job: 'load',
  operation: 'load',
  attempt: 0,
  execution: 'arn:aws:states:us-east-1:123456789012:execution:two-step:one',
  startedAt: '2026-01-02T03:04:05.000Z',
};

describe('a bundle', () => {
  it('is one module that answers as Lambda calls it, with the wrapper inside', async () => {
    const files = bundleOperation(operation('load'));
    expect(Object.keys(files).sort()).toStrictEqual(['index.mjs', 'index.mjs.map']);
    expect(files['index.mjs']).not.toMatch(/from\s*["'](?!node:)/);
    const handler = await handlerOf(files);
    await expect(handler({ bunsui: envelope, input: { date: '2026' } })).resolves.toStrictEqual({ rows: 4 });
  });

  it("keeps the names of an author's classes, which Retry and Catch match", async () => {
    const handler = await handlerOf(bundleOperation(operation('load')));
    await expect(handler({ bunsui: envelope, input: { date: '' } })).rejects.toMatchObject({ name: 'OutOfDatesError' });
  });

  it('is the same wherever the project lies, and names no folder of this machine', () => {
    const here = bundleOperation(operation('tidy'));
    // Packages are found upwards of the files, so the copy lies in the same tree.
    const elsewhere = mkdtempSync(join(dirname(folder), 'copy-'));
    onTestFinished(() => rmSync(elsewhere, { recursive: true, force: true }));
    cpSync(folder, elsewhere, { recursive: true });
    const there = bundleOperation({ ...operation('tidy'), entry: join(elsewhere, 'handlers/tidy.ts') });
    expect(there).toStrictEqual(here);
    expect(JSON.stringify(here)).not.toContain(folder);
  });

  it('has the SDKs of stores in files of their own, which nothing reads until a store is used', () => {
    const copy = mkdtempSync(join(dirname(folder), 'copy-'));
    onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
    const entry = join(copy, 'stores.ts');
    const source = `import { storage } from 'bunsui/storage';\nexport const handler = (url: string) => storage(url).read('x');`;
    writeFileSync(entry, source);
    const files = bundleOperation({ ...operation('tidy'), entry });
    const code = new Map(Object.entries(files).filter(([name]) => name.endsWith('.mjs')));
    // What a module imports before it runs: names of files beside it.
    const importsOf = (name: string): readonly string[] =>
      [...(code.get(name) ?? '').matchAll(/(?:import|from)\s*"\.{1,2}\/(?:chunks\/)?([\w.-]+\.mjs)"/g)].map(
        ([, file = '']) => `chunks/${file}`,
      );
    const loaded = new Set(['index.mjs']);
    for (const name of loaded) for (const file of importsOf(name)) loaded.add(file);
    const loadedBytes = [...loaded].reduce((sum, name) => sum + (code.get(name) ?? '').length, 0);
    const allBytes = [...code.values()].reduce((sum, text) => sum + text.length, 0);
    expect([loadedBytes < 40_000 || loadedBytes, allBytes > 1_000_000]).toStrictEqual([true, true]);
  });

  it('does not change with a comment', () => {
    const copy = mkdtempSync(join(dirname(folder), 'copy-'));
    onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
    cpSync(folder, copy, { recursive: true });
    const entry = join(copy, 'handlers/tidy.ts');
    const before = bundleOperation({ ...operation('tidy'), entry })['index.mjs'];
    writeFileSync(
      entry,
      "import { tidy } from '../operations.ts';\n// Why not.\nexport const handler = tidy.handler(({ rows }) => ({ kept: rows - 1 }));\n",
    );
    expect(bundleOperation({ ...operation('tidy'), entry })['index.mjs']).toBe(before);
  });
});

describe('a handler that cannot be bundled', () => {
  it('is BS4004 with file, line and reason', () => {
    const made = temporaryFolder();
    const entry = join(made, 'broken.ts');
    writeFileSync(entry, "export const fine = 1;\nimport './gone.ts';\n");
    expect(() => bundleOperation({ ...operation('load'), entry })).toThrow(
      expect.objectContaining({
        name: 'PipelineError',
        code: 'BS4004',
        message: `the handler of operation load cannot be bundled: ${entry}:2:8: Could not resolve "./gone.ts"`,
      }),
    );
  });

  it('is BS4004 also where only its hash is asked for', () => {
    const entry = join(temporaryFolder(), 'broken.ts');
    writeFileSync(entry, 'export const handler = (;');
    const { artifact } = artifactOf(twoStep);
    const { operations } = artifact.pipeline;
    const broken = { ...operations, load: { ...operation('load'), entry } };
    const said = `${entry}:1:25: Unexpected ";" (handler of operation load)`;
    expect(() => fingerprinted({ ...artifact, pipeline: { ...artifact.pipeline, operations: broken } })).toThrow(
      expect.objectContaining({ code: 'BS4004', message: expect.stringContaining(said) }),
    );
  });

  it('may be one that exports something else', () => {
    const entry = join(temporaryFolder(), 'other.ts');
    writeFileSync(entry, 'export const handlr = () => 1;');
    expect(() => bundleOperation({ ...operation('load'), entry })).toThrow(
      `the handler of operation load cannot be bundled: ${entry} exports handlr, and bunsui calls handler: export const handler = load.handler(…)`,
    );
  });

  it('may be one that is not there', () => {
    const entry = join(temporaryFolder(), 'nowhere.ts');
    expect(() => bundleOperation({ ...operation('load'), entry })).toThrow(
      `the handler of operation load cannot be bundled: Could not resolve "${entry}"`,
    );
  });
});
