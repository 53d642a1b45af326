/** Replays one recorded execution on the engine: tasks answer as recorded, time is virtual. */
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { validateDefinition } from '../../lib/asl/validate.ts';
import { type VirtualClock, virtualClock } from '../../lib/engine/clock.ts';
import type { Outcome } from '../../lib/engine/execution.ts';
import type { Json, MapObjects, TaskOutcome, TaskRequest, TaskRunner } from '../../lib/engine/ports.ts';
import { type ExecutionHandle, startExecution } from '../../lib/engine/run.ts';
import type { Case, JsonObject } from './cases.ts';
import { sameHistory, sameResult } from './compare.ts';

/** What of a case our answer shares with the recorded one. `history`: only executions have one. */
export interface Score {
  readonly result: boolean;
  readonly history: boolean;
  /** Rows of a table. */
  readonly rows?: number;
  /** What of the answer is the replay's own: all of it, or what a task has answered, taken from the expected answer. */
  readonly ownPart?: 'answer' | 'task';
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
    // An activity that was deleted before the execution began has no recorded task.
    hasActivity: () => (recorded.tasks ?? []).some(({ resourceType }) => resourceType === 'activity'),
    run: (task, _signal, progress) => {
      const entries = (recorded.tasks ?? []).filter(({ state }) => state === task.stateName);
      const at = taken.get(task.stateName) ?? 0;
      taken.set(task.stateName, at + 1);
      const entry = entries[Math.min(at, entries.length - 1)];
      if (entry === undefined) return answerOfFunction(recorded, task);
      if (entry.submitted !== undefined) progress.submitted(outputOf(entry.submitted));
      progress.taken(workerIn(recorded));
      const { output, error, cause, event } = entry.result;
      if (event?.endsWith('TimedOut') === true) return new Promise(() => undefined);
      if (output !== undefined) return Promise.resolve<TaskOutcome>({ ok: true, output: outputOf(output) });
      if (error !== undefined || cause !== undefined || event?.endsWith('Failed') === true) {
        return Promise.resolve(failure(error, cause));
      }
      if (recorded.expected.unordered === undefined) return new Promise(() => undefined);
      const end = ends[Math.min(lost++, ends.length - 1)];
      return end === undefined ? new Promise(() => undefined) : Promise.resolve(failure(end['error'], end['cause']));
    },
  };
}

/** Outputs that are no objects stand in the recording as JSON text. */
export function outputOf(output: Json): Json {
  if (typeof output !== 'string') return output;
  try {
    return JSON.parse(output) as Json;
  } catch {
    return output;
  }
}

export function failure(error: Json | undefined, cause: Json | undefined): TaskOutcome {
  const text = typeof cause === 'string' ? cause : JSON.stringify(cause);
  return {
    ok: false,
    ...(error === undefined || error === null ? {} : { error: String(error) }),
    ...(cause === undefined || cause === null ? {} : { cause: text }),
  };
}

/** The name of the worker that took an activity's task. */
function workerIn({ expected }: Case): string | undefined {
  const started = expected.events?.find(({ type }) => type === 'ActivityStarted')?.['activityStartedEventDetails'];
  return (started as { readonly workerName?: string } | undefined)?.workerName;
}

/** The objects that were there. A case names its bucket otherwise than it was made. */
function recordedObjects({ resources }: Case): MapObjects {
  const objects = resources?.s3Objects ?? [];
  return {
    read: (_bucket, key) => Promise.resolve(objects.find((object) => object.key === key)?.body),
    list: (_bucket, prefix) =>
      Promise.resolve(
        objects
          .filter(({ key }) => key.startsWith(prefix))
          .map(({ key, body }) => ({
            Etag: `"${key}"`,
            Key: key,
            LastModified: 1_767_225_600,
            Size: Buffer.byteLength(body),
            StorageClass: 'STANDARD',
          })),
      ),
    write: (_bucket, _key, text) => Promise.resolve(Buffer.byteLength(text)),
  };
}

/** What a function answers whose calls were not recorded: by the words that say what it does. */
export async function answerOfFunction(recorded: Case, task: TaskRequest): Promise<TaskOutcome> {
  const isDirect = task.resource.startsWith('arn:aws:lambda:');
  const given = (task.arguments ?? {}) as JsonObject;
  const name = isDirect ? task.resource : String(given['FunctionName']);
  const behaviour = recorded.resources?.lambdas?.find((known) => [known.name, known.arn].includes(name))?.behaviour;
  const payload = isDirect ? task.arguments : (given['Payload'] ?? {});
  if (behaviour?.does === 'fails') {
    const report = {
      errorMessage: behaviour.errorMessage ?? '',
      errorType: behaviour.errorType ?? '',
      requestId: '00000000-0000-4000-8000-000000000000',
      stackTrace: [
        `  File "/var/task/handler.py", line 2, in handler\n    raise ${behaviour.errorType}("${behaviour.errorMessage}")\n`,
      ],
    };
    // A function called by its ARN gives the cause as Python wrote it; the integration writes it anew.
    const cause = isDirect ? pythonText(report) : JSON.stringify(report);
    return { ok: false, error: behaviour.errorType ?? '', cause };
  }
  const result = behaviour?.does === 'returns' ? (behaviour.value ?? null) : payload;
  if (behaviour === undefined) return new Promise(() => undefined);
  return { ok: true, output: isDirect ? result : integrationAnswer(result) };
}

function integrationAnswer(payload: Json): Json {
  const headers = {
    'X-Amz-Executed-Version': '$LATEST',
    'x-amzn-Remapped-Content-Length': '0',
    Connection: 'keep-alive',
    'x-amzn-RequestId': '00000000-0000-4000-8000-000000000000',
    'Content-Length': String(pythonText(payload).length),
    Date: 'Thu, 01 Jan 2026 00:00:00 GMT',
    'X-Amzn-Trace-Id': 'Root=1-00000000-000000000000000000000000',
    'Content-Type': 'application/json',
  };
  return {
    ExecutedVersion: '$LATEST',
    Payload: payload,
    SdkHttpMetadata: {
      AllHttpHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
      HttpHeaders: headers,
      HttpStatusCode: 200,
    },
    SdkResponseMetadata: { RequestId: headers['x-amzn-RequestId'] },
    StatusCode: 200,
  };
}

/** JSON as Python writes it, with a space after every comma and colon. */
function pythonText(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(pythonText).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}: ${pythonText(part as Json)}`);
  return `{${fields.join(', ')}}`;
}

/** Replays a case of kind execution. */
export async function replay(recorded: Case): Promise<Score> {
  const ran = await run(recorded);
  if (ran === undefined) return failed;
  const isRestored = inputOf(recorded) !== recorded.input;
  const compared = isRestored ? { ...recorded, opaque: [...(recorded.opaque ?? []), ...lostWords] } : recorded;
  return {
    result: sameResult(compared, ran.outcome),
    history: hasHistory(recorded) && sameHistory(compared, ran.events),
  };
}

const lostWords: readonly string[] = ['date', 'timestamp'];

/**
 * The input of a case. Some recordings lost a timestamp in it and say `date` or `timestamp` in its place: the cause
 * may still tell what it was; otherwise any timestamp will do, because the output lost it as well.
 */
function inputOf({ input = {}, clock, expected }: Case): Json {
  if (clock !== undefined || typeof input !== 'object' || input === null || Array.isArray(input)) return input;
  const told = /format string: (?:\$\S* == )?(.+)$/.exec(String(expected.cause))?.[1];
  const restored = (value: Json): Json =>
    lostWords.includes(value as string) ? (told ?? '2016-03-14T01:59:00Z') : value;
  if (!Object.values(input).some((value) => lostWords.includes(value as string))) return input;
  return Object.fromEntries(Object.entries(input).map(([key, value]) => [key, restored(value as Json)]));
}

/** Some executions (of type EXPRESS, above all) were recorded without their events. */
export function hasHistory({ kind, expected }: Case): boolean {
  return kind === 'execution' && (expected.events?.length ?? 0) > 0;
}

/** Runs a case to its end, or until nothing can happen any more; undefined when its definition is refused. */
export async function run(
  recorded: Case,
): Promise<{ readonly outcome: Outcome; readonly events: readonly HistoryEvent[] } | undefined> {
  const checked = validateDefinition(recorded.definition);
  if (!checked.ok || recorded.execution === undefined) return undefined;
  const clock = virtualClock(recorded.clock === undefined ? defaultStart : Date.parse(recorded.clock));
  const { type } = recorded;
  const { arn, name, stateMachineArn } = recorded.execution;
  const started = recorded.expected.events?.[0]?.['executionStartedEventDetails'] as JsonObject | undefined;
  const handle = startExecution(
    {
      clock,
      random: () => 0.5,
      uuid: () => '00000000-0000-4000-8000-000000000000',
      tasks: recordedTasks(recorded),
      objects: recordedObjects(recorded),
      journal: { append: () => Promise.resolve() },
    },
    {
      executionArn: type === 'EXPRESS' ? arn.replace(':execution:', ':express:').concat(':0000') : arn,
      name,
      ...(type === 'EXPRESS' ? { express: recorded.source.file?.includes('_sync') === true ? 'sync' : 'async' } : {}),
      stateMachineArn,
      stateMachineName: stateMachineArn.split(':').at(-1) ?? '',
      roleArn: String(started?.['roleArn'] ?? 'arn:aws:iam::111111111111:role/sfn-role'),
      definition: checked.definition,
      input: JSON.stringify(inputOf(recorded)),
    },
  );
  endAsRecorded(recorded, handle, clock);
  const stuck = clock.idle().then((): Outcome => handle.outcome);
  const outcome = await limited(Promise.race([handle.done, stuck]));
  await handle.suspend();
  return outcome && { outcome: handle.outcome, events: handle.events };
}

/** An execution that was stopped, or whose recording ended before it did, gets no further than the recording. */
function endAsRecorded({ expected }: Case, handle: ExecutionHandle, clock: VirtualClock): void {
  const { status, events = [] } = expected;
  if (status !== 'ABORTED' && status !== 'RUNNING') return;
  const last = status === 'ABORTED' ? events.length - 1 : events.length;
  handle.onEvents(() => {
    if (handle.events.length < last) return;
    clock.hold();
    if (status === 'ABORTED') void handle.stop();
    else void handle.suspend();
  });
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
