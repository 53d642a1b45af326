import {
  DescribeExecutionCommand,
  ExecutionDoesNotExist,
  RedriveExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { BunsuiError } from '../../lib/errors.ts';
import { cancelSession } from '../../lib/sessions/cancel.ts';
import { endSession } from '../../lib/sessions/end-session.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { pauseSession, stillRunning } from '../../lib/sessions/pause.ts';
import { reconcile } from '../../lib/sessions/reconcile.ts';
import { rerunSession, resumeSession } from '../../lib/sessions/rerun.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import { getSession, updateSession } from '../../lib/sessions/store.ts';
import { checkpointKey } from '../../lib/storage-layout.ts';
import { type Cloud, cloudOn, machineArn, nowMs } from './cloud.ts';
import { artifact, historyOf, successHistory } from './history-fixture.ts';
import { type LocalTables, startTables, tableNames } from './local-tables.ts';

const by = { kind: 'manual', user: 'ann' } as const;
let tables: LocalTables;
let cloud: Cloud;
let deps: Cloud['deps'];
let redrivable: boolean;
let stopped: string[];
let session: string;
let arn: string;

beforeEach(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  Object.assign(cloud.deps.notices, {
    channels: { ops: { events: ['succeeded', 'failed', 'cancelled'] } },
  });
  redrivable = true;
  stopped = [];
  const { sfn } = cloud.deps;
  deps = {
    ...cloud.deps,
    now: () => cloud.deps.nowMs,
    sfn: { send: ((command: never) => send(sfn, command)) as never },
  };
  await registerPipeline(deps, { artifact, stateMachineArn: machineArn });
  ({ session_id: session, execution_arn: arn } = await startSession(deps, {
    pipeline: 'flow',
    input: { day: 'mon' },
    trigger: { kind: 'api' },
  }));
});
afterEach(() => tables.close());

const errors = new Map<string, string>();

async function send(sfn: Cloud['deps']['sfn'], command: unknown): Promise<unknown> {
  if (command instanceof StopExecutionCommand) {
    const { executionArn = '', error = '' } = command.input;
    const execution = cloud.executions.get(executionArn);
    if (execution === undefined) throw new ExecutionDoesNotExist({ message: executionArn, $metadata: {} });
    if (execution.status === 'RUNNING') {
      Object.assign(execution, { status: 'ABORTED', history: stoppedHistory(error), stoppedAt: cloud.deps.nowMs });
      errors.set(executionArn, error);
      stopped.push(error);
    }
    return {};
  }
  if (command instanceof RedriveExecutionCommand) {
    const execution = cloud.executions.get(command.input.executionArn ?? '');
    if (execution !== undefined) Object.assign(execution, { status: 'RUNNING', redriveCount: 1 });
    return {};
  }
  const found = (await sfn.send(command as never)) as object;
  if (!(command instanceof DescribeExecutionCommand)) return found;
  const error = errors.get(command.input.executionArn ?? '');
  return {
    ...found,
    ...(error === undefined ? {} : { error }),
    redriveStatus: redrivable ? 'REDRIVABLE' : 'NOT_REDRIVABLE',
    redriveStatusReason: 'it is too old',
  };
}

/** `load` has completed, `check` runs; then the execution is stopped. */
function stoppedHistory(error: string): readonly HistoryEvent[] {
  const h = historyOf();
  const load = h.ran('load', 0);
  const fork = h.add('ParallelStateStarted', h.entered('Parallel', 'fork', load), {});
  const check = h.schedule('check', h.entered('Task', 'check', fork), 0);
  h.add('TaskStateAborted', check, {});
  h.add('ExecutionAborted', check, { executionAbortedEventDetails: { error, cause: 'paused' } });
  return h.events.map((event) => ({ ...event, timestamp: cloud.deps.nowMs - 60_000 + event.timestamp }));
}

const told = (executionArn = arn) => endSession(deps, { executionArn }, () => '<p></p>');
const now = async () => {
  const item = await getSession(deps, session);
  return [item?.status, item?.pausing !== undefined, item?.generation, item?.redrive_count];
};
const complete = (job: string) =>
  deps.db.send(
    new PutCommand({
      TableName: tableNames.jobHistoryTable,
      Item: {
        session_id: session,
        job_timestamp: checkpointKey(job, 1),
        record_type: 'checkpoint',
        job_id: job,
        operation_id: job,
        generation: 1,
        output: '{}',
      },
    }),
  );
const refusal = (run: Promise<unknown>) =>
  run.then(
    () => 'no refusal',
    (error: unknown) => (error instanceof BunsuiError ? `${error.code} ${error.message}` : String(error)),
  );
const pause = (more: { readonly now?: true; readonly reason?: string } = {}) =>
  pauseSession(deps, { session, by, ...more });

describe('a session that is paused', () => {
  it('is pausing while a job of it runs, and paused when that has completed; nobody is told of an end', async () => {
    expect(await pause({ reason: 'lunch' })).toMatchObject({ status: 'running', outcome: 'pausing' });
    expect([await now(), stopped]).toStrictEqual([['running', true, 1, undefined], ['Bunsui.Paused']]);
    expect(await told()).toStrictEqual({ session_id: session, status: 'running', outcome: 'pausing' });
    expect(await now()).toStrictEqual(['running', true, 1, undefined]);
    await complete('check');
    expect(await told()).toStrictEqual({ session_id: session, status: 'paused', outcome: 'paused' });
    const item = await getSession(deps, session);
    expect([await now(), item?.completed_at, item?.error_code, cloud.published]).toStrictEqual([
      ['paused', false, 1, undefined],
      undefined,
      undefined,
      [],
    ]);
    expect(item?.actions).toStrictEqual([
      { action: 'pause', ...by, at: '2026-03-04T05:06:07.000Z', generation: 1, reason: 'lunch' },
    ]);
    expect([await told(), await pause()]).toMatchObject([
      { outcome: 'exists' },
      { status: 'paused', outcome: 'exists' },
    ]);
  });

  it('is paused when the log says that its last job has failed, or when the time of that is over', async () => {
    await pause();
    cloud.logs.set('/aws/lambda/flow-load', [
      {
        logStreamName: 's',
        timestamp: cloud.deps.nowMs,
        message: JSON.stringify({
          timestamp: new Date(cloud.deps.nowMs).toISOString(),
          level: 'ERROR',
          message: 'job failed',
          session_id: session,
          job_id: 'check',
          operation_id: 'check',
          attempt: 1,
        }),
      },
    ]);
    expect(await told()).toMatchObject({ outcome: 'paused' });
  });

  it('is paused when the time of a job that says nothing is over', async () => {
    await pause();
    cloud.deps.nowMs += 800_000;
    expect(await told()).toMatchObject({ outcome: 'pausing' });
    cloud.deps.nowMs += 200_000;
    expect(await told()).toMatchObject({ outcome: 'paused' });
  });

  it('is paused at once when nobody is to be waited for, also when that is said later', async () => {
    await pause();
    await pause({ now: true });
    expect(stopped).toStrictEqual(['Bunsui.Paused']);
    expect(await told()).toMatchObject({ outcome: 'paused' });
  });

  it('is refused where nothing runs', async () => {
    await cancelSession(deps, { session });
    await told();
    expect(await refusal(pause())).toBe(`BS3005 session ${session} has ended as cancelled`);
    expect(await refusal(pauseSession(deps, { session: 'nobody', by }))).toBe('BS3002 no session has the id "nobody"');
    const key = { session_id: session, created_at: (await getSession(deps, session))?.created_at ?? '' };
    const condition = { condition: 'attribute_exists(session_id)', names: {}, values: {} };
    await updateSession(deps, key, { set: { status: 'queued' }, ...condition });
    expect(await refusal(pause())).toBe(`BS3017 session ${session} is queued: nothing of it runs yet`);
  });

  it('is stopped and found paused by the reconciler, when whoever paused it has died in between', async () => {
    const dying: Cloud['deps'] = {
      ...deps,
      sfn: { send: (() => Promise.reject(new Error('crash'))) as Cloud['deps']['sfn']['send'] },
      now: deps.now,
    };
    expect(await refusal(pauseSession(dying, { session, by }))).toBe('Error: crash');
    expect([await now(), stopped]).toStrictEqual([['running', true, 1, undefined], []]);
    const options = { renderReport: () => '', remainingMs: () => 1e9 };
    await reconcile(deps, options);
    expect(stopped).toStrictEqual(['Bunsui.Paused']);
    await complete('check');
    cloud.deps.nowMs += 120_000;
    const { problems } = await reconcile(deps, options);
    expect([problems, await now()]).toStrictEqual([[], ['paused', false, 1, undefined]]);
    cloud.deps.nowMs += 120_000;
    await reconcile(deps, options);
    expect(await now()).toStrictEqual(['paused', false, 1, undefined]);
  });
});

describe('what is waited for', () => {
  const seen = (operation: string) => ({
    status: 'paused' as const,
    input: {},
    jobs: [
      {
        job: 'work',
        kind: 'job' as const,
        node: 'work',
        operation,
        status: 'cancelled' as const,
        attempts: [{ number: 1, startedAt: nowMs - 1_000, endedAt: nowMs, status: 'cancelled' as const, eventId: 4 }],
        source: { file: 'f', line: 1, column: 1 },
      },
    ],
  });
  const base = { id: 'work', input: {}, output: {}, source: { file: 'f', line: 1, column: 1 } };
  const task = (resource: string) => ({ ...base, kind: 'any', icon: 'x', task: { resource }, statements: [] });
  const operations: { readonly [kind: string]: object } = {
    lambda: { ...base, entry: '/work.ts', timeoutSeconds: 60 },
    lambdaArn: task('arn:aws:states:::lambda:invoke'),
    ecs: { ...base, kind: 'ecs', icon: 'x', container: {}, timeoutSeconds: 86_400 },
    glue: task('arn:aws:states:::glue:startJobRun.sync'),
    call: task('arn:aws:states:::states:startExecution.sync:2'),
    aws: task('arn:aws:states:::aws-sdk:s3:listObjectsV2'),
    http: task('arn:aws:states:::http:invoke'),
  };

  // Step Functions stops what it waits for together with the execution; functions it leaves alone.
  it.each([
    ['lambda', ['work']],
    ['lambdaArn', ['work']],
    ['ecs', []],
    ['glue', []],
    ['call', []],
    ['aws', []],
    ['http', []],
  ] as const)('of a job of kind %s: %j', (kind, jobs) => {
    const { pipeline } = artifact;
    const own = { ...artifact, pipeline: { ...pipeline, operations: { work: operations[kind] } } } as typeof artifact;
    const stopped = { artifact: own, view: seen('work'), checkpoints: [], logs: {}, generation: 1, nowMs };
    expect(stillRunning(stopped)).toStrictEqual(jobs);
  });
});

describe('a session that was paused', () => {
  const paused = async () => {
    await pause({ now: true });
    await told();
  };

  it('goes on by redrive, and ends as ever', async () => {
    await paused();
    expect(await resumeSession(deps, { session, by })).toMatchObject({
      road: 'redrive',
      generation: 1,
      redrive_count: 1,
    });
    expect(await now()).toStrictEqual(['running', false, 1, 1]);
    Object.assign(cloud.executions.get(arn) ?? {}, { status: 'SUCCEEDED', history: successHistory() });
    errors.delete(arn);
    expect(await told()).toMatchObject({ status: 'completed', outcome: 'ended' });
    expect((await getSession(deps, session))?.actions?.map(({ action }) => action)).toStrictEqual(['pause', 'resume']);
  });

  it('goes on by a new execution where a redrive is not to be had', async () => {
    await paused();
    redrivable = false;
    expect(await resumeSession(deps, { session, by })).toMatchObject({
      road: 'new-execution',
      reason: 'it cannot be redriven: it is too old',
      generation: 2,
    });
    expect(await now()).toStrictEqual(['running', false, 2, undefined]);
  });

  it('is not rerun, and one that is not paused is not resumed', async () => {
    expect(await refusal(resumeSession(deps, { session, by }))).toBe(
      `BS3005 session ${session} is running, not paused`,
    );
    await pause();
    expect(await refusal(resumeSession(deps, { session, by }))).toBe(
      `BS3017 session ${session} is still pausing: jobs of it run`,
    );
    await pause({ now: true });
    await told();
    expect(await refusal(rerunSession(deps, { session, by }))).toBe(
      `BS3008 session ${session} is paused: only one that failed can be rerun`,
    );
  });

  it.each(['pausing', 'paused'] as const)(
    'is cancelled while it is %s: told once, and nothing follows',
    async (when) => {
      await pause(when === 'paused' ? { now: true } : {});
      if (when === 'paused') await told();
      expect(await cancelSession(deps, { session, reason: 'enough' })).toMatchObject({
        status: 'cancelled',
        outcome: 'cancelled',
      });
      await complete('check');
      expect(await told()).toMatchObject({ status: 'cancelled', outcome: 'exists' });
      expect(await now()).toStrictEqual(['cancelled', false, 1, undefined]);
      expect(cloud.published.map(({ event }) => event)).toStrictEqual(['cancelled']);
      expect((await getSession(deps, session))?.actions?.at(-1)).toMatchObject({ action: 'cancel', reason: 'enough' });
    },
  );
});
