import { gt, lambda, lambdaArn, type Pipeline, pipeline, secret } from 'bunsui';
import { runPipeline, type TestOperation } from 'bunsui/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { boundsOf } from '../../lib/compiler/bounds.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { graphOf } from '../../lib/graph/graph.ts';
import { toMermaid } from '../../lib/graph/mermaid.ts';
import { tinyBudget } from '../sessions/fixture-run.ts';

const named = z.object({ name: z.string() });
const book = lambda('book', { entry: './work.ts', input: named, output: z.object({ id: z.string() }) });
const cancel = lambda('cancel', {
  entry: './work.ts',
  input: z.object({ input: named, output: z.object({ id: z.string() }) }),
  output: z.object({}),
  retry: { max: 1 },
});
const check = lambda('check', { entry: './work.ts', input: named, output: z.object({}) });
const undo = { compensate: cancel };

type Booked = { readonly input: { readonly name: string }; readonly output: { readonly id: string } };
/** Operations of which `check` fails, and a list of what they have done. */
function world(over: { readonly [operation: string]: TestOperation } = {}) {
  const done: string[] = [];
  const operations: { readonly [operation: string]: TestOperation } = {
    book: ({ name }: { readonly name: string }) => {
      done.push(`+${name}`);
      return { id: `id of ${name}` };
    },
    cancel: ({ input, output }: Booked) => {
      expect(output).toStrictEqual({ id: `id of ${input.name}` });
      done.push(`-${input.name}`);
      return {};
    },
    check: ({ name }: { readonly name: string }) => {
      if (name === 'fails') throw Object.assign(new Error('as asked'), { name: 'Broken' });
      return {};
    },
    ...over,
  };
  return { done, operations };
}

const input = z.object({ n: z.int() });
const run = (made: Pipeline, operations: { readonly [operation: string]: TestOperation }, budget?: typeof tinyBudget) =>
  runPipeline(made, { input: { n: 1 }, operations, ...(budget && { budget }) });
const any = (made: unknown) => made as Pipeline;

const trip = any(
  pipeline('trip', { input }, (p) => {
    const flight = p.job('flight', book, { name: 'flight' }, undo);
    const hotel = p.job('hotel', book, { name: flight.out.id }, { ...undo });
    const between = p.job('between', check, { name: hotel.out.id });
    const car = p.job('car', book, { name: 'car' }, { ...undo, after: between });
    p.job('pay', check, { name: 'fails' }, { after: car });
    p.job('never', book, { name: 'never' }, { ...undo, after: 'pay' });
  }),
);

describe('compensation', () => {
  it('undoes what has completed, the last first, and the pipeline fails with its own error', async () => {
    const { done, operations } = world();
    const { status, error, attempts } = await run(trip, operations);
    expect({ status, error }).toStrictEqual({ status: 'FAILED', error: 'Broken' });
    expect(done).toStrictEqual(['+flight', '+id of flight', '+car', '-car', '-id of flight', '-flight']);
    expect(attempts.map(({ job }) => job).slice(-4)).toStrictEqual([
      'to-undo',
      'undo-car',
      'undo-hotel',
      'undo-flight',
    ]);
  });

  it('does the same where the pipeline is cut into several machines', async () => {
    const { done, operations } = world();
    expect((await run(trip, operations, tinyBudget)).error).toBe('Broken');
    expect(done.slice(3)).toStrictEqual(['-car', '-id of flight', '-flight']);
  });

  it('leaves a pipeline alone that succeeds', async () => {
    const { done, operations } = world({ check: () => ({}) });
    expect((await run(trip, operations)).status).toBe('SUCCEEDED');
    expect(done.filter((one) => one.startsWith('-'))).toStrictEqual([]);
  });

  it('goes on where a compensation fails after its retries', async () => {
    const made = world();
    const { done, operations } = world({
      cancel: (given: Booked) => {
        if (given.input.name === 'car') throw Object.assign(new Error('no'), { name: 'Closed' });
        done.push(`-${given.input.name}`);
        return {};
      },
    });
    const { error, attempts } = await run(trip, { ...made.operations, ...operations });
    expect(error).toBe('Broken');
    expect(attempts.filter(({ job }) => job === 'undo-car').map((one) => one.error)).toStrictEqual([
      'Closed',
      'Closed',
    ]);
    expect(done.slice(-2)).toStrictEqual(['-id of flight', '-flight']);
  });

  it('undoes what stood side by side side by side', async () => {
    const made = any(
      pipeline('wide', { input }, (p) => {
        const all = ['a', 'b', 'c'].map((name) => p.job(name, book, { name }, undo));
        p.job('pay', check, { name: 'fails' }, { after: all });
      }),
    );
    const { operations } = world({
      cancel: async (_: Booked, { sleep }) => {
        await sleep(60_000);
        return {};
      },
    });
    const { elapsedMs, attempts } = await run(made, operations);
    expect(attempts.filter(({ job }) => job.startsWith('undo-'))).toHaveLength(3);
    expect(elapsedMs).toBe(60_000);
  });

  it('waits for what still runs when something beside it fails, and undoes it', async () => {
    const made = any(
      pipeline('beside', { input }, (p) => {
        p.job('slow', book, { name: 'slow' }, undo);
        p.job('pay', check, { name: 'fails' });
      }),
    );
    const { done, operations } = world({
      book: async ({ name }: { readonly name: string }, { sleep }) => {
        await sleep(30_000);
        return { id: `id of ${name}` };
      },
    });
    const { error } = await run(made, operations);
    expect({ error, done }).toStrictEqual({ error: 'Broken', done: ['-slow'] });
  });

  it('undoes the iterations of maps, nested ones too, and rounds of loops one by one that have completed', async () => {
    const made = any(
      pipeline('many', { input }, (p, given) => {
        p.map('each', ['x', 'y'], (item, q) => {
          const one = q.job('one', book, { name: item }, undo);
          q.map('inner', ['1', '2'], (number, r) => void r.job('two', book, { name: number }, undo), { after: one });
        });
        const state = z.object({ name: z.string() });
        const loop = p.loop('rounds', { state, start: { name: 'r' }, from: 1, to: given.n, max: 3 }, (s, q) => ({
          name: q.job('three', book, { name: s.name }, undo).out.id,
        }));
        p.branch(
          'which',
          gt(given.n, 0),
          (q) => q.job('yes', book, { name: 'yes' }, { ...undo, after: [] }),
          (q) => q.job('no', book, { name: 'no' }, undo),
        );
        p.job('pay', check, { name: 'fails' }, { after: ['each', loop, 'which'] });
      }),
    );
    const { done, operations } = world();
    const { attempts, error } = await runPipeline(made, { input: { n: 2 }, operations });
    expect(error).toBe('Broken');
    const undone = attempts.map(({ job }) => job).filter((job) => job.startsWith('undo-'));
    expect(undone.toSorted()).toStrictEqual([
      'undo-each[0]/undo-inner[0]/undo-two',
      'undo-each[0]/undo-inner[1]/undo-two',
      'undo-each[0]/undo-one',
      'undo-each[1]/undo-inner[0]/undo-two',
      'undo-each[1]/undo-inner[1]/undo-two',
      'undo-each[1]/undo-one',
      'undo-rounds[0]/undo-three',
      'undo-rounds[1]/undo-three',
      'undo-yes',
    ]);
    const rounds = done.filter((one) => one.includes('r') && one.startsWith('-'));
    expect(rounds).toStrictEqual(['-id of r', '-r']);
    const at = (name: string) => done.indexOf(name);
    expect(at('-x')).toBeGreaterThan(done.indexOf('-1'));
    expect(
      done
        .toSorted()
        .filter((one) => one.startsWith('+'))
        .map((one) => one.slice(1)),
    ).toStrictEqual(
      done
        .toSorted()
        .filter((one) => one.startsWith('-'))
        .map((one) => one.slice(1)),
    );
  });

  it('leaves out what was tolerated, skipped or has not begun', async () => {
    const made = any(
      pipeline('partly', { input }, (p, given) => {
        const failed = p.job('failed', book, { name: 'bad' }, { ...undo, tolerate: true });
        const skipped = p.job('skipped', book, { name: 'skipped' }, { ...undo, when: gt(given.n, 5) });
        const ran = p.job('ran', book, { name: 'ran' }, undo);
        p.job('pay', check, { name: 'fails' }, { after: [failed, skipped, ran] });
      }),
    );
    const { done, operations } = world();
    const { book: usual } = operations;
    const failing: TestOperation = (given: never, context) => {
      if ((given as { readonly name: string }).name === 'bad') throw new Error('bad');
      return usual?.(given, context);
    };
    await run(made, { ...operations, book: failing });
    expect(done).toStrictEqual(['+ran', '-ran']);
  });

  it('comes before onFailure and finally, also where gates are in the way', async () => {
    const made = any(
      pipeline('told', { input }, (p) => {
        const [a, b] = ['a', 'b'].map((name) => p.job(name, book, { name }, undo));
        const c = p.job('c', book, { name: 'c' }, { ...undo, after: [a, b] as never });
        const d = p.job('d', book, { name: 'd' }, { ...undo, after: b as never });
        p.job('pay', check, { name: 'fails' }, { after: [c, d] });
        p.onFailure((q, failure) => void q.job('tell', check, { name: failure.name }));
        p.finally((q) => void q.job('close', check, { name: 'close' }));
      }),
    );
    const { done, operations } = world();
    const { attempts } = await run(made, operations);
    expect(attempts.slice(-2).map(({ job }) => job)).toStrictEqual(['tell', 'close']);
    const order = done.slice(4);
    for (const [later, earlier] of [
      ['-c', '-a'],
      ['-c', '-b'],
      ['-d', '-b'],
    ] as const)
      expect(order.indexOf(later)).toBeLessThan(order.indexOf(earlier));
    expect(order).toHaveLength(4);
  });

  it('costs a transition where nothing fails', () => {
    const count = (made: Pipeline) => {
      const compiled = compilePipeline(made.ir, { sha256: () => 'v' });
      if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
      return boundsOf(compiled.artifact).transitions;
    };
    const bare = (options: object) =>
      any(pipeline('bare', { input }, (p) => void p.job('a', book, { name: 'a' }, options)));
    expect([count(bare({})).min, count(bare(undo)).min]).toStrictEqual([1, 2]);
  });

  it('is drawn as a group of its own', () => {
    expect(toMermaid(graphOf(trip.ir))).toContain('n_undo_hotel{{"undo-hotel"}}');
  });
});

describe('a compensation that cannot undo its job', () => {
  const diagnosed = (body: Parameters<typeof pipeline>[2]) =>
    pipeline('p', { input }, body as never).diagnostics.map(({ code, message, source }) => ({
      code,
      message,
      file: source?.file.endsWith('compensation.test.ts'),
    }));

  /** A compensation that takes something of its own. */
  const undoneBy = (input: z.ZodObject) => ({
    compensate: lambda('x', { entry: './x.ts', input, output: z.object({}) }) as never,
  });

  it.each<[string, Parameters<typeof pipeline>[2], string]>([
    [
      'is told of a field that its job does not give',
      (p) => void p.job('a', book, { name: 'a' }, undoneBy(z.object({ output: z.object({ key: z.string() }) }))),
      '"x" cannot undo "a": output.key is missing',
    ],
    [
      'is told of a field of another type',
      (p) => void p.job('a', book, { name: 'a' }, undoneBy(z.object({ input: z.object({ name: z.int() }) }))),
      '"x" cannot undo "a": input.name is string, where integer is wanted',
    ],
    [
      'is told that a job without a function is not on record',
      (p) =>
        void p.job(
          'a',
          lambdaArn('far', {
            arn: 'arn:aws:lambda:us-east-1:111111111111:function:far',
            input: named,
            output: z.object({ id: z.string() }),
          }),
          { name: 'a' },
          undo as never,
        ),
      '"a" declares a compensation, and its operation "far" is of kind "lambdaArn", which keeps no record of what it was given',
    ],
    [
      'is told that records of a map over S3 are too many',
      (p) =>
        void p.mapS3('rows', { format: 'jsonl', key: 'k', item: named }, (row, q) =>
          q.job('a', book, { name: row.name }, undo),
        ),
      '"a" declares a compensation in "rows", a map over S3: what has completed of its records is more than one job could look through',
    ],
    [
      'is told that handlers are not undone',
      (p) => {
        p.job('a', check, { name: 'a' });
        p.onFailure((q) => void q.job('b', book, { name: 'b' }, undo));
      },
      '"b" declares a compensation in p.onFailure, which runs after all compensations',
    ],
  ])('%s', (_, body, message) => {
    expect(diagnosed(body)).toStrictEqual([{ code: 'BS1142', message, file: true }]);
  });

  it('takes ids that nobody has taken', async () => {
    const made = any(
      pipeline('names', { input }, (p) => {
        p.job('undo-a', check, { name: 'x' });
        const a = p.job('a', book, { name: 'a' }, undo);
        p.job('to-undo', check, { name: 'fails' }, { after: a });
        p.onFailure((q) => void q.job('undo-a-2', check, { name: 'x' }));
      }),
    );
    const { done, operations } = world();
    const { attempts } = await run(made, operations);
    expect(done).toStrictEqual(['+a', '-a']);
    expect(attempts.map(({ job }) => job).slice(-3)).toStrictEqual(['to-undo-2', 'undo-a-3', 'undo-a-2']);
  });

  it('is given secrets again, which stand on record only as such', () => {
    const made = pipeline('secrets', { input }, (p) => void p.job('a', book, { name: secret('who') }, undo));
    const compiled = compilePipeline(made.ir, { sha256: () => 'v' });
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
    const { Arguments } = (compiled.artifact.definition['States'] as never)['undo-a'] as {
      readonly Arguments: { readonly Payload: { readonly bunsui: string; readonly input: unknown } };
    };
    expect(Arguments.Payload.bunsui).toContain('"secrets": [{"at": ["input", "name"], "name": "who"}]');
    expect(Arguments.Payload.input).toStrictEqual({ input: { name: '(secret who)' } });
  });
});
