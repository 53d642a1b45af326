/** The page about stores: what it shows type-checks, and works as it stands there. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as bunsui from 'bunsui';
import { runPipeline } from 'bunsui/testing';
import { storage } from 'bunsui/storage';
import { afterAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { typeCheck } from './type-check.ts';

const page = readFileSync(new URL('../../docs/storage.md', import.meta.url), 'utf8');
const [handler = '', job = ''] = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);
const folder = mkdtempSync(join(tmpdir(), 'bunsui-page-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bare = (code: string) => code.replaceAll(/^import .*$|export (?!default)|export default/gm, '');

describe('the page about stores', () => {
  it('shows what type-checks', () => {
    const code = [
      handler + job,
      '// @ts-expect-error a copy has a source',
      "storageCopy('none', { to: 'gs://archive' });",
      '// @ts-expect-error a store has no such call',
      "storage('gs://archive').reed('x');",
    ].join('\n');
    expect(typeCheck(code).errors).toStrictEqual([]);
  });

  it('shows a function that reads and writes', async () => {
    const given = {
      createInterface,
      // Folders in the places of the page's stores.
      storage: (url: string) => storage(`file://${folder}/${url.replace(/\W+/g, '-')}`),
    };
    const code = `${stripTypeScriptTypes(bare(handler))}\nreturn clean;`;
    const clean = new Function(...Object.keys(given), code)(...Object.values(given));
    await given.storage('az://exports/shop').write('monday/a.jsonl', '{"a":1}\n\n{"a":2}\n');
    expect(await clean('monday', 'connection', new AbortController().signal)).toBe(16);
    let text = '';
    for await (const chunk of await given.storage('s3://lake/raw').read('monday/a.jsonl')) text += String(chunk);
    expect(text).toBe('{"a":1}\n{"a":2}\n');
  });

  it('shows a job that copies, and is allowed what it copies', async () => {
    const given = { ...bunsui, z };
    const body = `${bare(job).replace(/^ pipeline\(/m, 'return pipeline(')}`;
    const archiving = new Function(...Object.keys(given), body)(...Object.values(given));
    expect(archiving.diagnostics).toStrictEqual([]);
    const { statements, entry, environment } = archiving.ir.operations.archive;
    expect(
      statements.map(({ actions, resources }: { actions: unknown; resources: unknown }) => [actions, resources]),
    ).toStrictEqual([
      [['s3:ListBucket'], ['arn:${AWS::Partition}:s3:::lake']],
      [['s3:GetObject'], ['arn:${AWS::Partition}:s3:::lake/exports/*']],
    ]);
    expect(readFileSync(entry, 'utf8')).toContain('export const handler');
    expect(JSON.stringify(environment)).toContain('gs://archive/lake');
    const archive = ({ prefix }: { readonly prefix: string }) => ({ objects: prefix.length, bytes: 1 });
    const run = await runPipeline(archiving, { input: { day: '2026-01-31' }, operations: { archive } });
    expect([run.status, run.output]).toStrictEqual(['SUCCEEDED', { objects: 11 }]);
  });

  it('is right that addresses of a job are stores', () => {
    const addresses = ['file:///tmp/x', 's3://lake/*', 'https://lake', 's3://lake?x=1', 's3://user:pass@lake'];
    for (const to of addresses) {
      const made = bunsui.pipeline('p', { input: z.object({}) }, (p) => {
        p.job('copy', bunsui.storageCopy('copy', { from: 's3://lake', to }), {});
      });
      expect(made.diagnostics, to).toMatchObject([{ code: 'BS1140', path: ['operations', 'copy', 'to'] }]);
    }
  });
});
