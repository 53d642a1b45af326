import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { validateDefinition } from '../../lib/asl/validate.ts';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { virtualClock } from '../../lib/engine/clock.ts';
import type { TaskOutcome, TaskRequest } from '../../lib/engine/ports.ts';
import { startExecution } from '../../lib/engine/run.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import { emptyFold, foldEvents, foldHistory, view } from '../../lib/sessions/fold.ts';
import { jobMoves } from '../../lib/sessions/status.ts';
import type { SessionView } from '../../lib/sessions/view.ts';
import { operations } from '../fixtures/handlers.ts';
import { rows } from '../fixtures/pipelines.ts';

/** What the engine asked for, as the operation saw it. */
interface Tried {
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

interface Ran {
  readonly artifact: PipelineArtifact;
  readonly events: readonly HistoryEvent[];
  readonly tried: readonly Tried[];
}

async function run(row: (typeof rows)[number]): Promise<Ran> {
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

const statuses = (seen: SessionView) => Object.fromEntries(seen.jobs.map((job) => [job.job, job.status]));

describe('the history of a pipeline of the fixture table, folded', () => {
  it.each(rows.map((row) => [row.name, row] as const))('%s tells what its operations did', async (_, row) => {
    const { artifact, events, tried } = await run(row);
    const seen = foldHistory(artifact, events);
    expect([seen.status, seen.output]).toStrictEqual(
      'output' in row.expected ? ['completed', row.expected.output] : ['failed', undefined],
    );
    // The paths that wrappers are given and those that the fold finds are made by different code.
    const told = seen.jobs.flatMap(({ job, attempts, input, output }) =>
      attempts.map(({ status }) => ({ job, input, status, ...(status === 'completed' ? { output } : {}) })),
    );
    const order = (a: { readonly job: string }, b: { readonly job: string }) =>
      a.job < b.job ? -1 : a.job > b.job ? 1 : 0;
    // What a failure elsewhere ended was still running: its answer came too late to count.
    const cancelled = new Set(seen.jobs.filter(({ status }) => status === 'cancelled').map(({ job }) => job));
    const counted = (one: { readonly job: string }) => !cancelled.has(one.job);
    expect(told.filter(counted).sort(order)).toStrictEqual(tried.filter(counted).sort(order));
    const open = seen.jobs.filter(({ status }) => ['pending', 'running', 'retrying'].includes(status));
    expect(open).toStrictEqual([]);
  });

  it.each(rows.map((row) => [row.name, row] as const))(
    '%s moves its jobs as allowed, in any order ends alike',
    async (_, row) => {
      const { artifact, events } = await run(row);
      let state = emptyFold(artifact);
      let before: Readonly<Record<string, keyof typeof jobMoves>> = statuses(view(state));
      for (const event of events) {
        state = foldEvents(state, [event]);
        const now = statuses(view(state));
        const wrong = Object.entries(now).filter(([job, status]) => {
          const from = before[job] ?? 'pending';
          return from !== status && !jobMoves[from].includes(status);
        });
        expect({ event: `${event.id} ${event.type}`, wrong }).toStrictEqual({
          event: `${event.id} ${event.type}`,
          wrong: [],
        });
        before = now;
      }
      const want = view(state);
      const all = events.map((_event, index) => index);
      fc.assert(
        fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (order) => {
          expect(
            foldHistory(
              artifact,
              order.flatMap((index) => events.slice(index, index + 1)),
            ),
          ).toStrictEqual(want);
        }),
        { numRuns: 20, seed: 9 },
      );
    },
  );
});
