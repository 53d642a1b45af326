import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildAll } from '../build.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'bunsui-package-'));
const source = join(work, 'source');
const project = join(work, 'project');
const installed = join(project, 'node_modules/bunsui');
const notBuilt = ['README.md', 'CHANGELOG.md', 'LICENSE', 'NOTICE', 'cdk.json', 'package.json'];

interface Manifest {
  readonly exports: { readonly [entry: string]: string | { readonly types: string; readonly default: string } };
  readonly bin: { readonly [name: string]: string };
  readonly dependencies: { readonly [name: string]: string };
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
let packed: readonly string[] = [];

function run(command: string, args: readonly string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** A fresh build, packed as for a registry and unpacked as an install does; its dependencies are those of this clone. */
beforeAll(async () => {
  mkdirSync(source, { recursive: true });
  await buildAll(join(source, 'dist'));
  for (const name of notBuilt.filter((file) => existsSync(join(root, file))))
    cpSync(join(root, name), join(source, name));
  // Neither of these may be packed.
  writeFileSync(join(source, 'build.ts'), '');
  mkdirSync(join(source, 'lib'));
  writeFileSync(join(source, 'lib/index.ts'), '');
  const pack = run('npm', ['pack', '--json', '--ignore-scripts'], source);
  if (pack.status !== 0) throw new Error(pack.stderr);
  const answer = JSON.parse(pack.stdout) as unknown;
  const list = (Array.isArray(answer) ? answer : Object.values(answer as object)) as {
    readonly filename: string;
    readonly files: readonly { readonly path: string }[];
  }[];
  const [first] = list;
  if (first === undefined) throw new Error(`npm packed nothing: ${pack.stdout}`);
  packed = first.files.map(({ path }) => path).sort();
  mkdirSync(installed, { recursive: true });
  const tar = run('tar', ['-xzf', join(source, first.filename), '--strip-components=1', '-C', installed], work);
  if (tar.status !== 0) throw new Error(tar.stderr);
  for (const name of [
    ...Object.keys(manifest.dependencies),
    'aws-cdk-lib',
    'constructs',
    'typescript',
    '@types/node',
  ]) {
    const link = join(project, 'node_modules', name);
    mkdirSync(join(link, '..'), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), link);
  }
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'project', private: true, type: 'module' }));
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

describe('the package', () => {
  it('holds what is built, and of the rest only what a reader of a package looks for', () => {
    const others = packed.filter((path) => !path.startsWith('dist/'));
    expect(others).toStrictEqual(notBuilt.filter((name) => existsSync(join(root, name))).sort());
    const kinds = new Set(
      packed
        .filter((path) => path.startsWith('dist/'))
        .map((path) => /\.(d\.ts|js\.map|m?js|json|json\.gz)$/.exec(path)?.[1] ?? path),
    );
    expect([...kinds].sort()).toStrictEqual(expect.arrayContaining(['d.ts', 'js', 'js.map']));
    expect(
      [...kinds].filter((kind) => !['d.ts', 'js', 'js.map', 'json', 'json.gz', 'mjs'].includes(kind)),
    ).toStrictEqual([]);
  });

  it('has every file that its entries and commands name', () => {
    const named = Object.values(manifest.exports).flatMap((entry) =>
      typeof entry === 'string' ? entry : Object.values(entry),
    );
    const files = [...named, ...Object.values(manifest.bin)].map((path) => path.replace(/^\.\//, ''));
    expect(files.filter((path) => !packed.includes(path))).toStrictEqual([]);
  });

  it('can be imported by every entry', () => {
    const entries = Object.keys(manifest.exports).map((entry) => join('bunsui', entry));
    const script = `
      const entries = ${JSON.stringify(entries)};
      for (const entry of entries) {
        const options = entry.endsWith('.json') ? { with: { type: 'json' } } : {};
        const names = Object.keys(await import(entry, options));
        console.log(entry, names.length > 0 ? 'has exports' : 'is empty');
      }
    `;
    const { status, stdout, stderr } = run(process.execPath, ['--input-type=module', '--eval', script], project);
    expect({ status, stdout, stderr }).toStrictEqual({
      status: 0,
      stdout: entries.map((entry) => `${entry} has exports\n`).join(''),
      stderr: '',
    });
  });

  it('gives its types to a project with ordinary settings', () => {
    const consumer = `
      import { lambda, pipeline, type Pipeline } from 'bunsui';
      import { Platform, Pipeline as Deployed } from 'bunsui/constructs';
      import * as z from 'zod';

      const load = lambda('load', { entry: './load.ts', input: z.object({ key: z.string() }), output: z.object({ rows: z.int() }) });
      const definition: Pipeline = pipeline('typed', { input: z.object({ key: z.string() }) }, (p, input) => {
        const job = p.job('load', load, { key: input.key });
        // @ts-expect-error rows is a number, not a string
        p.job('again', load, { key: job.out.rows });
      });
      declare const platform: Platform;
      export const deployed = (scope: Platform) => new Deployed(scope, 'Typed', { platform, definition });
    `;
    writeFileSync(join(project, 'consumer.ts'), consumer);
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: { module: 'nodenext', target: 'es2024', strict: true, noEmit: true, types: ['node'] },
        files: ['consumer.ts'],
      }),
    );
    const check = (compiler: string, ...options: readonly string[]) =>
      run(process.execPath, [join(root, 'node_modules', compiler, 'bin/tsc'), '-p', project, ...options], project);
    const nothing = { status: 0, stdout: '', stderr: '' };
    // The quick compiler also checks every declaration file; the other would take ten seconds for that.
    expect(check('typescript-7')).toStrictEqual(nothing);
    expect(check('typescript', '--skipLibCheck')).toStrictEqual(nothing);
  });
});

describe('the command', () => {
  it('can be executed as it is', () => {
    const file = join(installed, 'dist/bin/bunsui.js');
    expect(readFileSync(file, 'utf8').split('\n')[0]).toBe('#!/usr/bin/env node');
    const { status, stdout } = run(file, ['--version'], project);
    expect({ status, stdout: stdout.trim() }).toStrictEqual({
      status: 0,
      stdout: (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version,
    });
  });
});
