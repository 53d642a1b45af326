/**
 * Real workflow graphs, compiled and run in virtual time with the runtimes that were recorded: `bench/dags.ts DIR`.
 * Every job is checked: none starts before its parents have ended, none later than its earliest moment. A file has the
 * form `{ name, tasks: [{ id, runtimeSeconds, deps: [id] }] }`. Exit code 1 when a check fails, 2 without files.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { compilePipeline } from '../lib/compiler/compile.ts';
import { definitionLimitBytes } from '../lib/compiler/limits.ts';
import { virtualClock } from '../lib/engine/clock.ts';
import type { EnginePorts } from '../lib/engine/ports.ts';
import { type ExecutionHandle, startExecution } from '../lib/engine/run.ts';
import type { GateWork } from '../lib/gate-layout.ts';
import type { PipelineArtifact } from '../lib/ir/artifact.ts';
import type { JobIr, PipelineIr } from '../lib/ir/nodes.ts';
import { transitiveReduction } from '../lib/ir/reduction.ts';
import { checkedMachines, runChild } from '../lib/testing/child-machines.ts';
import { gatesInMemory } from '../lib/testing/gates.ts';
import { virtualPorts } from '../lib/testing/virtual-ports.ts';

const fileSchema = z.object({
  name: z.string(),
  tasks: z.array(z.object({ id: z.string(), runtimeSeconds: z.number(), deps: z.array(z.string()) })),
});
type Dag = z.output<typeof fileSchema>;
type Mode = 'exact' | 'barrier';

const source = { file: 'dag.json', line: 1, column: 1 };

/** Node ids as a pipeline may have them: `j0`, `j1`, … in the order of the file. */
export function pipelineOf(dag: Dag, mode: Mode): PipelineIr {
  const idOf = new Map(dag.tasks.map(({ id }, index) => [id, `j${index}`]));
  const nodes = dag.tasks.map(
    ({ deps }, index): JobIr => ({
      kind: 'job',
      id: `j${index}`,
      source,
      after: deps.map((dep) => idOf.get(dep) ?? ''),
      operation: 'work',
      input: { kind: 'object', fields: {} },
    }),
  );
  const schema = { type: 'object', properties: {}, additionalProperties: false };
  return {
    irVersion: 1,
    id: 'dag',
    source,
    input: schema,
    mode,
    operations: {
      work: {
        kind: 'lambda',
        id: 'work',
        source,
        entry: '/work.ts',
        input: schema,
        output: schema,
        timeoutSeconds: 60,
        memoryMiB: 128,
        environment: {},
      },
    },
    body: { nodes },
  };
}

interface Ran {
  readonly makespanMs: number;
  readonly transitions: number;
  readonly started: ReadonlyMap<string, number>;
  readonly ended: ReadonlyMap<string, number>;
}

interface Call {
  readonly Payload: {
    readonly bunsui: { readonly job: string; readonly execution: string; readonly gates?: GateWork };
  };
}

async function run(artifact: Machine, runtimeMs: (job: string) => number): Promise<Ran> {
  const machines = checkedMachines(artifact);
  const clock = virtualClock(0);
  const gates = gatesInMemory();
  const started = new Map<string, number>();
  const ended = new Map<string, number>();
  const executions: ExecutionHandle[] = [];
  const ports: EnginePorts = {
    ...virtualPorts(clock),
    tasks: {
      run: (task, signal) =>
        gates.run(task, signal) ??
        runChild(ports, machines.children, task, signal, (child) => executions.push(child)) ??
        new Promise((done) => {
          const { job, execution, gates: work } = (task.arguments as unknown as Call).Payload.bunsui;
          started.set(job, clock.now());
          clock.wakeAt(clock.now() + runtimeMs(job), () => {
            ended.set(job, clock.now());
            gates.complete(execution, job, {}, work);
            done({ ok: true, output: { ExecutedVersion: '1', Payload: {}, StatusCode: 200 } });
          });
        }),
    },
  };
  const handle = startExecution(ports, {
    executionArn: 'arn:aws:states:us-east-1:000000000000:execution:dag:run',
    name: 'run',
    stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:dag',
    stateMachineName: 'dag',
    definition: machines.root,
    input: '{}',
  });
  executions.push(handle);
  const { status, error, cause } = await handle.done;
  if (status !== 'SUCCEEDED') throw new Error(`the run ended as ${status}: ${error} ${cause}`);
  // As AWS bills them: one for each state that is entered, in child machines as in their root.
  const entered = executions.flatMap(({ events }) => events.filter(({ type }) => type.endsWith('StateEntered')));
  return { makespanMs: clock.now(), transitions: entered.length, started, ended };
}

/** Milliseconds, whole: the recorded seconds have decimals, virtual time has none. */
const msOf = ({ runtimeSeconds }: Dag['tasks'][number]) => Math.max(1, Math.round(runtimeSeconds * 1_000));

/** When each job starts at the earliest, and when the last one ends. */
function earliest(dag: Dag): { readonly starts: ReadonlyMap<string, number>; readonly criticalMs: number } {
  const byId = new Map(dag.tasks.map((task, index) => [task.id, { task, job: `j${index}` }]));
  const starts = new Map<string, number>();
  let criticalMs = 0;
  const { order } = transitiveReduction(new Map(dag.tasks.map(({ id, deps }) => [id, new Set(deps)])));
  for (const id of order) {
    const found = byId.get(id);
    if (found === undefined) continue;
    const start = found.task.deps.reduce((latest, dep) => {
      const parent = byId.get(dep);
      return parent === undefined ? latest : Math.max(latest, (starts.get(parent.job) ?? 0) + msOf(parent.task));
    }, 0);
    starts.set(found.job, start);
    criticalMs = Math.max(criticalMs, start + msOf(found.task));
  }
  return { starts, criticalMs };
}

/** How long it takes when each level waits for the one before it, as pipelines written by hand do. */
function levelsMs(dag: Dag): number {
  const level = new Map<string, number>();
  const longest: number[] = [];
  const tasks = new Map(dag.tasks.map((task) => [task.id, task]));
  const { order } = transitiveReduction(new Map(dag.tasks.map(({ id, deps }) => [id, new Set(deps)])));
  for (const id of order) {
    const task = tasks.get(id);
    if (task === undefined) continue;
    const own = task.deps.reduce((most, dep) => Math.max(most, (level.get(dep) ?? 0) + 1), 0);
    level.set(id, own);
    longest[own] = Math.max(longest[own] ?? 0, msOf(task));
  }
  return longest.reduce((sum, ms) => sum + ms, 0);
}

type Machine = Pick<PipelineArtifact, 'definition' | 'shards' | 'states'>;

function compiled(pipeline: PipelineIr): { readonly artifact: Machine; readonly ms: number } {
  const before = performance.now();
  const result = compilePipeline(pipeline, { sha256: () => '' });
  const ms = performance.now() - before;
  if (!result.ok) throw new Error(result.diagnostics.map(({ message }) => message).join('; '));
  return { artifact: result.artifact, ms };
}

interface Row {
  readonly jobs: number;
  readonly edges: number;
  readonly gates: number;
  readonly shards: number;
  readonly ratios: { readonly levels: number; readonly barrier: number; readonly exact: number };
  readonly transitionsPerJob: number;
  readonly bytes: number;
  readonly compileMs: number;
  readonly wrong: readonly string[];
}

async function measure(dag: Dag): Promise<Row> {
  const runtime = new Map(dag.tasks.map((task, index) => [`j${index}`, msOf(task)]));
  const { starts, criticalMs } = earliest(dag);
  const { artifact, ms } = compiled(pipelineOf(dag, 'exact'));
  const exact = await run(artifact, (job) => runtime.get(job) ?? 1);
  const barrier = await run(compiled(pipelineOf(dag, 'barrier')).artifact, (job) => runtime.get(job) ?? 1);
  const wrong = [...starts]
    .filter(([job, at]) => exact.started.get(job) !== at)
    .map(([job, at]) => `${job} starts at ${exact.started.get(job)} ms, its earliest moment is ${at}`);
  const sizes = [artifact.definition, ...(artifact.shards ?? [])].map((one) => Buffer.byteLength(JSON.stringify(one)));
  wrong.push(...sizes.filter((bytes) => bytes > definitionLimitBytes).map((bytes) => `a machine of ${bytes} bytes`));
  return {
    jobs: dag.tasks.length,
    edges: dag.tasks.reduce((sum, { deps }) => sum + deps.length, 0),
    gates: Object.values(artifact.states).filter(({ role }) => role === 'gate').length,
    shards: artifact.shards?.length ?? 0,
    ratios: {
      levels: levelsMs(dag) / criticalMs,
      barrier: barrier.makespanMs / criticalMs,
      exact: exact.makespanMs / criticalMs,
    },
    transitionsPerJob: exact.transitions / dag.tasks.length,
    bytes: sizes.reduce((sum, one) => sum + one, 0),
    compileMs: ms,
    wrong,
  };
}

/** Graphs made up to see how compiling grows with their size: the same for every run. */
const shapes: { readonly [shape: string]: (jobs: number) => Dag['tasks'] } = {
  chain: (jobs) => made(jobs, (job) => [job - 1]),
  wide: (jobs) => made(jobs, (job) => (job < jobs - 1 ? [0] : Array.from({ length: jobs - 2 }, (_, one) => one + 1))),
  layered: (jobs) => {
    const width = Math.round(Math.sqrt(jobs));
    const layerBefore = (job: number) => (Math.floor(job / width) - 1) * width;
    return made(jobs, (job, random) => [0, 1, 2].map(() => layerBefore(job) + Math.floor(random() * width)));
  },
  window: (jobs) => made(jobs, (job, random) => [0, 1].map(() => job - 1 - Math.floor(random() * 20))),
};

/** Parents that are no jobs, because they would come before the first one, are left out. */
function made(jobs: number, parentsOf: (job: number, random: () => number) => readonly number[]): Dag['tasks'] {
  let seed = 1;
  const random = () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed / 0x80000000;
  };
  return Array.from({ length: jobs }, (_, job) => {
    const parents = job === 0 ? [] : parentsOf(job, random).filter((parent) => parent >= 0);
    return { id: `j${job}`, runtimeSeconds: 1, deps: [...new Set(parents)].map((parent) => `j${parent}`) };
  });
}

const folder = process.argv[2] ?? '';
const files = existsSync(folder)
  ? readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .sort()
  : [];
if (files.length === 0) {
  process.stderr.write('bench:dags: name a folder that holds graphs, as in: bench:dags DIR\n');
  process.exit(2);
}
const fixed = (value: number, digits: number) => value.toFixed(digits);
const line = (cells: readonly (string | number)[]) =>
  process.stdout.write(
    `${String(cells[0]).padEnd(46)}${cells
      .slice(1)
      .map((cell) => String(cell).padStart(9))
      .join('')}\n`,
  );
line(['graph', 'jobs', 'edges', 'gates', 'shards', 'levels', 'barrier', 'exact', 'T/job', 'bytes', 'ms']);
const rows: Row[] = [];
for (const file of files) {
  const row = await measure(fileSchema.parse(JSON.parse(readFileSync(join(folder, file), 'utf8'))));
  rows.push(row);
  const { ratios } = row;
  line([
    file.replace(/\.json$/, ''),
    row.jobs,
    row.edges,
    row.gates,
    row.shards,
    ...[ratios.levels, ratios.barrier, ratios.exact].map((ratio) => fixed(ratio, 3)),
    fixed(row.transitionsPerJob, 2),
    row.bytes,
    fixed(row.compileMs, 0),
  ]);
  for (const wrong of row.wrong.slice(0, 3)) process.stdout.write(`  WRONG: ${wrong}\n`);
  if (row.wrong.length > 0) process.exitCode = 1;
}
/** Per job, over all jobs of the files. */
const transitions = (of: readonly Row[]) =>
  of.reduce((sum, row) => sum + row.transitionsPerJob * row.jobs, 0) / of.reduce((sum, { jobs }) => sum + jobs, 0);
const series = rows.filter(({ gates }) => gates === 0);
const others = rows.filter(({ gates }) => gates > 0);
for (const [name, of] of [
  ['series-parallel', series],
  ['others', others],
] as const) {
  if (of.length > 0)
    process.stdout.write(`${name}: mean transitions per job ${fixed(transitions(of), 3)}, files ${of.length}\n`);
}
for (const [shape, parentsOf] of Object.entries(shapes)) {
  const curve = [100, 1_000, 10_000].map((jobs) => {
    const pipeline = pipelineOf({ name: shape, tasks: parentsOf(jobs) }, 'exact');
    const before = process.cpuUsage();
    const { artifact, ms } = compiled(pipeline);
    const { user, system } = process.cpuUsage(before);
    const cpu = fixed((user + system) / 1_000, 0);
    return `${jobs} jobs ${fixed(ms, 0)} ms (cpu ${cpu}, ${(artifact.shards?.length ?? 0) + 1} machines)`;
  });
  process.stdout.write(`compile ${shape}: ${curve.join(', ')}\n`);
}
const worst = Math.max(...rows.map(({ ratios }) => ratios.exact));
process.stdout.write(
  `exact: max ratio ${fixed(worst, 3)}, mean transitions per job ${fixed(transitions(rows), 3)}, files ${rows.length}\n`,
);
