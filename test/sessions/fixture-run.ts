/** Runs rows of the fixture table in virtual time. */
import { validateDefinition } from '../../lib/asl/validate.ts';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { virtualClock } from '../../lib/engine/clock.ts';
import type { TaskOutcome, TaskRequest } from '../../lib/engine/ports.ts';
import { startExecution } from '../../lib/engine/run.ts';
import type { GateWork } from '../../lib/gate-layout.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import { type GatesInMemory, gatesInMemory } from '../../lib/testing/gates.ts';
import { operations } from '../fixtures/handlers.ts';
import type { rows } from '../fixtures/pipelines.ts';

/** What the engine asked for, as the operation saw it. */
export interface Tried {
  readonly job: string;
  readonly input: unknown;
  readonly status: 'completed' | 'failed';
  readonly output?: unknown;
}

async function runOperation(task: TaskRequest, tried: Tried[], gates: GatesInMemory): Promise<TaskOutcome> {
  const { Payload: payload } = task.arguments as unknown as {
    readonly Payload: {
      readonly bunsui: {
        readonly job: string;
        readonly operation: string;
        readonly attempt: number;
        readonly gates?: GateWork;
      };
      readonly input: never;
    };
  };
  const { job, operation, attempt, gates: work } = payload.bunsui;
  const input = gates.fill(payload.input, work?.inputs) as never;
  try {
    const run = operations[operation];
    if (run === undefined) throw new TypeError(operation);
    const output = (await run(input, { job, attempt: attempt + 1, sleep: async () => {} })) as never;
    tried.push({ job, input, status: 'completed', output });
    gates.complete(job, output, work);
    return { ok: true, output: { ExecutedVersion: '$LATEST', Payload: output, StatusCode: 200 } };
  } catch (thrown) {
    const error = thrown as Error;
    tried.push({ job, input, status: 'failed' });
    return { ok: false, error: error.name, cause: JSON.stringify({ errorMessage: error.message }) };
  }
}

export interface Ran {
  readonly artifact: PipelineArtifact;
  readonly events: readonly HistoryEvent[];
  readonly tried: readonly Tried[];
}

/** The row's artifact, the history of its run, and what its operations were called with. */
export async function runRow(row: (typeof rows)[number]): Promise<Ran> {
  const compiled = compilePipeline(row.pipeline.ir, { sha256: () => 'v' });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
  const validated = validateDefinition(compiled.artifact.definition);
  if (!validated.ok) throw new Error(JSON.stringify(validated.diagnostics));
  const checked = await row.pipeline.input['~standard'].validate(row.input);
  const tried: Tried[] = [];
  const gates = gatesInMemory();
  let ids = 0;
  const handle = startExecution(
    {
      clock: virtualClock(1_000_000),
      random: () => 0.5,
      uuid: () => `00000000-0000-4000-8000-${String(ids++).padStart(12, '0')}`,
      journal: { append: async () => {} },
      tasks: { run: (task, signal) => gates.run(task, signal) ?? runOperation(task, tried, gates) },
    },
    {
      executionArn: 'arn:aws:states:us-east-1:000000000000:execution:m:e',
      name: 'e',
      stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:m',
      stateMachineName: 'm',
      definition: validated.definition,
      input: JSON.stringify('value' in checked ? checked.value : row.input),
    },
  );
  await handle.done;
  return { artifact: compiled.artifact, events: [...handle.events], tried };
}
