/** Runs rows of the fixture table in virtual time. */
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { virtualClock } from '../../lib/engine/clock.ts';
import type { TaskOutcome, TaskRequest } from '../../lib/engine/ports.ts';
import { startExecution } from '../../lib/engine/run.ts';
import type { GateWork } from '../../lib/gate-layout.ts';
import type { Json } from '../../lib/ir/expressions.ts';
import type { Keep } from '../../lib/payload-layout.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import { isLambda } from '../../lib/ir/operations.ts';
import { wholeHistory } from '../../lib/sessions/splice-histories.ts';
import type { TestOperation } from 'bunsui/testing';
import { checkedMachines, runChild } from '../../lib/testing/child-machines.ts';
import { type CompensationInMemory, compensationInMemory, type Undoing } from '../../lib/testing/compensation.ts';
import { type GatesInMemory, gatesInMemory } from '../../lib/testing/gates.ts';
import { type PayloadsInMemory, payloadsInMemory } from '../../lib/testing/payloads.ts';
import { virtualPorts } from '../../lib/testing/virtual-ports.ts';
import { operations } from '../fixtures/handlers.ts';
import type { rows } from '../fixtures/pipelines.ts';

/** What the engine asked for, as the operation saw it. */
export interface Tried {
  readonly job: string;
  readonly input: unknown;
  readonly status: 'completed' | 'failed';
  readonly output?: unknown;
}

async function runOperation(
  task: TaskRequest,
  tried: Tried[],
  gates: GatesInMemory,
  payloads: PayloadsInMemory,
  undoing: CompensationInMemory,
): Promise<TaskOutcome> {
  const { Payload: payload } = task.arguments as unknown as {
    readonly Payload: {
      readonly bunsui: {
        readonly job: string;
        readonly operation: string;
        readonly attempt: number;
        readonly execution: string;
        readonly gates?: GateWork;
        readonly keep?: Keep;
        readonly inline?: number;
      } & Undoing;
      readonly input: never;
    };
  };
  const { job, operation, attempt, execution, gates: work } = payload.bunsui;
  const filled = undoing.given(payload.bunsui) ?? gates.fill(payload.input, work?.inputs);
  const input = payloads.whole(filled) as never;
  undoing.begin(payload.bunsui);
  try {
    const find: TestOperation = ({ jobs }: { readonly jobs: never }) => undoing.find(execution, jobs, async () => {});
    const run = operation === 'to-undo' ? find : operations[operation];
    if (run === undefined) throw new TypeError(operation);
    const output = (await run(input, { job, attempt: attempt + 1, sleep: async () => {} })) as never;
    tried.push({ job, input, status: 'completed', output });
    const left = await payloads.leave(payload.bunsui, output);
    undoing.end(payload.bunsui, { input: filled, output: left });
    gates.complete(execution, job, left, work);
    return { ok: true, output: { ExecutedVersion: '$LATEST', Payload: left, StatusCode: 200 } };
  } catch (thrown) {
    const error = thrown as Error;
    undoing.end(payload.bunsui);
    tried.push({ job, input, status: 'failed' });
    return { ok: false, error: error.name, cause: JSON.stringify({ errorMessage: error.message }) };
  }
}

/** The compiled pipelines that a pipeline calls, and those that they call. */
export function calledBy({ calls }: Pick<(typeof rows)[number]['pipeline'], 'calls'>): readonly PipelineArtifact[] {
  return Object.values(calls).flatMap((one) => {
    const compiled = compilePipeline(one.ir, { sha256: () => 'v' });
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
    return [...calledBy(one), compiled.artifact];
  });
}

/** What a call was given, and what came back of it. */
function noteCall(tried: Tried[], task: TaskRequest, outcome: TaskOutcome): TaskOutcome {
  const { Input, Name } = task.arguments as {
    readonly Input: { readonly bunsui?: { readonly parent?: { readonly job: string } } };
    readonly Name?: string;
  };
  const { bunsui, ...input } = Input;
  if (bunsui?.parent === undefined) return outcome;
  const { Output } = (outcome.ok ? outcome.output : {}) as { readonly Output?: unknown };
  const output = task.resource.endsWith(':2') ? Output : { session: Name?.split('-')[1] };
  const { job } = bunsui.parent;
  tried.push({ job, input, ...(outcome.ok ? { status: 'completed', output } : { status: 'failed' }) });
  return outcome;
}

/** What a state calls that is no function of ours is given its arguments, and answers as its operation says. */
function runService(artifact: PipelineArtifact, task: TaskRequest, tried: Tried[]): Promise<TaskOutcome> | undefined {
  const { operation = '' } = artifact.states[task.stateName] ?? {};
  const found = artifact.pipeline.operations[operation];
  if (found === undefined || isLambda(found)) return undefined;
  const { Payload: input } = task.arguments as { readonly Payload: never };
  // A service is not told which job it works for: of those in the row's map the input says which item it is.
  const { value } = input as { readonly value: number };
  const job = task.stateName === 'one' ? `each[${value - 1}]/one` : task.stateName;
  const run = async (): Promise<TaskOutcome> => {
    const output = (await operations[operation]?.(input, { job, attempt: 1, sleep: async () => {} })) as never;
    tried.push({ job, input, status: 'completed', output });
    return { ok: true, output: { Payload: output, StatusCode: 200 } };
  };
  return run();
}

export interface Ran {
  readonly artifact: PipelineArtifact;
  readonly events: readonly HistoryEvent[];
  readonly tried: readonly Tried[];
  /** A value as its reader sees it: what was large lies beside. */
  readonly whole: (value: Json) => Json;
}

/** Of the smallest machines that a pipeline can be cut into. */
export const tinyBudget = { bytes: 2_500, events: 20_000 };

/**
 * The row's artifact, the history of its run, and what its operations were called with.
 *
 * @param budget of a machine. @default everything fits into one
 */
export async function runRow(row: (typeof rows)[number], budget?: typeof tinyBudget): Promise<Ran> {
  const compiled = compilePipeline(row.pipeline.ir, { sha256: () => 'v', ...(budget && { budget }) });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
  const machines = checkedMachines(compiled.artifact, calledBy(row.pipeline));
  const checked = await row.pipeline.input['~standard'].validate(row.input);
  const tried: Tried[] = [];
  /** What called pipelines have run: sessions of their own. */
  const elsewhere: Tried[] = [];
  const of = ({ executionArn }: TaskRequest) => (executionArn.split(':')[6] === 'm' ? tried : elsewhere);
  const gates = gatesInMemory();
  const payloads = payloadsInMemory();
  const undoing = compensationInMemory();
  const children = new Map<string, ReturnType<typeof startExecution>>();
  const ports: Parameters<typeof startExecution>[0] = {
    ...virtualPorts(virtualClock(1_000_000)),
    tasks: {
      run: (task, signal, progress) =>
        gates.run(task, signal) ??
        runChild(ports, machines.children, task, signal, (child, arn) => {
          children.set(arn, child);
          if (task.resource.endsWith('.sync:2')) progress.submitted({ ExecutionArn: arn });
        })?.then((outcome) => noteCall(of(task), task, outcome)) ??
        (of(task) === tried ? runService(compiled.artifact, task, tried) : undefined) ??
        runOperation(task, of(task), gates, payloads, undoing),
    },
  };
  const handle = startExecution(ports, {
    executionArn: 'arn:aws:states:us-east-1:000000000000:execution:m:e',
    name: 'e',
    stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:m',
    stateMachineName: 'm',
    definition: machines.root,
    input: JSON.stringify('value' in checked ? checked.value : row.input),
  });
  await handle.done;
  const events = await wholeHistory(handle.events, async (arn) => children.get(arn)?.events ?? []);
  return { artifact: compiled.artifact, events, tried, whole: payloads.whole };
}
