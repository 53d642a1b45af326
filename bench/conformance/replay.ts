/** Replays one recorded execution on the engine: tasks answer as recorded, time is virtual. */
import { validateDefinition } from '../../lib/asl/validate.ts';
import { virtualClock } from '../../lib/engine/clock.ts';
import type { Outcome } from '../../lib/engine/execution.ts';
import type { Json, TaskOutcome, TaskRunner } from '../../lib/engine/ports.ts';
import { startExecution } from '../../lib/engine/run.ts';
import type { Case, JsonObject } from './cases.ts';
import { sameHistory, sameResult } from './compare.ts';

/** What of a case our answer shares with the recorded one. `history`: only executions have one. */
export interface Score {
  readonly result: boolean;
  readonly history: boolean;
  /** Rows of a table. */
  readonly rows?: number;
}

export const failed: Score = { result: false, history: false };
const defaultStart = Date.parse('2026-01-01T00:00:00Z');
/** A case that takes longer counts as failed. */
const caseLimitMs = 10_000;

/** Answers tasks as recorded: each state's entries in turn, the last one again and again. */
function recordedTasks(recorded: Case): TaskRunner {
  const taken = new Map<string, number>();
  // Where the recording lost which event belongs to which task, the ends of tasks still stand in its list.
  const ends = (recorded.expected.events ?? []).flatMap((event) => {
    const details = event['taskFailedEventDetails'] ?? event['lambdaFunctionFailedEventDetails'];
    return details === undefined ? [] : [details as JsonObject];
  });
  let lost = 0;
  return {
    run: (task) => {
      const entries = (recorded.tasks ?? []).filter(({ state }) => state === task.stateName);
      const at = taken.get(task.stateName) ?? 0;
      taken.set(task.stateName, at + 1);
      const { output, error, cause, event } = entries[Math.min(at, entries.length - 1)]?.result ?? {};
      if (event?.endsWith('TimedOut') === true) return new Promise(() => undefined);
      if (output !== undefined) return Promise.resolve<TaskOutcome>({ ok: true, output: outputOf(output) });
      if (error !== undefined || cause !== undefined) return Promise.resolve(failure(error, cause));
      if (recorded.expected.unordered === undefined) return new Promise(() => undefined);
      const end = ends[Math.min(lost++, ends.length - 1)];
      return end === undefined ? new Promise(() => undefined) : Promise.resolve(failure(end['error'], end['cause']));
    },
  };
}

/** Outputs that are no objects stand in the recording as JSON text. */
function outputOf(output: Json): Json {
  if (typeof output !== 'string') return output;
  try {
    return JSON.parse(output) as Json;
  } catch {
    return output;
  }
}

function failure(error: Json | undefined, cause: Json | undefined): TaskOutcome {
  const text = typeof cause === 'string' ? cause : cause === undefined ? '' : JSON.stringify(cause);
  return { ok: false, error: String(error ?? ''), cause: text };
}

/** Replays a case of kind execution. */
export async function replay(recorded: Case): Promise<Score> {
  const checked = validateDefinition(recorded.definition);
  if (!checked.ok || recorded.execution === undefined) return failed;
  const clock = virtualClock(recorded.clock === undefined ? defaultStart : Date.parse(recorded.clock));
  const { arn, name, stateMachineArn } = recorded.execution;
  const started = recorded.expected.events?.[0]?.['executionStartedEventDetails'] as JsonObject | undefined;
  const handle = startExecution(
    {
      clock,
      random: () => 0.5,
      uuid: () => '00000000-0000-4000-8000-000000000000',
      tasks: recordedTasks(recorded),
      journal: { append: () => Promise.resolve() },
    },
    {
      executionArn: arn,
      name,
      stateMachineArn,
      stateMachineName: stateMachineArn.split(':').at(-1) ?? '',
      roleArn: String(started?.['roleArn'] ?? ''),
      definition: checked.definition,
      input: JSON.stringify(recorded.input ?? {}),
    },
  );
  const stuck = clock.idle().then((): Outcome => handle.outcome);
  const outcome = await limited(Promise.race([handle.done, stuck]));
  if (outcome?.status === 'RUNNING' && recorded.expected.status === 'ABORTED') await handle.stop();
  await handle.suspend();
  if (outcome === undefined) return failed;
  return {
    result: sameResult(recorded, handle.outcome),
    history: sameHistory(recorded, handle.events),
  };
}

function limited<T>(promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), caseLimitMs);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/** A table passes with all its rows. */
export async function replayTable(recorded: Case): Promise<Score> {
  const execution = {
    arn: 'arn:aws:states:us-east-1:111111111111:execution:table:row',
    name: 'row',
    stateMachineArn: 'arn:aws:states:us-east-1:111111111111:stateMachine:table',
  };
  let passed = 0;
  for (const row of recorded.rows ?? []) {
    passed += Number((await replay({ ...recorded, ...row, execution })).result);
  }
  return { result: passed === recorded.rows?.length, history: false, rows: passed };
}
