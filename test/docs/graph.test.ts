/** The page about pictures: its pipeline type-checks, and its Mermaid text is what that pipeline is drawn as. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { graphOf } from '../../lib/graph/graph.ts';
import { toMermaid } from '../../lib/graph/mermaid.ts';
import { nodeStatuses } from '../../lib/graph/status.ts';
import type { Pipeline } from '../../lib/index.ts';
import { typeCheck } from './type-check.ts';

const page = readFileSync(new URL('../../docs/graph.md', import.meta.url), 'utf8');
const block = (language: string) => new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(page)?.[1] ?? '';

it('draws the pipeline that it shows', async () => {
  const code = block('ts');
  expect(typeCheck(code).errors).toStrictEqual([]);
  const folder = mkdtempSync(join(fileURLToPath(new URL('.', import.meta.url)), 'shown-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'shown.mjs'), stripTypeScriptTypes(code));
  const { default: daily } = (await import(pathToFileURL(join(folder, 'shown.mjs')).href)) as {
    readonly default: Pipeline;
  };
  expect(daily.diagnostics.filter(({ severity }) => severity === 'error')).toStrictEqual([]);
  expect(toMermaid(graphOf(daily.ir))).toBe(block('mermaid'));
});

it('names every status', () => {
  expect(nodeStatuses.filter((status) => !page.includes(`\`${status}\``))).toStrictEqual([]);
});
