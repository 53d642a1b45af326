import asl from 'amazon-states-language-service';
import { add, get, gt, lambda, orElse, pipeline, pluck, sum } from 'bunsui';
import { runPipeline, type TestContext, type TestRun } from 'bunsui/testing';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { validateDefinition } from '../../lib/asl/validate.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { loopState } from '../../lib/compiler/names.ts';
import { virtualClock } from '../../lib/engine/clock.ts';
import type { GateWork } from '../../lib/gate-layout.ts';
import { gatesInMemory } from '../../lib/testing/gates.ts';
import { virtualPorts } from '../../lib/testing/virtual-ports.ts';
import { startExecution } from '../../lib/engine/run.ts';
import type { Json } from '../../lib/ir/expressions.ts';
import type { Keep } from '../../lib/payload-layout.ts';
import { nodeIndex } from '../../lib/ir/walk.ts';
import { draws } from '../fuzz.ts';
import { movedValues } from './moved-values.ts';
import { type Meaning, meaningOf } from './structures-meaning.ts';
import { drawsOf, operate, type Program, programOf } from './structures-program.ts';

/**
 * Generated pipelines of every structure (conditions, branches, maps, orders and refs, nested in each other), compiled
 * and run, against a direct interpreter of the same IR. A failure prints the seed and the tape; `BUNSUI_FUZZ_RUNS`
 * asks for more runs.
 */
const numRuns = Number(process.env['BUNSUI_FUZZ_RUNS'] ?? draws(200));
const seed = process.env['BUNSUI_FUZZ_SEED'];
const tape = fc.array(fc.nat(2519), { maxLength: 400, size: 'max' });
// A failure that shrinks for long is printed as far as it has come; more runs have more time.
const limitMs = 25_000 * Math.max(1, numRuns / 200);
vi.setConfig({ testTimeout: 2 * limitMs });
const settings = { numRuns, interruptAfterTimeLimit: limitMs, ...(seed === undefined ? {} : { seed: Number(seed) }) };

const durationOf = (job: string) => drawsOf(job)(5) * 1_000;

async function run({ pipeline, input }: Program): Promise<TestRun> {
  const operation =
    (id: string) =>
    async (given: Json, { job, attempt, sleep }: TestContext) => {
      await sleep(durationOf(job));
      return operate(id, given, attempt);
    };
  return runPipeline(pipeline, {
    input,
    operations: Object.fromEntries(Object.keys(pipeline.ir.operations).map((id) => [id, operation(id) as never])),
  });
}

function compiled({ pipeline }: Program) {
  const result = compilePipeline(pipeline.ir, { sha256: () => '' });
  if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
  return result;
}

function meant(program: Program, { attempts }: TestRun): Meaning {
  const ends = new Map<string, number>();
  for (const { job, endedAtMs } of attempts) ends.set(job, Math.max(ends.get(job) ?? 0, endedAtMs));
  return meaningOf(program.pipeline.ir, {
    input: program.input,
    operation: operate,
    endOf: (job) => ends.get(job) ?? Number.NaN,
    exact: compiled(program).diagnostics.length === 0,
    isConditional: (node) => nodeIndex(compiled(program).artifact.pipeline).get(node)?.node.when !== undefined,
  });
}

const byJob = (a: { job: string; attempt: number }, b: { job: string; attempt: number }) =>
  a.job === b.job ? a.attempt - b.attempt : a.job < b.job ? -1 : 1;

describe('a pipeline of any structure', () => {
  it('is accepted by the check', () => {
    fc.assert(
      fc.property(tape, (decisions) => {
        expect(programOf(decisions).pipeline.diagnostics).toStrictEqual([]);
      }),
      settings,
    );
  });

  it('runs what it means: output, runs with their inputs, and order', async () => {
    await fc.assert(
      fc.asyncProperty(tape, async (decisions) => {
        const program = programOf(decisions);
        const result = await run(program);
        const meaning = meant(program, result);
        expect({ ...result, attempts: [], elapsedMs: 0 }).toStrictEqual({
          status: 'SUCCEEDED',
          output: meaning.output,
          attempts: [],
          elapsedMs: 0,
        });
        const ran = result.attempts.map(({ job, attempt, input }) => ({ job, attempt, input }));
        expect(ran.sort(byJob)).toStrictEqual([...meaning.attempts].sort(byJob));
        const startedAt = new Map(
          result.attempts.filter(({ attempt }) => attempt === 1).map(({ job, startedAtMs }) => [job, startedAtMs]),
        );
        expect(
          meaning.starts.filter(({ job, atMs, exact }) => {
            const started = startedAt.get(job) ?? Number.NaN;
            return exact ? started !== atMs : !(started >= atMs);
          }),
        ).toStrictEqual([]);
      }),
      settings,
    );
  });

  it('compiles to a machine that every validator accepts, with names that may be used', async () => {
    const service = asl.getLanguageService({});
    await fc.assert(
      fc.asyncProperty(tape, async (decisions) => {
        const { definition } = compiled(programOf(decisions)).artifact;
        expect(validateDefinition(definition)).toMatchObject({ ok: true });
        const document = asl.TextDocument.create('memory://machine.asl.json', 'asl', 1, JSON.stringify(definition));
        expect(await service.doValidation(document, service.parseJSONDocument(document))).toStrictEqual([]);
        const names = stateNames(definition as unknown as Machine);
        expect(names.filter((name) => name.length > 80)).toStrictEqual([]);
        expect(new Set(names).size).toBe(names.length);
        expect(shadowed(definition as unknown as Machine)).toStrictEqual([]);
      }),
      settings,
    );
  });

  it('means the same when all of its values that may be in S3 are there', async () => {
    let moved = 0;
    await fc.assert(
      fc.asyncProperty(tape, async (decisions) => {
        const program = programOf(decisions);
        const meaning = meant(program, await run(program));
        const seen = await ranWithMovedValues(program);
        expect(seen.output).toStrictEqual(meaning.output);
        expect([...seen.attempts].sort(byJob)).toStrictEqual([...meaning.attempts].sort(byJob));
        moved += seen.moved;
      }),
      { ...settings, numRuns: Math.ceil(numRuns / 2) },
    );
    expect(moved).toBeGreaterThan(0);
  });

  it('enters a state for each job, fork, condition and map, and for each path that must end without a job', async () => {
    await fc.assert(
      fc.asyncProperty(tape, async (decisions) => {
        const program = programOf(decisions);
        const result = await run(program);
        const { attempts, conditions, skipped, emptySides, maps } = meant(program, result);
        const { entered } = await ranWithMovedValues(program);
        const jobs = attempts.filter(({ attempt }) => attempt === 1).length;
        expect(entered.filter((type) => type === 'TaskStateEntered')).toHaveLength(jobs);
        expect(entered.filter((type) => type === 'ChoiceStateEntered')).toHaveLength(conditions);
        expect(entered.filter((type) => type === 'MapStateEntered')).toHaveLength(maps);
        // A Choice cannot end a scope: a Pass does where the last job is skipped or the side taken is empty.
        expect(entered.filter((type) => type === 'PassStateEntered').length).toBeLessThanOrEqual(skipped + emptySides);
        const others = /^(Task|Choice|Map|Pass|Parallel|Wait)StateEntered$/;
        expect(entered.filter((type) => !others.test(type))).toStrictEqual([]);
      }),
      { ...settings, numRuns: Math.ceil(numRuns / 3) },
    );
  });
});

interface Machine {
  readonly States: {
    readonly [name: string]: {
      readonly Assign?: object;
      readonly Choices?: readonly { readonly Assign?: object }[];
      readonly Branches?: readonly Machine[];
      readonly ItemProcessor?: Machine;
    };
  };
}

const within = (state: Machine['States'][string]): readonly Machine[] => [
  ...(state.Branches ?? []),
  ...(state.ItemProcessor ? [state.ItemProcessor] : []),
];

function stateNames({ States }: Machine): readonly string[] {
  return Object.entries(States).flatMap(([name, state]) => [name, ...within(state).flatMap(stateNames)]);
}

/** Variables assigned inside a scope whose names an outer scope assigns too. */
function shadowed({ States }: Machine, outer: readonly string[] = []): readonly string[] {
  const own = Object.values(States).flatMap((state) =>
    [state, ...(state.Choices ?? [])].flatMap(({ Assign }) => Object.keys(Assign ?? {})),
  );
  return [
    ...own.filter((name) => outer.includes(name)),
    ...Object.values(States).flatMap((state) => within(state).flatMap((inner) => shadowed(inner, [...outer, ...own]))),
  ];
}

/** A run with values moved: the types of the events of entering a state that does not serve gates, runs, and output. */
async function ranWithMovedValues(program: Program) {
  const { definition, states, input } = compiled(program).artifact;
  const gates = gatesInMemory();
  const values = movedValues();
  const attempts: { readonly job: string; readonly attempt: number; readonly input: Json }[] = [];
  const validated = validateDefinition(definition);
  if (!validated.ok) throw new Error('refused');
  const handle = startExecution(
    {
      ...virtualPorts(virtualClock(0)),
      tasks: {
        run: async (task, signal) => {
          const ofGate = gates.run(task, signal);
          if (ofGate !== undefined) return ofGate;
          const { bunsui, input: sent } = (task.arguments as unknown as Call).Payload;
          const given = values.whole(gates.fill(sent, bunsui.gates?.inputs));
          const attempt = bunsui.attempt + 1;
          attempts.push({ job: bunsui.job, attempt, input: given });
          try {
            const output = await values.leave(operate(bunsui.operation, given, attempt), bunsui.keep);
            gates.complete(bunsui.execution, bunsui.job, output, bunsui.gates);
            return { ok: true, output: { Payload: output } };
          } catch {
            return { ok: false, error: 'RangeError', cause: '' };
          }
        },
      },
    },
    {
      executionArn: 'arn:aws:states:us-east-1:000000000000:execution:generated:run',
      name: 'run',
      stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:generated',
      stateMachineName: 'generated',
      definition: validated.definition,
      input: JSON.stringify(await values.leave(program.input as Json, input?.keep)),
    },
  );
  const ended = await handle.done;
  expect(ended).toMatchObject({ status: 'SUCCEEDED' });
  return {
    entered: handle.events.flatMap((event) =>
      'stateEnteredEventDetails' in event && states[event.stateEnteredEventDetails.name]?.role !== 'gate'
        ? [event.type]
        : [],
    ),
    attempts,
    output: values.whole(JSON.parse(ended.output ?? 'null') as Json),
    moved: values.moved(),
  };
}

interface Call {
  readonly Payload: {
    readonly bunsui: {
      readonly job: string;
      readonly operation: string;
      readonly attempt: number;
      readonly execution: string;
      readonly gates?: GateWork;
      readonly keep?: Keep;
    };
    readonly input: Json;
  };
}

describe('what generated pipelines have shown', () => {
  const rows = lambda('rows', {
    entry: './rows.ts',
    input: z.object({ n: z.int(), given: z.unknown().optional() }),
    output: z.array(z.object({ n: z.int(), unread: z.int() })),
  });
  const record = lambda('record', {
    entry: './record.ts',
    input: z.object({ n: z.int() }),
    output: z.object({ n: z.int(), unread: z.int() }),
  });
  const total = lambda('total', {
    entry: './total.ts',
    input: z.object({ records: z.array(z.object({ n: z.int() })) }),
    output: z.object({ n: z.int() }),
  });
  const output = z.object({ value: z.unknown().optional(), oks: z.array(z.boolean()) });
  const operations = { rows: ({ n }: { n: number }) => [{ n, unread: 1 }] };
  const n = z.object({ n: z.int() });
  const ran = async (recorded: Parameters<typeof runPipeline>[0], input = { n: 0 }) => {
    expect(recorded.diagnostics).toStrictEqual([]);
    const { status, attempts, output: value } = await runPipeline(recorded, { input, operations });
    return { status, output: value, inputs: attempts.map(({ input: given }) => given) };
  };

  it('an optional field that is given the whole output of a skipped job is left out, not null', async () => {
    const recorded = pipeline('whole', { input: n, output }, (p, input) => {
      const maybe = p.job('maybe', rows, { n: 1 }, { when: gt(input.n, 0) });
      p.job('reader', rows, { n: 2, given: maybe.out });
      p.output({ value: maybe.out, oks: [maybe.ok] });
    });
    expect(await ran(recorded)).toStrictEqual({
      status: 'SUCCEEDED',
      output: { oks: [false] },
      inputs: [{ n: 2 }],
    });
  });

  it('an item of the list of a skipped job is absent, because the first item of null is null', async () => {
    const recorded = pipeline('item', { input: n, output }, (p, input) => {
      const maybe = p.job('maybe', rows, { n: 1 }, { when: gt(input.n, 0) });
      const last = p.job('last', rows, { n: 2 }, { after: [maybe], when: gt(input.n, 1) });
      p.output({ value: orElse(get(maybe.out, 0) as never, orElse(get(last.out, 0), 'none' as never)), oks: [] });
    });
    expect(await ran(recorded)).toMatchObject({ output: { value: 'none', oks: [] } });
  });

  it('a branch whose job was skipped stays absent when it comes out of a fork', async () => {
    const recorded = pipeline('forked', { input: n, output }, (p, input) => {
      const side = p.branch('side', gt(input.n, -1), (q) => {
        const maybe = q.job('maybe', record, { n: 1 }, { when: gt(input.n, 0) });
        q.job('later', rows, { n: 2 }, { after: [maybe] });
        return maybe;
      });
      p.job('beside', rows, { n: 3 });
      const reader = p.job('reader', rows, { n: orElse(side.out.n, 7) }, { after: ['beside'] });
      p.output({ oks: [side.ok, reader.ok] });
    });
    const {
      status,
      output: value,
      attempts,
    } = await runPipeline(recorded, {
      input: { n: 0 },
      operations: { ...operations, record: () => ({ n: 1, unread: 1 }) },
    });
    expect({ status, value, last: attempts.at(-1)?.input }).toStrictEqual({
      status: 'SUCCEEDED',
      value: { oks: [false, true] },
      last: { n: 7 },
    });
  });

  it('the result of a branch is that of either side where only `ok` is known', () => {
    const recorded = pipeline('sides', { input: n }, (p, input) => {
      const side = p.branch(
        'side',
        gt(input.n, 0),
        (q) => q.job('one', record, { n: 1 }),
        (q) => q.job('many', rows, { n: 1 }),
      );
      p.job('reader', record, { n: get(side.out as never, 'n' as never) }, { when: side.ok });
    });
    expect(recorded.diagnostics.map(({ code, message }) => [code, message])).toStrictEqual([
      ['BS1107', 'reader.input: n may be absent: only some forms of the value have "n"'],
    ]);
  });

  it('a condition says nothing on the side where it is false', () => {
    const recorded = pipeline('other-side', { input: n, output: z.object({ value: z.int() }) }, (p, input) => {
      const side = p.branch(
        'side',
        gt(input.n, 0),
        (q) => q.job('one', record, { n: 1 }),
        (q) => q.job('never', record, { n: 1 }, { when: gt(input.n, 0) }),
      );
      p.output({ value: side.out.n });
    });
    expect(recorded.diagnostics.map(({ code, message }) => [code, message])).toStrictEqual([
      ['BS1107', 'output: value may be absent: "never" is skipped when its condition is false'],
    ]);
  });

  it('a map whose body may give nothing makes a list with gaps, which the check knows', () => {
    const recorded = pipeline('gaps', { input: n }, (p) => {
      const each = p.map('each', [1, 2], (i, q) => q.job('one', record, { n: i }, { when: gt(i, 1) }));
      p.job('summed', record, { n: sum(pluck(each.out, 'n')) });
      p.job('whole', total, { records: each.out });
      p.job('first', record, { n: orElse(get(each.out, 0).n, 0) });
      p.map('again', each.out, (item, q) => q.job('each-again', record, { n: item.n }));
    });
    expect(recorded.diagnostics.map(({ code, message }) => [code, message])).toStrictEqual([
      ['BS1107', 'summed.input: the field "n" in pluck(…) may be absent: "one" is skipped when its condition is false'],
      ['BS1108', 'whole.input: an item of records may be absent: "one" is skipped when its condition is false'],
      ['BS1107', 'each-again.input: n may be absent: "one" is skipped when its condition is false'],
    ]);
  });

  it('a gap of a list is absent where it is read: the fallback is taken', async () => {
    const recorded = pipeline('gap', { input: n, output }, (p, input) => {
      const each = p.map('each', [1, 2], (i, q) => q.job('one', rows, { n: i }, { when: gt(i, add(input.n, 1)) }));
      p.map('again', each.out, (item, q) =>
        q.job('two', rows, { n: orElse(get(get(item, 0 as never), 'n' as never), 9) }),
      );
      p.output({ value: orElse(get(each.out, 0) as never, 'none' as never), oks: [] });
    });
    expect(await ran(recorded)).toStrictEqual({
      status: 'SUCCEEDED',
      output: { value: 'none', oks: [] },
      inputs: [{ n: 2 }, { n: 9 }, { n: 2 }],
    });
  });
});

describe('the limits of a machine', () => {
  const step = lambda('step', {
    entry: './step.ts',
    input: z.object({ t: z.string() }),
    output: z.object({ t: z.string() }),
  });

  it('are kept by names: forks over many long ids are cut, and stay apart', () => {
    const long = (group: string) => Array.from({ length: 3 }, (_, index) => `${group}-${'x'.repeat(50)}-${index}`);
    const { ir } = pipeline('long', { input: z.object({}) }, (p) => {
      const first = long('same').map((id) => p.job(id, step, { t: '' }));
      const second = long('same').map((id) => p.job(`${id}-b`, step, { t: '' }, { after: first }));
      p.job('end', step, { t: '' }, { after: second });
    });
    const result = compilePipeline(ir, { sha256: () => '' });
    const names = result.ok ? stateNames(result.artifact.definition as unknown as Machine) : [];
    const forks = names.filter((name) => name.startsWith('fork '));
    expect({ forks: new Set(forks).size, tooLong: names.filter((name) => name.length > 80) }).toStrictEqual({
      forks: 2,
      tooLong: [],
    });
  });

  it('are kept by the names of a loop whose id is as long as one may be', () => {
    const names = (['starts', 'goes on', 'ends', 'is at its bound'] as const).map((what) =>
      loopState('x'.repeat(64), what),
    );
    expect(names.filter((name) => name.length > 80)).toStrictEqual([]);
  });

  it('are told when a machine is too large', () => {
    const { ir } = pipeline('large', { input: z.object({}) }, (p) => {
      p.job('one', step, { t: 'x'.repeat(1_048_576) });
    });
    const { ok, diagnostics } = compilePipeline(ir, { sha256: () => '' });
    // The machine, and the job whose constant alone is too much.
    expect({ ok, mistakes: diagnostics.map(({ code, path }) => [code, path[1]]) }).toStrictEqual({
      ok: false,
      mistakes: [
        ['BS1113', undefined],
        ['BS1113', 'one'],
      ],
    });
  });
});
