import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkArchitecture } from './architecture/check.ts';
import { readSource } from './architecture/read-imports.ts';
import type { RoomRule } from './architecture/rules.ts';
import { rooms } from './architecture/rules.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

function sourcesOf(folder: string) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => readSource(relative(root, file).replaceAll(sep, '/'), readFileSync(file, 'utf8')))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Checks made-up files: path → text. */
function check(files: { readonly [path: string]: string }, rules: { readonly [room: string]: RoomRule } = rooms) {
  return checkArchitecture(
    rules,
    Object.entries(files).map(([path, text]) => readSource(path, text)),
  );
}

describe('the code', () => {
  it('keeps to the table of rooms', () => {
    const files = ['lib', 'lambdas', 'pipelines', 'bin'].flatMap(sourcesOf);
    expect(files.some(({ path }) => path === 'lib/errors.ts')).toBe(true);
    expect(checkArchitecture(rooms, files)).toStrictEqual([]);
  });
});

describe('the checker', () => {
  it('accepts what the table allows', () => {
    const files = {
      'lib/dsl/pipeline.ts': `import * as z from 'zod'; import { wrap } from '../wrapper/wrap.ts'; import './refs.ts';`,
      'lib/dsl/call-site.ts': `import { fileURLToPath } from 'node:url';`,
      'lib/sessions/store.ts': `import { PutItemCommand } from '@aws-sdk/client-dynamodb';`,
      'lib/cli/clients.ts': `import { SFNClient } from '@aws-sdk/client-sfn'; new SFNClient({});`,
      'pipelines/x/pipeline.ts': `import { pipeline } from 'bunsui'; import data from 'vega-datasets/x.json';`,
    };
    expect(check(files)).toStrictEqual([]);
  });

  it('names file, line, import and rule for a room that is out of reach, whatever the kind of import', () => {
    const text = [
      `import { a } from '../cli/a.ts';`,
      `import type { B } from '../cli/b.ts';`,
      `export { c } from '../cli/c.ts';`,
      `export type { D } from '../cli/d.ts';`,
      `export const e = () => import('../cli/e.ts');`,
      `export type F = import('../cli/f.ts').F;`,
      `import 'bunsui/constructs';`,
    ].join('\n');
    expect(check({ 'lib/ir/walk.ts': text })).toStrictEqual([
      `lib/ir/walk.ts:1 imports '../cli/a.ts': room ir may import approval-layout, schedules, payload-layout, secret-layout, errors, not cli`,
      `lib/ir/walk.ts:2 imports '../cli/b.ts': room ir may import approval-layout, schedules, payload-layout, secret-layout, errors, not cli`,
      `lib/ir/walk.ts:3 imports '../cli/c.ts': room ir may import approval-layout, schedules, payload-layout, secret-layout, errors, not cli`,
      `lib/ir/walk.ts:4 imports '../cli/d.ts': room ir may import approval-layout, schedules, payload-layout, secret-layout, errors, not cli`,
      `lib/ir/walk.ts:5 imports '../cli/e.ts': room ir may import approval-layout, schedules, payload-layout, secret-layout, errors, not cli`,
      `lib/ir/walk.ts:6 imports '../cli/f.ts': room ir may import approval-layout, schedules, payload-layout, secret-layout, errors, not cli`,
      `lib/ir/walk.ts:7 imports 'bunsui/constructs': room ir may import approval-layout, schedules, payload-layout, secret-layout, errors, not constructs`,
    ]);
  });

  it('refuses packages and node: modules that a row does not name', () => {
    const files = {
      'lib/wrapper/record.ts': `import '@aws-sdk/client-dynamodb';`,
      'lib/errors.ts': `import 'zod/mini';`,
      'lib/dsl/pipeline.ts': `import 'node:path';`,
      'lib/engine/clock.ts': `import 'node:timers';`,
    };
    expect(check(files)).toStrictEqual([
      `lib/wrapper/record.ts:1 imports '@aws-sdk/client-dynamodb': packages allowed in room wrapper are none`,
      `lib/errors.ts:1 imports 'zod/mini': packages allowed in room errors are none`,
      `lib/dsl/pipeline.ts:1 imports 'node:path': room dsl may import node: modules in call-site.ts`,
      `lib/engine/clock.ts:1 imports 'node:timers': room engine may import node: modules in no file`,
    ]);
  });

  it('keeps the command line away from CDK', () => {
    expect(check({ 'lib/cli/deploy.ts': `await import('../constructs/index.ts');` })).toStrictEqual([
      `lib/cli/deploy.ts:1 imports '../constructs/index.ts': room cli may import any but constructs, console, bin, lambdas, pipelines, not constructs`,
    ]);
  });

  it('wants a row for every room', () => {
    expect(check({ 'lib/utils/x.ts': '' })).toStrictEqual([
      'lib/utils/x.ts: room "utils" has no row in test/architecture/rules.ts',
    ]);
  });

  it('finds clients that are made outside the composition roots', () => {
    const files = {
      'lib/sessions/store.ts': `const { SFNClient } = await import('@aws-sdk/client-sfn');\nnew SFNClient({});`,
      'lib/report/x.ts': `import * as s3 from '@aws-sdk/client-s3'; new s3.S3Client({});`,
      'lambdas/start-session/handler.ts': `import { SFNClient } from '@aws-sdk/client-sfn'; new SFNClient({});`,
    };
    expect(check(files)).toStrictEqual([
      'lib/sessions/store.ts:2 makes a SFNClient: clients are made in bin/, lib/cli/, lib/storage/, lambdas/, pipelines/ and handed in',
      'lib/report/x.ts:1 makes a S3Client: clients are made in bin/, lib/cli/, lib/storage/, lambdas/, pipelines/ and handed in',
    ]);
  });

  it('finds a cycle between rooms, also one of types only', () => {
    const rule: RoomRule = { rooms: 'any', packages: [], node: 'none' };
    const files = {
      'lib/a/x.ts': `import type { Y } from '../b/y.ts';`,
      'lib/b/y.ts': `import { z } from '../c/z.ts';`,
      'lib/c/z.ts': `export const z = () => import('../a/w.ts');`,
    };
    expect(check(files, { a: rule, b: rule, c: rule })).toStrictEqual(['rooms form a cycle: a → b → c → a']);
  });

  it('finds files that load each other, but not through types or a later import()', () => {
    const loading = {
      'lib/ir/a.ts': `import { b } from './b.ts';`,
      'lib/ir/b.ts': `export * from './c.ts';`,
      'lib/ir/c.ts': `import './a.ts';`,
    };
    expect(check(loading)).toStrictEqual([
      'files load each other: lib/ir/a.ts → lib/ir/b.ts → lib/ir/c.ts → lib/ir/a.ts',
    ]);
    const harmless = {
      'lib/ir/a.ts': `import { b } from './b.ts';`,
      'lib/ir/b.ts': `import type { A } from './a.ts'; export const later = () => import('./a.ts');`,
    };
    expect(check(harmless)).toStrictEqual([]);
  });
});
