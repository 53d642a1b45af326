import { type After, add, gt, lambda, pipeline, pluck, sum } from 'bunsui';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { type Range, boundsOf } from '../../lib/compiler/bounds.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { type Explanation, explainPipeline } from '../../lib/compiler/explain.ts';
import type { Weight } from '../../lib/compiler/shards.ts';
import { virtualClock } from '../../lib/engine/clock.ts';
import { startExecution } from '../../lib/engine/run.ts';
import type { GateWork } from '../../lib/gate-layout.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import type { Json } from '../../lib/ir/expressions.ts';
import type { PipelineIr } from '../../lib/ir/nodes.ts';
import { nodeIndex } from '../../lib/ir/walk.ts';
import { checkedMachines, runChild } from '../../lib/testing/child-machines.ts';
import { gatesInMemory } from '../../lib/testing/gates.ts';
import { virtualPorts } from '../../lib/testing/virtual-ports.ts';
import { draws } from '../fuzz.ts';
import { drawsOf, operate, programOf } from './structures-program.ts';

const number = z.object({ n: z.int() });
const work = lambda('work', { entry: './work.ts', input: z.object({ n: z.int() }), output: number });
const list = lambda('list', {
  entry: './list.ts',
  input: number,
  output: z.object({ few: z.array(z.int()).min(2).max(5), any: z.array(z.int()) }),
});

function compiled(ir: PipelineIr, budget?: Weight): PipelineArtifact {
  const result = compilePipeline(ir, { sha256: () => '', ...(budget && { budget }) });
  if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
  return result.artifact;
}

interface Call {
  readonly Payload: {
    readonly bunsui: {
      readonly job: string;
      readonly execution: string;
      readonly operation: string;
      readonly attempt: number;
      readonly gates?: GateWork;
    };
    readonly input: Json;
  };
}

/** States entered and events, counted in the histories of a run in which each job takes some time of its own. */
async function counted(
  artifact: PipelineArtifact,
  input: Json,
  operation: (id: string, given: Json) => Json,
  msOf: (job: string) => number = (job) => 1_000 + drawsOf(job)(7) * 500,
): Promise<{
  readonly transitions: number;
  /** Of each machine that ran. */
  readonly events: ReadonlyMap<number, number>;
  readonly startedAt: ReadonlyMap<string, number>;
  /** To the table of gates, by states and by functions. */
  readonly writes: number;
}> {
  const { root, children } = checkedMachines(artifact);
  const clock = virtualClock(0);
  const gates = gatesInMemory();
  const startedAt = new Map<string, number>();
  let writes = 0;
  const machines = new Map<number, ReturnType<typeof startExecution>>();
  const ports: Parameters<typeof startExecution>[0] = {
    ...virtualPorts(clock),
    tasks: {
      run: (task, signal, progress) => {
        if (task.resource.includes('dynamodb:updateItem')) writes += 1;
        return runTask(task, signal, progress);
      },
    },
  };
  const runTask: (typeof ports)['tasks']['run'] = (task, signal, progress) =>
    gates.run(task, signal) ??
    runChild(ports, children, task, signal, (child, started) => {
      progress.submitted({ ExecutionArn: started });
      const { StateMachineArn: arn } = task.arguments as { readonly StateMachineArn: string };
      machines.set(Number(/\d+/.exec(arn)), child);
    }) ??
    new Promise((done) => {
      const { bunsui, input: sent } = (task.arguments as unknown as Call).Payload;
      const given = gates.fill(sent, bunsui.gates?.inputs);
      startedAt.set(bunsui.job, clock.now());
      clock.wakeAt(clock.now() + msOf(bunsui.job), () => {
        const output = operation(bunsui.operation, given);
        gates.complete(bunsui.execution, bunsui.job, output, bunsui.gates);
        writes += (bunsui.gates?.open?.length ?? 0) + (bunsui.gates?.keep === undefined ? 0 : 1);
        done({ ok: true, output: { ExecutedVersion: '1', Payload: output, StatusCode: 200 } });
      });
    });
  const handle = startExecution(ports, {
    executionArn: 'arn:aws:states:us-east-1:000000000000:execution:counted:run',
    name: 'run',
    stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:counted',
    stateMachineName: 'counted',
    definition: root,
    input: JSON.stringify(input),
  });
  machines.set(0, handle);
  expect(await handle.done).toMatchObject({ status: 'SUCCEEDED' });
  const entered = [...machines.values()]
    .flatMap(({ events }) => events)
    .filter(({ type }) => type.endsWith('StateEntered'));
  const events = new Map([...machines].map(([number, machine]) => [number, machine.events.length]));
  return { transitions: entered.length, events, startedAt, writes };
}

const modes = ['exact', 'barrier', 'auto'] as const;
type Mode = (typeof modes)[number];

/** A pipeline whose run is the same whatever its data are: jobs in any order, and maps over constants, nested in each other. */
function boundedPipeline(tape: readonly number[], mode: Mode): PipelineIr {
  let at = 0;
  const draw = (below: number) => (tape[at++] ?? 0) % below;
  let ids = 0;
  // By ids that it may have: those of what it does not have count for nothing.
  const durations = mode === 'auto' ? Object.fromEntries(tape.slice(0, 12).map((one, id) => [`n${id}`, one % 50])) : {};
  return pipeline('bounded', { input: z.object({}), mode, durations }, (p) => {
    const fill = (q: Pick<typeof p, 'job' | 'map'>, count: number, depth: number) => {
      const done: ReturnType<typeof q.job>[] = [];
      for (let index = 0; index < count; index += 1) {
        const after = done.filter(() => draw(3) === 0);
        const id = `n${ids++}`;
        if (depth < 2 && draw(5) === 4) {
          const items = Array.from({ length: draw(4) }, (_, item) => item);
          q.map(id, items, (_, inner) => fill(inner, 1 + draw(4), depth + 1), { after });
        } else done.push(q.job(id, work, { n: index }, { after }));
      }
    };
    fill(p, 2 + draw(12), 0);
  }).ir;
}

/** Jobs in any order, and maps of one item. */
function pipelineOfOne(tape: readonly number[]) {
  let at = 0;
  const draw = (below: number) => (tape[at++] ?? 0) % below;
  let ids = 0;
  return pipeline('one', { input: z.object({}) }, (p) => {
    const fill = (q: Pick<typeof p, 'job' | 'map'>, count: number, depth: number) => {
      const before: After[] = [];
      for (let index = 0; index < count; index += 1) {
        const after = before.filter(() => draw(3) === 0);
        const id = `n${ids++}`;
        if (depth < 2 && draw(5) === 4)
          before.push(q.map(id, [1], (_, inner) => fill(inner, 1 + draw(6), depth + 1), { after }));
        else before.push(q.job(id, work, { n: index }, { after }));
      }
    };
    fill(p, 2 + draw(12), 0);
  });
}

const tapes = fc.array(fc.nat(2519), { maxLength: 200, size: 'max' });
const within = ({ min, max }: Range, value: number) => value >= min && value <= max;

describe('what is predicted of a run', () => {
  it.each(modes)('is what the history counts, where the run does not depend on data, in mode %s', async (mode) => {
    await fc.assert(
      fc.asyncProperty(tapes, async (tape) => {
        const artifact = compiled(boundedPipeline(tape, mode));
        const { transitions, gateWrites, machines } = boundsOf(artifact);
        const run = await counted(artifact, {}, () => ({ n: 1 }));
        expect([gateWrites, run.writes, within(gateWrites, run.writes)]).toContain(true);
        if (artifact.gates?.openedByStates) {
          // A gate that states open costs more when somebody waits at it already.
          expect(within(transitions, run.transitions)).toBe(true);
        } else {
          expect(transitions).toStrictEqual({ min: run.transitions, max: run.transitions });
          expect(gateWrites).toStrictEqual({ min: run.writes, max: run.writes });
        }
        const [events] = machines.map((machine) => machine.events);
        expect(events && within(events, run.events.get(0) ?? 0)).toBe(true);
      }),
      { numRuns: draws(100) },
    );
  });

  it.each([
    ['', undefined],
    [', cut into machines', { bytes: 2_500, events: 20_000 }],
  ])('holds for pipelines of any structure%s', async (_, budget) => {
    await fc.assert(
      fc.asyncProperty(tapes, async (tape) => {
        const program = programOf(tape);
        const artifact = compiled(program.pipeline.ir, budget);
        const { transitions, gateWrites, machines } = boundsOf(artifact);
        const run = await counted(artifact, program.input as Json, (id, given) => operate(id, given, 9));
        expect([transitions, run.transitions, within(transitions, run.transitions)]).toContain(true);
        expect([gateWrites, run.writes, within(gateWrites, run.writes)]).toContain(true);
        for (const [number, count] of run.events) {
          const bounds = machines[number]?.events;
          expect([number, bounds, count, bounds && within(bounds, count)]).toContain(true);
        }
      }),
      { numRuns: draws(budget === undefined ? 100 : 20) },
    );
  });

  it('counts those who wait at a flag in another machine', async () => {
    // `slow` is a map: states open its gate, for six that wait in child machines, each with a token when it ends.
    const { ir } = pipeline('flags', { input: z.object({}) }, (p) => {
      const first = p.job('first', work, { n: 1 });
      const slow = p.map('slow', [1], (n, q) => q.job('one', work, { n }));
      const waiting = Array.from({ length: 6 }, (_, n) => p.job(`w${n}`, work, { n: add(first.out.n, n) }));
      for (const [n, one] of waiting.entries()) {
        p.job(`x${n}`, work, { n: one.out.n }, { after: [slow] });
        p.job(`y${n}`, work, { n: one.out.n });
      }
      p.job('z', work, { n: 1 }, { after: [slow] });
    });
    const artifact = compiled(ir, { bytes: 10_000, events: 20_000 });
    const machines = [artifact.definition, ...(artifact.shards ?? [])].map((machine) => JSON.stringify(machine));
    expect(machines.map((text) => text.includes('"slow opens flag slow":'))).toStrictEqual([true, false, false, false]);
    expect(machines.map((text) => text.split(' waits":').length - 1)).toStrictEqual([0, 2, 2, 2]);
    const run = await counted(
      artifact,
      {},
      () => ({ n: 1 }),
      (job) => (job.includes('one') ? 60_000 : 1_000),
    );
    // All wait. A run could need one state more for each of them: the one for a token that is dead.
    expect(boundsOf(artifact).transitions.max).toBe(run.transitions + 6);
  });

  it('is said of long rows of maps in little time', () => {
    const rowOf = (length: number): PipelineArtifact => {
      const names = Array.from({ length }, (_, at) => `m${at}`);
      const body = { StartAt: 'in', States: { in: { Type: 'Pass', End: true } } };
      const states = names.map((name, at) => [
        name,
        { Type: 'Map', ItemProcessor: body, ...(at + 1 < length ? { Next: `m${at + 1}` } : { End: true }) },
      ]);
      const artifact = compiled(pipeline('row', { input: z.object({}) }, (p) => void p.job('a', work, { n: 1 })).ir);
      return { ...artifact, definition: { StartAt: 'm0', States: Object.fromEntries(states) } };
    };
    const begun = performance.now();
    expect(boundsOf(rowOf(20_000)).transitions.min).toBe(20_000);
    expect(performance.now() - begun).toBeLessThan(1_500);
  });

  it('knows how many items a list has from constants, schemas and maps', () => {
    const { ir } = pipeline('lists', { input: z.object({}) }, (p) => {
      const l = p.job('list', list, { n: 1 });
      const few = p.map('few', l.out.few, (n, q) => q.job('a', work, { n }));
      p.map('again', few.out, (one, q) => q.job('b', work, { n: one.n }));
      p.map('constant', [1, 2, 3], (n, q) => q.job('c', work, { n }));
    });
    // list, three maps, their items; and what joins the branches of two of them.
    const { transitions } = boundsOf(compiled(ir));
    expect(transitions.max - transitions.min).toBe(2 * (5 - 2));
    const open = pipeline('open', { input: z.object({}) }, (p) => {
      const l = p.job('list', list, { n: 1 });
      p.map('any', l.out.any, (n, q) => q.job('a', work, { n }));
    });
    expect(boundsOf(compiled(open.ir)).transitions).toStrictEqual({ min: 2, max: Number.POSITIVE_INFINITY });
  });
});

describe('the explanation', () => {
  const { ir } = pipeline('n-graph', { input: z.object({}) }, (p) => {
    const a = p.job('a', work, { n: 1 });
    const b = p.job('b', work, { n: 2 });
    const c = p.job('c', work, { n: a.out.n });
    const d = p.job('d', work, { n: add(a.out.n, b.out.n) }, { after: [c] });
    p.branch('big', gt(d.out.n, 3), (q) => q.job('inside', work, { n: d.out.n }));
    const each = p.map('each', [1, 2], (n, q) => q.job('one', work, { n }), { after: [b] });
    p.job('last', work, { n: sum(pluck(each.out, 'n')) });
  });
  const explained = explainPipeline(compiled(ir));
  const node = (id: string) => explained.nodes.find((one) => one.id === id);

  it('says of each job what it waits for and what it reads of that', () => {
    expect(node('a')).toMatchObject({ waitsFor: [], startsAfterSeconds: 0, isCritical: true, kind: 'job' });
    // What `c` implies is not said again.
    expect(node('d')?.waitsFor).toStrictEqual([
      { node: 'b', reads: [['n']] },
      { node: 'c', reads: [] },
    ]);
    expect(node('d')).toMatchObject({ startsAfterSeconds: 2, isCritical: true });
    expect(node('inside')).toMatchObject({ inside: ['big'], waitsFor: [] });
    expect(node('each')?.waitsFor).toStrictEqual([{ node: 'b', reads: [] }]);
    expect(node('last')?.waitsFor).toStrictEqual([{ node: 'each', reads: [[]] }]);
    expect(node('last')).toMatchObject({ isCritical: false });
  });

  it('names the longest path and the place of every job', () => {
    expect(explained.criticalPath).toStrictEqual({ nodes: ['a', 'c', 'd', 'big'], seconds: 4 });
    for (const { source } of explained.nodes) expect(source.file).toMatch(/explain\.test\.ts$/);
    expect(new Set(explained.nodes.map(({ source }) => `${source.line}:${source.column}`)).size).toBe(
      explained.nodes.length,
    );
  });

  it('counts what gates cost', () => {
    const states = explained.nodes.flatMap((one) => one.states.gate ?? []);
    expect(states.length).toBeGreaterThan(0);
    expect(explained.gateTransitions.min).toBe(states.length);
    // One write to wait, and in the producer's function one that keeps its value and one that opens.
    expect(explained.gateWrites).toStrictEqual({ min: 3, max: 3 });
    expect(explained.machines[0]?.bytes).toBe(Buffer.byteLength(JSON.stringify(compiled(ir).definition)));
  });

  it('goes by recorded durations', () => {
    const slow = explainPipeline(
      compiled({ ...ir, durations: { a: 1, b: 100, c: 1, d: 1, inside: 1, each: 50, one: 1, last: 1 } }),
    );
    expect(slow).toMatchObject({ estimated: true });
    expect(slow.criticalPath.nodes).toStrictEqual(['b', 'each', 'last']);
    expect(slow.nodes.find(({ id }) => id === 'last')?.startsAfterSeconds).toBe(150);
  });

  it('starts nothing before the barriers of its mode', () => {
    const crossed = (mode: 'exact' | 'barrier' | 'auto', durations: PipelineIr['durations']) =>
      explainPipeline(
        compiled(
          pipeline('crossed', { input: z.object({}), mode, ...(durations && { durations }) }, (p) => {
            const [a, b] = [p.job('a', work, { n: 1 }), p.job('b', work, { n: 1 })];
            p.job('c', work, { n: add(a.out.n, b.out.n) });
            p.job('d', work, { n: b.out.n });
          }).ir,
        ),
      );
    const of = ({ nodes }: Explanation, id: string) => nodes.find((one) => one.id === id);
    const slow = { a: 100, b: 1, c: 1, d: 5 };
    const barrier = crossed('barrier', slow);
    expect(of(barrier, 'd')).toMatchObject({ startsAfterSeconds: 100, isCritical: true });
    expect(of(barrier, 'd')?.waitsFor).toStrictEqual([
      { node: 'b', reads: [['n']] },
      { node: 'a', reads: [], barrierOf: 1 },
    ]);
    expect(barrier.criticalPath).toStrictEqual({ nodes: ['a', 'd'], seconds: 105 });
    const exact = crossed('exact', slow);
    expect(of(exact, 'd')).toMatchObject({ startsAfterSeconds: 1, waitsFor: [{ node: 'b', reads: [['n']] }] });
    expect(exact.criticalPath).toStrictEqual({ nodes: ['a', 'c'], seconds: 101 });
    // A barrier where it costs little, and a gate where not.
    expect(of(crossed('auto', { a: 10, b: 9.9, c: 1, d: 5 }), 'd')?.startsAfterSeconds).toBe(10);
    expect(of(crossed('auto', slow), 'd')?.startsAfterSeconds).toBe(1);
    // Durations of jobs that are gone say nothing: no barrier.
    expect(of(crossed('auto', { gone: 5 }), 'd')?.waitsFor).toHaveLength(1);
    expect(crossed('auto', { gone: 5 }).estimated).toBe(false);
  });

  it.each(['exact', 'barrier', 'auto'] as const)('starts each job when the machine does, in mode %s', async (mode) => {
    await fc.assert(
      fc.asyncProperty(tapes, async (tape) => {
        const { ir: drawn } = pipelineOfOne(tape);
        const jobs = [...nodeIndex(drawn).values()].filter(({ node }) => node.kind === 'job');
        const durations = Object.fromEntries(jobs.map(({ node }) => [node.id, 1 + drawsOf(node.id)(9)]));
        const artifact = compiled({ ...drawn, mode, durations });
        const { nodes } = explainPipeline(artifact);
        const startOf = new Map<string, number>();
        for (const { id, inside, startsAfterSeconds } of nodes)
          startOf.set(id, startsAfterSeconds + (startOf.get(inside.at(-1) ?? '') ?? 0));
        const run = await counted(
          artifact,
          {},
          () => ({ n: 1 }),
          (job) => (durations[job.replace(/^.*[/\]]/, '')] ?? 0) * 1_000,
        );
        const started = Object.fromEntries(
          [...run.startedAt].map(([job, ms]) => [job.replace(/^.*[/\]]/, ''), ms / 1_000]),
        );
        expect(started).toStrictEqual(Object.fromEntries(jobs.map(({ node }) => [node.id, startOf.get(node.id)])));
      }),
      { numRuns: draws(60) },
    );
  });

  it('takes long chains', () => {
    const [first] = ir.body.nodes;
    if (first === undefined) throw new Error('no nodes');
    const nodes = Array.from({ length: 10_000 }, (_, at) => ({
      ...first,
      id: `j${at}`,
      after: at === 0 ? [] : [`j${at - 1}`],
    }));
    const chain = compilePipeline(
      { ...ir, body: { nodes } },
      { sha256: () => '', budget: { bytes: 1e9, events: 1e9 } },
    );
    const artifact = chain.ok ? chain.artifact : compiled(ir);
    const { criticalPath } = explainPipeline({ ...artifact, pipeline: { ...ir, body: { nodes } } });
    expect(criticalPath.seconds).toBe(10_000);
  });
});
