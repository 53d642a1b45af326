/**
 * The table of docs/structures.md: what becomes of a node by how others have ended. Every row with every end, and every
 * pair of rows with every pair of ends; behind jobs, and behind branches whose sides are taken or not.
 */
import { readFileSync } from 'node:fs';
import {
  type After,
  add,
  and,
  eq,
  type Job,
  lambda,
  lt,
  ne,
  not,
  orElse,
  pipeline,
  type Ref,
  type RefBase,
  type Scope,
} from 'bunsui';
import { runPipeline } from 'bunsui/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { compilePipeline } from '../../lib/compiler/compile.ts';

const ends = ['ran', 'skipped', 'failed'] as const;
type End = (typeof ends)[number];
type Upstream = Job<{ n: number }>;

/** A row of the table. `gives` is what goes into the job's input; whether it is needed there the schema says. */
interface Way {
  readonly words: string;
  readonly field: 'number' | 'optional' | 'text' | 'none';
  readonly gives?: (a: Upstream) => RefBase<unknown>;
  readonly after?: (a: Upstream) => After;
  readonly when?: (a: Upstream) => RefBase<boolean>;
  readonly runs: readonly End[];
}
const ways: readonly Way[] = [
  { words: 'reads `a.out.x`', field: 'number', gives: (a) => a.out.n, runs: ['ran'] },
  { words: 'reads `orElse(a.out.x, 0)`', field: 'number', gives: (a) => orElse(a.out.n, 0), runs: ends },
  { words: 'gives `a.out.x` to an optional field', field: 'optional', gives: (a) => a.out.n, runs: ends },
  { words: 'reads `a.failure.name`', field: 'text', gives: (a) => a.failure.name, runs: ['failed'] },
  { words: "`after: a`, or `on: 'done'`", field: 'none', after: (a) => ({ job: a, on: 'done' }), runs: ends },
  {
    words: "`after: { job: a, on: 'success' }`",
    field: 'none',
    after: (a) => ({ job: a.id, on: 'success' }),
    runs: ['ran'],
  },
  {
    words: "`after: { job: a, on: 'failure' }`",
    field: 'none',
    after: (a) => ({ job: a, on: 'failure' }),
    runs: ['failed'],
  },
  { words: '`when: a.ok`', field: 'none', when: (a) => a.ok, runs: ['ran'] },
  { words: '`when: not(a.ok)`', field: 'none', when: (a) => not(a.ok), runs: ['skipped', 'failed'] },
  { words: '`when: a.failed`', field: 'none', when: (a) => a.failed, runs: ['failed'] },
];

const schemas = { number: z.int(), optional: z.int().optional(), text: z.string(), none: z.undefined().optional() };
const output = z.object({ n: z.int() });
const fields = Object.keys(schemas) as readonly Way['field'][];

/** An operation for each pair of fields. */
const joins = new Map(
  fields.flatMap((a) =>
    fields.map((b) => {
      const given = { ...(a === 'none' ? {} : { a: schemas[a] }), ...(b === 'none' ? {} : { b: schemas[b] }) };
      return [`${a}-${b}`, lambda(`${a}-${b}`, { entry: './join.ts', input: z.object(given), output })] as const;
    }),
  ),
);
const up = lambda('up', { entry: './up.ts', input: z.object({ end: z.string() }), output });

function join(p: Scope, id: string, [wayA, a]: [Way, Upstream], [wayB, b]: [Way, Upstream]): Job<{ n: number }> {
  const conditions = [...(wayA.when ? [wayA.when(a)] : []), ...(wayB.when ? [wayB.when(b)] : [])];
  const after = [...(wayA.after ? [wayA.after(a)] : []), ...(wayB.after ? [wayB.after(b)] : [])];
  const given = { ...(wayA.gives && { a: wayA.gives(a) }), ...(wayB.gives && { b: wayB.gives(b) }) };
  const operation = joins.get(`${wayA.field}-${wayB.field}`);
  if (operation === undefined) throw new Error('no such operation');
  return p.job(id, operation, given as never, { after, ...(conditions.length > 0 && { when: and(...conditions) }) });
}

/** A job that ends as it is told. */
const upstream = (p: Scope, id: string, end: Ref<string>): Upstream =>
  p.job(id, up, { end }, { when: not(eq(end, 'skipped')), tolerate: ['Asked'] });

const input = z.object({ a: z.string(), b: z.string() });
const told = z.object({ ran: z.array(z.boolean()) });

/** Every row alone, and every pair of rows, behind two nodes. */
function everyWay(id: string, made: (p: Scope, id: string, end: Ref<string>) => Upstream, usable: readonly Way[]) {
  return pipeline(id, { input, output: told, mode: 'barrier' }, (p, given) => {
    const [a, b] = [made(p, 'a', given.a), made(p, 'b', given.b)];
    const jobs = usable.flatMap((wayA, i) => usable.map((wayB, j) => join(p, `j${i}-${j}`, [wayA, a], [wayB, b])));
    p.output({ ran: jobs.map(({ ok }) => ok) });
  });
}

const operations = {
  up: ({ end }: { readonly end: string }) => {
    if (end === 'failed') throw Object.assign(new Error('as asked'), { name: 'Asked' });
    return { n: 1 };
  },
  ...Object.fromEntries([...joins.keys()].map((id) => [id, () => ({ n: 1 })])),
};

describe('the table of what is skipped', () => {
  const page = readFileSync(new URL('../../docs/structures.md', import.meta.url), 'utf8');
  const table = [
    ...page.matchAll(/^\| (.+?) \| (runs|skipped)[^|]* \| (runs|skipped)[^|]* \| (runs|skipped)[^|]* \|$/gm),
  ];

  it('is the one of the page', () => {
    expect(
      table.map(([, words, ...cells]) => ({ words, runs: ends.filter((_, index) => cells[index] === 'runs') })),
    ).toStrictEqual(ways.map(({ words, runs }) => ({ words, runs })));
  });

  const pairs = ends.flatMap((a) => ends.map((b) => [a, b] as const));
  const behindJobs = everyWay('behind-jobs', upstream, ways);

  it.each(pairs)('holds for every pair of rows where one has %s and the other has %s', async (a, b) => {
    expect(behindJobs.diagnostics.filter(({ severity }) => severity === 'error')).toStrictEqual([]);
    const run = await runPipeline(behindJobs, { input: { a, b }, operations });
    const ran = ways.flatMap((wayA) => ways.map((wayB) => wayA.runs.includes(a) && wayB.runs.includes(b)));
    expect(run).toMatchObject({ status: 'SUCCEEDED', output: { ran } });
  });

  // A branch does not fail, and one whose side is not taken has run and given nothing: only who needs its output is skipped.
  const ofBranches = ways.filter(({ words }) => !/failure|failed/.test(words));
  const branch = (p: Scope, id: string, end: Ref<string>): Upstream =>
    p.branch(id, eq(end, 'ran'), (q) => q.job(`${id}-side`, up, { end }));
  const behindBranches = everyWay('behind-branches', branch, ofBranches);
  const runsBehind = (way: Way, end: End) => way.runs.includes(end) || way.words.includes("on: 'success'");

  it.each(pairs.filter((pair) => !pair.includes('failed')))(
    'holds for joins of branches where one has %s and the other has %s',
    async (a, b) => {
      expect(behindBranches.diagnostics.filter(({ severity }) => severity === 'error')).toStrictEqual([]);
      const run = await runPipeline(behindBranches, { input: { a, b }, operations });
      const ran = ofBranches.flatMap((wayA) => ofBranches.map((wayB) => runsBehind(wayA, a) && runsBehind(wayB, b)));
      expect(run).toMatchObject({ status: 'SUCCEEDED', output: { ran } });
    },
  );
});

describe('what is skipped', () => {
  const number = lambda('number', { entry: './number.ts', input: z.object({ n: z.int() }), output });
  const n = z.object({ n: z.int() });
  const ran = async (made: ReturnType<typeof pipeline>, given: { readonly n: number }) => {
    const run = await runPipeline(made, {
      input: given,
      operations: { number: ({ n: one }: { n: number }) => ({ n: one }) },
    });
    return { output: run.output, ran: run.attempts.map(({ job }) => job) };
  };

  it('goes on through structures: a branch, a switch, a map, and what stands in them', async () => {
    const made = pipeline('through', { input: n, output: told }, (p, given) => {
      const a = p.job('a', number, { n: given.n }, { when: eq(given.n, 1) });
      const side = p.branch('side', eq(orElse(a.out.n, 5), 5), (q) => q.job('b', number, { n: a.out.n }));
      const list = p.map('list', [1, 2], (item, q) => q.job('each', number, { n: a.out.n }, { when: eq(item, 1) }));
      const whole = p.map('whole', [1], (_, q) => q.job('inside', number, { n: 1 }), { when: a.ok });
      p.output({ ran: [a.ok, side.ok, list.ok, whole.ok] });
    });
    expect(await ran(made as never, { n: 1 })).toStrictEqual({
      output: { ran: [true, false, true, true] },
      ran: ['a', 'list[0]/each', 'whole[0]/inside'],
    });
    expect(await ran(made as never, { n: 2 })).toStrictEqual({ output: { ran: [false, false, true, false] }, ran: [] });
  });

  it('is a loop whose start needs it, and not one that may start without it', async () => {
    const state = z.object({ n: z.int(), more: z.int().optional() });
    const made = pipeline('starts', { input: n, output: told }, (p, given) => {
      const a = p.job('a', number, { n: given.n }, { when: eq(given.n, 1) });
      const rounds = { state, over: [1], max: 1 };
      const needs = p.loop('needs', { ...rounds, start: { n: a.out.n } }, (s) => ({ n: s.n }));
      const sums = p.loop('sums', { ...rounds, start: { n: 1, more: add(a.out.n, 1) } }, (s) => ({ n: s.n }));
      const may = p.loop('may', { ...rounds, start: { n: 1, more: a.out.n } }, (s) => ({ n: s.n }));
      p.output({ ran: [needs.ok, sums.ok, may.ok] });
    });
    expect(made.diagnostics).toStrictEqual([]);
    expect((await ran(made as never, { n: 1 })).output).toStrictEqual({ ran: [true, true, true] });
    expect((await ran(made as never, { n: 2 })).output).toStrictEqual({ ran: [false, false, true] });
  });

  it('is who reads neither of two values, where the second is made of others', async () => {
    const both = lambda('both', {
      entry: './both.ts',
      input: z.object({ n: z.int(), more: z.int().optional() }),
      output,
    });
    const made = pipeline('neither', { input: n, output: told }, (p, given) => {
      const a = p.job('a', number, { n: 1 }, { when: eq(given.n, 1) });
      const b = p.job('b', number, { n: 2 }, { when: lt(given.n, 3) });
      const first = p.job('first', number, { n: orElse(a.out.n, add(b.out.n, 5)) });
      const more = p.job('more', both, { n: 0, more: orElse(a.out.n, add(b.out.n, 5)) });
      const same = p.job('same', both, { n: 0, more: orElse(a.out.n, add(a.out.n, 5)) });
      const asked = p.job('asked', number, { n: 3 }, { when: ne(orElse(a.out.n, add(b.out.n, 5)), 0) });
      p.output({ ran: [first.ok, more.ok, same.ok, asked.ok] });
    });
    expect(made.diagnostics).toStrictEqual([]);
    const run = async (given: number) => {
      const inputs: unknown[] = [];
      const note = (one: { n: number; more?: number }) => {
        inputs.push(one);
        return { n: one.n };
      };
      const { output: value } = await runPipeline(made, {
        input: { n: given },
        operations: { number: note, both: note },
      });
      return { ...(value as object), inputs: inputs.map((one) => JSON.stringify(one)).sort() };
    };
    expect(await run(1)).toStrictEqual({
      ran: [true, true, true, true],
      inputs: ['{"n":0,"more":1}', '{"n":0,"more":1}', '{"n":1}', '{"n":1}', '{"n":2}', '{"n":3}'],
    });
    expect(await run(2)).toStrictEqual({
      ran: [true, true, false, true],
      inputs: ['{"n":0,"more":7}', '{"n":2}', '{"n":3}', '{"n":7}'],
    });
    expect(await run(3)).toStrictEqual({ ran: [false, false, false, false], inputs: [] });
  });

  it('is nobody who takes the first of two where that is sure to be there', async () => {
    const made = pipeline('first', { input: n, output: told }, (p, given) => {
      const a = p.job('a', number, { n: 1 }, { when: lt(given.n, 3) });
      const b = p.job('b', number, { n: 2 }, { when: eq(given.n, 1) });
      const plain = p.job('plain', number, { n: orElse(a.out.n, b.out.n) }, { when: a.ok });
      const sum = p.job('sum', number, { n: orElse(a.out.n, add(b.out.n, 5)) }, { after: { job: a, on: 'success' } });
      p.output({ ran: [plain.ok, sum.ok] });
    });
    expect(made.diagnostics).toStrictEqual([]);
    expect((await ran(made as never, { n: 1 })).output).toStrictEqual({ ran: [true, true] });
    expect((await ran(made as never, { n: 2 })).output).toStrictEqual({ ran: [true, true] });
    expect((await ran(made as never, { n: 3 })).output).toStrictEqual({ ran: [false, false] });
  });

  it('is never asked of what is sure: no state is added', () => {
    const made = pipeline('sure', { input: n }, (p, given) => {
      const a = p.job('a', number, { n: given.n });
      const b = p.job('b', number, { n: a.out.n }, { after: { job: a, on: 'success' } });
      p.branch(
        'side',
        a.ok,
        (q) => q.job('c', number, { n: b.out.n }),
        (q) => q.job('d', number, { n: 1 }),
      );
    });
    const compiled = compilePipeline(made.ir, { sha256: () => '' });
    const states = compiled.ok ? Object.keys(compiled.artifact.states) : [];
    expect(states.sort()).toStrictEqual(['a', 'b', 'c', 'd', 'side']);
  });

  it('is demanded an answer of where nothing can be skipped: the output of the pipeline', () => {
    const made = pipeline('output', { input: n, output: z.object({ n: z.int() }) }, (p, given) => {
      const a = p.job('a', number, { n: given.n }, { when: eq(given.n, 1) });
      const b = p.job('b', number, { n: a.out.n });
      p.output({ n: b.out.n });
    });
    expect(made.diagnostics).toMatchObject([
      { code: 'BS1107', message: 'output: n may be absent: "b" is skipped when "a" gives nothing' },
    ]);
  });
});

describe('mistakes', () => {
  const number = lambda('number', { entry: './number.ts', input: z.object({ n: z.int() }), output });
  const n = z.object({ n: z.int(), kind: z.string() });
  const told = (body: Parameters<typeof pipeline<typeof n, z.ZodObject>>[2]) =>
    pipeline('p', { input: n }, body).diagnostics.map(({ code, message, path, source }) => ({
      code,
      message,
      at: path.slice(1).join('.'),
      isHere: source?.file.endsWith('skips.test.ts'),
    }));

  it('are told where a failure is waited for that ends the pipeline', () => {
    expect(
      told((p, given) => {
        const a = p.job('a', number, { n: given.n });
        p.job('b', number, { n: 1 }, { after: { job: a, on: 'failure' } });
        p.job('c', number, { n: 1 }, { when: a.failed });
      }),
    ).toStrictEqual([
      {
        code: 'BS1124',
        message: '"b" runs only when "a" fails, and then the pipeline fails',
        at: 'b.after',
        isHere: true,
      },
      {
        code: 'BS1124',
        message: '"c" reads what is there only when "a" fails, and then the pipeline fails',
        at: 'c.when',
        isHere: true,
      },
    ]);
  });

  it('are told of a switch without cases, of one that is no text, and of names that are none', () => {
    expect(
      told((p, given) => {
        p.switch('empty', given.kind, {});
        p.switch('number', given.n as never, { a: (q: Scope) => q.job('a', number, { n: 1 }) } as never);
        p.job('b', number, { n: 1 }, { tolerate: [] });
        p.job('c', number, { n: 1 }, { after: { job: 'bb', on: 'success' } });
      }).map(({ code, at }) => [code, at]),
    ).toStrictEqual([
      ['BS1121', 'empty.cases'],
      ['BS1111', 'b.tolerate'],
      ['BS1105', 'c.after'],
      ['BS1108', 'number.value'],
    ]);
  });
});
