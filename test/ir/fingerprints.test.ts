import { createHash } from 'node:crypto';
import { gt, lambda, type LambdaOperationIr, orElse, type PipelineIr, pipeline, pluck, sum, tpl } from 'bunsui';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Fingerprint, fingerprintsOf, withFingerprints } from '../../lib/ir/fingerprints.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { isLambda } from '../../lib/ir/operations.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const [number, text] = [z.object({ n: z.int() }), z.object({ t: z.string() })];
const operations = {
  read: lambda('read', { entry: './a.ts', input: z.object({ day: z.string() }), output: number }),
  list: lambda('list', { entry: './b.ts', input: number, output: z.object({ items: z.array(z.string()) }) }),
  one: lambda('one', { entry: './c.ts', input: text, output: number }),
  tell: lambda('tell', { entry: './d.ts', input: text, output: number }),
};

/** What can be different from one writing of the pipeline to another. */
interface Writing {
  readonly readId?: string;
  readonly dayPrefix?: string;
  readonly threshold?: number;
  readonly concurrency?: number;
  readonly after?: boolean;
  readonly lonely?: string;
  readonly dayDefault?: string;
  readonly mapText?: 'item' | 'constant';
  readonly when?: number;
}

function written(w: Writing = {}): PipelineIr {
  const { read, list, one, tell } = operations;
  return pipeline(
    'days',
    { input: z.object({ day: z.string().default(w.dayDefault ?? 'today'), other: z.string() }) },
    (p, input) => {
      const a = p.job(w.readId ?? 'read', read, { day: tpl`${w.dayPrefix ?? ''}${input.day}` });
      const q = p.job(w.lonely ?? 'lonely', tell, { t: input.other });
      const l = p.job('list', list, { n: a.out.n });
      const each = p.map(
        'each',
        l.out.items,
        (item, q) => q.job('one', one, { t: w.mapText === 'constant' ? 'constant' : item }),
        { concurrency: w.concurrency ?? 5 },
      );
      const big = p.branch('big', gt(sum(pluck(each.out, 'n')), w.threshold ?? 10), (q) =>
        q.job('inside', tell, { t: input.other }),
      );
      p.job(
        'last',
        tell,
        { t: tpl`${orElse(big.out.n, 0)}` },
        { ...(w.after ? { after: [q] } : {}), when: gt(a.out.n, w.when ?? 0) },
      );
    },
  ).ir;
}

const code = new Map(Object.keys(operations).map((id) => [id, `code of ${id}`]));
const fingerprints = (ir: PipelineIr, changed: ReadonlyMap<string, string> = new Map()) =>
  fingerprintsOf(ir, { sha256, code: new Map([...code, ...changed]) });

/** Ids of the jobs whose fingerprint is another one, and of those that have changed themselves. */
function differing(a: ReadonlyMap<string, Fingerprint>, b: ReadonlyMap<string, Fingerprint>) {
  const by = (part: keyof Fingerprint) => [...a.keys()].filter((id) => a.get(id)?.[part] !== b.get(id)?.[part]).sort();
  return { all: by('all'), own: by('own') };
}
const change = (writing: Writing) => differing(fingerprints(written()), fingerprints(written(writing)));
const downstreamOfRead = ['each', 'inside', 'last', 'list', 'one'].filter((id) => id !== 'each');
const nothing = { all: [], own: [] };

/** The pipeline with an operation that is different. */
function withOperation(id: string, changes: Partial<LambdaOperationIr>): PipelineIr {
  const ir = written();
  const operation = ir.operations[id];
  if (operation === undefined || !isLambda(operation)) throw new Error(`no ${id}`);
  return { ...ir, operations: { ...ir.operations, [id]: { ...operation, ...changes } } };
}

describe('the fingerprint of a job', () => {
  it('is there for every job, whatever is around it', () => {
    expect([...fingerprints(written()).keys()].sort()).toStrictEqual([
      'inside',
      'last',
      'list',
      'lonely',
      'one',
      'read',
    ]);
    for (const { all, own } of fingerprints(written()).values())
      expect([all, own].join()).toMatch(/^[0-9a-f]{32},[0-9a-f]{32}$/);
  });

  it('changes with the code of its handler, and so do those of all behind it', () => {
    const other = fingerprints(written(), new Map([['read', 'other code']]));
    expect(differing(fingerprints(written()), other)).toStrictEqual({
      all: [...downstreamOfRead, 'read'].sort(),
      own: ['read'],
    });
  });

  it('changes with the code of a handler in a map for those that read the map', () => {
    const other = fingerprints(written(), new Map([['one', 'other code']]));
    expect(differing(fingerprints(written()), other)).toStrictEqual({ all: ['inside', 'last', 'one'], own: ['one'] });
  });

  it.each<[string, Partial<LambdaOperationIr>]>([
    ['input', { input: { type: 'object', properties: {} } }],
    ['output', { output: { type: 'object', properties: {} } }],
    ['environment', { environment: { MODE: 'other' } }],
  ])('changes with the contract: its %s', (_, changes) => {
    expect(differing(fingerprints(written()), fingerprints(withOperation('list', changes)))).toStrictEqual({
      all: ['inside', 'last', 'list', 'one'],
      own: ['list'],
    });
  });

  it.each<[string, Partial<LambdaOperationIr>]>([
    ['its timeout', { timeoutSeconds: 7 }],
    ['its memory', { memoryMiB: 4_096 }],
    ['its retry', { retry: { max: 9, delaySeconds: 1, backoff: 2, jitter: false, errors: ['States.ALL'] } }],
    ['its description', { description: 'other' }],
    ['the folder of its handler', { entry: '/elsewhere/b.ts' }],
    ['its place in a file', { source: { file: 'x.ts', line: 1, column: 1 } }],
    [
      'the order of the words of a schema',
      { output: Object.fromEntries(Object.entries(written().operations['list']?.output ?? {}).reverse()) },
    ],
  ])('does not change with %s', (_, changes) => {
    expect(differing(fingerprints(written()), fingerprints(withOperation('list', changes)))).toStrictEqual(nothing);
  });

  it.each<[string, Writing, readonly string[], readonly string[]]>([
    ['an expression of its input', { dayPrefix: 'd' }, [...downstreamOfRead, 'read'], ['read']],
    ['an expression inside a map', { mapText: 'constant' }, ['inside', 'last', 'one'], ['one']],
    ['the condition around it', { threshold: 11 }, ['inside', 'last'], []],
    ['its own condition', { when: 1 }, ['last'], ['last']],
    ['what it waits for', { after: true }, ['last'], []],
    ['the default of a field that it reads', { dayDefault: 'monday' }, [...downstreamOfRead, 'read'], []],
  ])('changes with %s', (_, writing, all, own) => {
    expect(change(writing)).toStrictEqual({ all: [...all].sort(), own });
  });

  it.each<[string, Writing]>([['the concurrency of a map', { concurrency: 1 }]])(
    'does not change with %s',
    (_, writing) => {
      expect(change(writing)).toStrictEqual(nothing);
    },
  );

  it('does not change when jobs are renamed, but for their names', () => {
    const renamed = fingerprints(written({ readId: 'fetch', lonely: 'alone' }));
    const before = fingerprints(written());
    expect(renamed.get('fetch')).toStrictEqual(before.get('read'));
    expect(renamed.get('alone')).toStrictEqual(before.get('lonely'));
    expect(renamed.get('last')).toStrictEqual(before.get('last'));
  });

  it('tells refs apart that are swapped', () => {
    const two = lambda('two', { entry: './t.ts', input: z.object({ a: z.int(), b: z.int() }), output: number });
    const swapped = (swap: boolean) =>
      pipeline('swap', { input: z.object({ x: z.string(), y: z.string() }) }, (p, { x, y }) => {
        const [a, b] = [p.job('a', operations.read, { day: x }), p.job('b', operations.read, { day: y })];
        p.job('c', two, swap ? { a: b.out.n, b: a.out.n } : { a: a.out.n, b: b.out.n });
      }).ir;
    const [before, after] = [fingerprints(swapped(false)), fingerprints(swapped(true))];
    expect(differing(before, after).all).toStrictEqual(['c']);
    // The same operation on different fields of the input is not the same job.
    expect(before.get('a')?.all).not.toBe(before.get('b')?.all);
  });

  it('changes with every default that may come to be read', () => {
    const day = lambda('day', { entry: './y.ts', input: z.object({ day: z.string() }), output: number });
    const whole = (value: string) =>
      fingerprints(
        pipeline('whole', { input: z.object({ day: z.string().default(value) }) }, (p, input) => {
          p.job('all', day, input);
        }).ir,
      );
    expect(differing(whole('monday'), whole('friday'))).toStrictEqual({ all: ['all'], own: [] });
    const nested = (n: number, m: number) =>
      fingerprints(
        pipeline(
          'nested',
          {
            input: z.object({
              o: z.object({ n: z.int().default(n), list: z.array(z.object({ m: z.int().default(m) })) }),
            }),
          },
          (p, { o }) => {
            p.job('one', operations.list, { n: o.n });
            p.map('each', o.list, (item, q) => q.job('inner', operations.list, { n: item.m }));
          },
        ).ir,
      );
    expect(differing(nested(1, 1), nested(2, 1)).all).toStrictEqual(['one']);
    expect(differing(nested(1, 1), nested(1, 2)).all).toStrictEqual(['inner']);
  });

  it('takes chains of any length', () => {
    const [first] = written().body.nodes;
    if (first === undefined) throw new Error('no nodes');
    const nodes = Array.from({ length: 20_000 }, (_, index) => ({
      ...first,
      id: `j${index}`,
      after: index === 0 ? [] : [`j${index - 1}`],
    }));
    const ir: PipelineIr = { ...written(), body: { nodes: nodes.reverse() } };
    const found = fingerprints(ir);
    expect(found.size).toBe(20_000);
    expect(new Set([...found.values()].map(({ all }) => all)).size).toBe(20_000);
  });
});

describe('an artifact with fingerprints', () => {
  const compiled = compilePipeline(written(), { sha256 });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
  const { artifact } = compiled;

  it('is another version with other code, and the same version with the same', () => {
    const versionOf = (changed: readonly [string, string][]) =>
      withFingerprints(artifact, { sha256, code: new Map([...code, ...changed]) }).version;
    expect(versionOf([])).toMatch(/^[0-9a-f]{12}$/);
    expect(versionOf([])).toBe(versionOf([]));
    expect(versionOf([['read', 'other']])).not.toBe(versionOf([]));
  });

  it('stays the version that it is on record as', () => {
    const recorded = withFingerprints(artifact, { sha256, code });
    const again = withFingerprints(recorded, { sha256, code: new Map([...code, ['read', 'other']]) });
    expect(again.version).toBe(recorded.version);
    expect(again.fingerprints?.['read']).not.toStrictEqual(recorded.fingerprints?.['read']);
  });
});
