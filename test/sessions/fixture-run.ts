/** Runs rows of the fixture table in virtual time. */
import { validateDefinition } from '../../lib/asl/validate.ts';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { virtualClock } from '../../lib/engine/clock.ts';
import type { TaskOutcome, TaskRequest } from '../../lib/engine/ports.ts';
import { startExecution } from '../../lib/engine/run.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import { operations } from '../fixtures/handlers.ts';
import type { rows } from '../fixtures/pipelines.ts';

/** What the engine asked for, as the operation saw it. */
export interface Tried {
  readonly job: string;
  readonly input: unknown;
  readonly status: 'completed' | 'failed';
  readonly output?: unknown;
}

async function runOperation(task: TaskRequest, tried: Tried[]): Promise<TaskOutcome> {
  const { Payload: payload } = task.arguments as unknown as {
    readonly Payload: {
      readonly bunsui: { readonly job: string; readonly operation: string; readonly attempt: number };
      readonly input: never;
    };
  };
  const { job, operation, attempt } = payload.bunsui;
  try {
    const run = operations[operation];
    if (run === undefined) throw new TypeError(operation);
    const output = (await run(payload.input, { job, attempt: attempt + 1, sleep: async () => {} })) as never;
    tried.push({ job, input: payload.input, status: 'completed', output });
    return { ok: true, output: { ExecutedVersion: '$LATEST', Payload: output, StatusCode: 200 } };
  } catch (thrown) {
    const error = thrown as Error;
    tried.push({ job, input: payload.input, status: 'failed' });
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
  const handle = startExecution(
    {
      clock: virtualClock(1_000_000),
      random: () => 0.5,
      uuid: () => '00000000-0000-4000-8000-000000000000',
      journal: { append: async () => {} },
      tasks: { run: (task) => runOperation(task, tried) },
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
