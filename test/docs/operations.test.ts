/** The page about kinds of operations: what it shows type-checks, compiles and runs as it stands there. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { onTestFinished, describe, expect, it } from 'vitest';
import type { Pipeline } from '../../lib/index.ts';
import { runPipeline } from '../../lib/testing.ts';
import { typeCheck } from './type-check.ts';

const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);
const blockWith = (text: string) => blocks.find((code) => code.includes(text)) ?? '';

/** A block as a module of this project. */
async function moduleOf<T>(code: string): Promise<T> {
  const folder = mkdtempSync(join(fileURLToPath(new URL('.', import.meta.url)), 'shown-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'shown.mjs');
  writeFileSync(file, stripTypeScriptTypes(code));
  return import(pathToFileURL(file).href);
}

describe('the page about kinds of operations', () => {
  it('shows a pipeline that type-checks and runs', async () => {
    const code = blockWith("pipeline('scores'");
    expect(typeCheck(code).errors).toStrictEqual([]);
    expect(typeCheck(code.replace('r.out.Value', 'r.out.Valeu')).errors).not.toStrictEqual([]);
    const { default: scores } = await moduleOf<{ readonly default: Pipeline }>(code);
    const asked: unknown[] = [];
    const run = await runPipeline(scores, {
      input: { date: '2026-01-31' },
      operations: {
        compact: (input: unknown) => {
          asked.push(input);
          return { JobRunState: 'SUCCEEDED' };
        },
        price: (input: unknown) => {
          asked.push(input);
          return { Value: '1.5' };
        },
        score: ({ rate }: { readonly rate: string }) => ({ score: Number(rate) * 2 }),
      },
    });
    expect([run.status, run.output]).toStrictEqual(['SUCCEEDED', { score: 3 }]);
    expect(asked).toStrictEqual([{ date: '2026-01-31' }, { currency: 'eur' }]);
  });

  it('shows a container that type-checks and runs', async () => {
    const code = blockWith("pipeline('retrain'");
    expect(typeCheck(code).errors).toStrictEqual([]);
    const { default: retrain } = await moduleOf<{ readonly default: Pipeline }>(code);
    const train = ({ month }: { readonly month: string }) => ({ model: `model-${month}`, auc: 0.9 });
    const run = await runPipeline(retrain, { input: { month: '2026-01' }, operations: { train } });
    expect([run.status, run.output]).toStrictEqual(['SUCCEEDED', { model: 'model-2026-01' }]);
  });

  it('shows a kind of its own that type-checks, and becomes a Task', async () => {
    const code = blockWith("kind: 'shout'");
    expect(typeCheck(code).errors).toStrictEqual([]);
    const { shoutTo: make } = await moduleOf<{ readonly shoutTo: (id: string, contract: object) => never }>(code);
    const { pipeline } = await import('bunsui');
    const z = await import('zod');
    const said = z.object({ text: z.string() });
    const topic = 'arn:aws:sns:eu-west-1:123456789012:news';
    const good = pipeline('p', { input: said }, (p, input) => {
      p.job('tell', make('tell', { input: said, output: z.object({}), topic }), { text: input.text } as never);
    });
    expect(good.diagnostics).toStrictEqual([]);
    expect(good.ir.operations['tell']).toMatchObject({
      kind: 'shout',
      statements: [{ actions: ['sns:Publish'], resources: [topic] }],
    });
    const bad = pipeline('p', { input: said }, (p, input) => {
      p.job('tell', make('tell', { input: said, output: z.object({}), topic: 'news' }), { text: input.text } as never);
    });
    expect(bad.diagnostics).toMatchObject([{ code: 'BS1140', path: ['operations', 'tell', 'topic'] }]);
  });

  it('shows a stand-in that type-checks', () => {
    expect(typeCheck(blockWith('Parameter: { Name')).errors).toStrictEqual([]);
  });
});
