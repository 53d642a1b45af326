import {
  DescribeExecutionCommand,
  ExecutionNotRedrivable,
  RedriveExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BunsuiError } from '../../lib/errors.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import type { RefExpression } from '../../lib/ir/expressions.ts';
import type { NodeIr, OperationIr, OverlapPolicy } from '../../lib/ir/nodes.ts';
import { placedNodes } from '../../lib/ir/walk.ts';
import { endSession } from '../../lib/sessions/end-session.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import {
  planRerun as planWhole,
  type RerunDeps,
  type RerunPlan,
  type RerunRequest,
} from '../../lib/sessions/plan-rerun.ts';
import { continueStart, rerunSession as rerunAsked } from '../../lib/sessions/rerun.ts';
import { continueQueued, endTurn } from '../../lib/sessions/overlap.ts';
import { reopenSession } from '../../lib/sessions/live-store.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import { getSession } from '../../lib/sessions/store.ts';
import { type Cloud, cloudOn, machineArn } from './cloud.ts';
import { artifact, failureHistory, successHistory } from './history-fixture.ts';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { checkpointKey } from '../../lib/storage-layout.ts';
import { type LocalTables, startTables, tableNames } from './local-tables.ts';

const by = { kind: 'manual', user: 'ann' } as const;
/** Without what its jobs will take, and why. */
const brief = <P extends RerunPlan>({ jobs: _, expected_ms: __, cost_usd: ___, ...plan }: P) => plan;
const rerunSession = async (world: RerunDeps, request: RerunRequest) =>
  brief(await rerunAsked(world, { ...request, by }));
const planRerun = async (world: RerunDeps, request: RerunRequest) => brief(await planWhole(world, request));

let tables: LocalTables;
let cloud: Cloud;
let deps: RerunDeps;
/** What Step Functions says of redrives in this world. */
let offered: 'REDRIVABLE' | 'NOT_REDRIVABLE';
let answer: 'redriven' | 'refused' | 'not served' | 'lost';
let tokens: string[];
let stopped: string[];
let session: string;
let arn: string;

beforeEach(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  offered = 'REDRIVABLE';
  answer = 'redriven';
  tokens = [];
  stopped = [];
  deps = { ...cloud.deps, now: () => cloud.deps.nowMs, sfn: { send: send as Cloud['deps']['sfn']['send'] } };
  await registerPipeline(cloud.deps, { artifact, stateMachineArn: machineArn });
  ({ session_id: session, execution_arn: arn } = await startSession(deps, {
    pipeline: 'flow',
    input: { day: 'mon' },
    trigger: { kind: 'api' },
  }));
});
afterEach(() => tables.close());

async function send(command: unknown): Promise<unknown> {
  if (command instanceof RedriveExecutionCommand) {
    const { executionArn = '', clientToken = '' } = command.input;
    const execution = cloud.executions.get(executionArn);
    if (answer === 'not served') {
      throw Object.assign(new Error('not implemented'), {
        name: 'InternalFailure',
        $metadata: { httpStatusCode: 501 },
      });
    }
    const known = tokens.includes(clientToken);
    if (!known && (answer === 'refused' || execution?.status === 'RUNNING')) {
      throw new ExecutionNotRedrivable({ message: 'too late', $metadata: {} });
    }
    if (execution !== undefined && !known) {
      execution.status = 'RUNNING';
      execution.redriveCount = (execution.redriveCount ?? 0) + 1;
    }
    tokens.push(clientToken);
    if (answer === 'lost') throw Object.assign(new Error('gone'), { name: 'TimeoutError' });
    return { redriveDate: new Date() };
  }
  if (command instanceof StopExecutionCommand) {
    stopped.push(`${command.input.executionArn}`);
    return {};
  }
  const found = (await cloud.deps.sfn.send(command as never)) as object;
  if (!(command instanceof DescribeExecutionCommand)) return found;
  const isOpen = offered === 'REDRIVABLE' && (found as { readonly status: string }).status !== 'RUNNING';
  return isOpen
    ? { ...found, redriveStatus: 'REDRIVABLE' }
    : { ...found, redriveStatus: 'NOT_REDRIVABLE', redriveStatusReason: 'the history is too long' };
}

async function ended(history: readonly object[], status: string, executionArn = arn): Promise<void> {
  Object.assign(cloud.executions.get(executionArn) ?? {}, { history, status });
  await endSession({ ...cloud.deps, sfn: deps.sfn }, { executionArn }, () => '<p></p>');
}
const failed = () => ended(failureHistory(), 'FAILED');

/** The clients, of which the n-th call is cut off, before it reaches AWS or before its answer is heard. */
function crashing(at: number, when: 'before' | 'after'): RerunDeps & { readonly calls: () => number } {
  let calls = 0;
  const cut = async (call: () => Promise<unknown>): Promise<unknown> => {
    calls += 1;
    const crashes = calls === at;
    if (crashes && when === 'before') throw new Error('crash');
    const answered = await call();
    if (crashes) throw new Error('crash');
    return answered;
  };
  return {
    ...deps,
    db: { send: ((command: never) => cut(() => deps.db.send(command))) as RerunDeps['db']['send'] },
    s3: { send: ((command: never) => cut(() => deps.s3.send(command))) as RerunDeps['s3']['send'] },
    sfn: { send: ((command: never) => cut(() => deps.sfn.send(command))) as RerunDeps['sfn']['send'] },
    calls: () => calls,
  };
}

const refusal = (run: Promise<unknown>) =>
  run.then(
    () => 'no refusal',
    (error: unknown) => (error instanceof BunsuiError ? `${error.code} ${error.message}` : String(error)),
  );

const all = ['load', 'check', 'one', 'two', 'alarm', 'publish', 'close'];
const redrivePlan = () => ({
  session_id: session,
  created_at: '2026-03-04T05:06:07.000Z',
  pipeline_id: 'flow',
  road: 'redrive',
  reason: 'its execution can be redriven: jobs that have completed are kept',
  version: '0123456789ab',
  runs: ['one', 'two', 'alarm', 'publish', 'close'],
  keeps: ['load', 'check'],
});
const newPlan = (reason: string) => ({ ...redrivePlan(), road: 'new-execution', reason, runs: all, keeps: [] });
const nextArn = () => arn.replace(/1$/, '2');
const statusNow = async () => {
  const item = await getSession(deps, session);
  return [item?.status, item?.generation, item?.redrive_count];
};

describe('a plan of a rerun', () => {
  it('says the road and the jobs, and writes nothing', async () => {
    await failed();
    const before = await getSession(deps, session);
    cloud.calls.length = 0;
    expect(await planRerun(deps, { session })).toStrictEqual(redrivePlan());
    expect([
      await getSession(deps, session),
      cloud.calls.filter((call) => /Put|Update|Start/.test(call)),
    ]).toStrictEqual([before, []]);
  });

  it.each([
    ['is not offered', () => (offered = 'NOT_REDRIVABLE'), 'it cannot be redriven: the history is too long'],
    [
      'would run what is not deployed any more',
      () => {
        cloud.deps.nowMs += 1_000;
        return registerPipeline(cloud.deps, {
          artifact: { ...artifact, version: 'ffffffffffff' },
          stateMachineArn: machineArn,
        });
      },
      'version ffffffffffff of the pipeline is deployed now; a redrive would run the old one',
    ],
    [
      'has nothing to redrive',
      () => cloud.executions.delete(arn),
      'it cannot be redriven: Step Functions does not know the execution any more',
    ],
  ])('takes a new execution where a redrive %s', async (_, change, reason) => {
    await failed();
    await change();
    const { version, ...plan } = newPlan(reason);
    expect(await planRerun(deps, { session })).toStrictEqual({
      ...plan,
      version: reason.startsWith('version') ? 'ffffffffffff' : version,
    });
  });

  it('takes the road that is asked for, or says why it is closed', async () => {
    await failed();
    expect(await planRerun(deps, { session, road: 'new-execution' })).toStrictEqual(newPlan('as asked for'));
    expect(await planRerun(deps, { session, road: 'redrive' })).toStrictEqual({
      ...redrivePlan(),
      reason: 'as asked for: jobs that have completed are kept',
    });
    offered = 'NOT_REDRIVABLE';
    expect(await refusal(planRerun(deps, { session, road: 'redrive' }))).toBe(
      `BS3008 session ${session} cannot be redriven: the history is too long`,
    );
  });

  it('is a new execution where the failure was handled: a redrive would go on behind it', async () => {
    const guard = { kind: 'guard', id: 'run', source: artifact.pipeline.source, after: [] } as const;
    const { body } = artifact.pipeline;
    const handled = { ...guard, body, handler: { on: 'end', scope: { nodes: [] } } } as const;
    const guarded = { ...artifact, pipeline: { ...artifact.pipeline, body: { nodes: [handled] } } };
    await registerPipeline(cloud.deps, { artifact: guarded, stateMachineArn: machineArn });
    await failed();
    const why = 'its failure was handled by onFailure or finally, and a redrive would go on after them';
    expect(await planRerun(deps, { session })).toMatchObject({ road: 'new-execution', reason: why });
    expect(await refusal(planRerun(deps, { session, road: 'redrive' }))).toBe(
      `BS3008 session ${session} cannot be redriven: ${why}`,
    );
  });

  it.each([
    ['runs', async () => undefined, 'running'],
    ['has completed', () => ended(successHistory(), 'SUCCEEDED'), 'completed'],
  ])('refuses a session that %s', async (_, happen, status) => {
    await happen();
    expect(await refusal(planRerun(deps, { session }))).toBe(
      `BS3008 session ${session} is ${status}: only one that failed can be rerun`,
    );
  });

  it('refuses what is still being stopped, and a new execution beside one that was redriven in the console', async () => {
    await failed();
    const execution = cloud.executions.get(arn);
    if (execution === undefined) throw new Error('no execution');
    execution.status = 'RUNNING';
    expect(await refusal(planRerun(deps, { session }))).toBe(
      `BS3008 the execution of session ${session} is still being stopped`,
    );
    execution.redriveCount = 1;
    expect(await refusal(rerunSession(deps, { session, road: 'new-execution' }))).toBe(
      `BS3008 the execution of session ${session} runs again already`,
    );
    // What is deployed since changes nothing about what runs.
    cloud.deps.nowMs += 1_000;
    const next = { ...artifact, version: 'ffffffffffff' };
    await registerPipeline(cloud.deps, { artifact: next, stateMachineArn: machineArn });
    expect(await rerunSession(deps, { session })).toMatchObject({ road: 'redrive', redrive_count: 1 });
    expect([await statusNow(), tokens]).toStrictEqual([['running', 1, 1], []]);
  });

  it('refuses a session that is none', async () => {
    expect(await refusal(planRerun(deps, { session: 'nobody' }))).toBe('BS3002 no session has the id "nobody"');
  });
});

describe('a rerun by redrive', () => {
  it('goes on in the same generation, and its end is an end of its own', async () => {
    await failed();
    expect(await rerunSession(deps, { session })).toStrictEqual({
      ...redrivePlan(),
      execution_arn: arn,
      generation: 1,
      redrive_count: 1,
    });
    const running = await getSession(deps, session);
    expect([running?.status, running?.error_code, running?.completed_at]).toStrictEqual([
      'running',
      undefined,
      undefined,
    ]);
    expect(tokens).toStrictEqual([`${session}-1-1`]);
    await ended(successHistory(), 'SUCCEEDED');
    expect(await statusNow()).toStrictEqual(['completed', 1, 1]);
    expect((await getSession(deps, session))?.actions).toStrictEqual([
      { action: 'rerun', ...by, at: '2026-03-04T05:06:07.000Z', generation: 1, redrive_count: 1 },
    ]);
  });

  it('says who has asked also where the live feed was faster', async () => {
    await failed();
    const slow: RerunDeps = {
      ...deps,
      sfn: {
        send: (async (command: unknown) => {
          const answered = await send(command);
          const item = await getSession(deps, session);
          if (command instanceof RedriveExecutionCommand && item !== undefined)
            await reopenSession(deps, { ...item, redrive_count: 1 }, '2026-03-04T05:06:07.000Z');
          return answered;
        }) as Cloud['deps']['sfn']['send'],
      },
    };
    await rerunSession(slow, { session });
    expect((await getSession(deps, session))?.actions).toMatchObject([{ ...by, redrive_count: 1 }]);
  });

  it('happens once, whoever asks at the same time', async () => {
    await failed();
    const answers = await Promise.all(Array.from({ length: 5 }, () => refusal(rerunSession(deps, { session }))));
    expect(answers.filter((one) => one !== 'no refusal' && !one.startsWith('BS3008'))).toStrictEqual([]);
    expect([await statusNow(), cloud.executions.get(arn)?.redriveCount, cloud.executions.size]).toStrictEqual([
      ['running', 1, 1],
      1,
      1,
    ]);
  });

  it('whose answer was lost is recorded by the next one', async () => {
    await failed();
    answer = 'lost';
    expect(await refusal(rerunSession(deps, { session }))).toBe('TimeoutError: gone');
    expect(await statusNow()).toStrictEqual(['failed', 1, undefined]);
    answer = 'redriven';
    expect(await rerunSession(deps, { session })).toMatchObject({ road: 'redrive', redrive_count: 1 });
    expect([await statusNow(), cloud.executions.get(arn)?.redriveCount]).toStrictEqual([['running', 1, 1], 1]);
  });

  it.each([
    ['refused', 'too late'],
    ['not served', 'not implemented'],
  ] as const)('that is %s becomes a new execution, unless only a redrive was asked for', async (how, why) => {
    await failed();
    answer = how;
    expect(await refusal(rerunSession(deps, { session, road: 'redrive' }))).toBe(
      `BS3008 session ${session} cannot be redriven: ${why}`,
    );
    expect(await statusNow()).toStrictEqual(['failed', 1, undefined]);
    expect(await rerunSession(deps, { session })).toStrictEqual({
      ...newPlan(`Step Functions has refused the redrive: ${why}`),
      execution_arn: nextArn(),
      generation: 2,
      redrive_count: 0,
    });
  });

  it('is stopped again when a new generation was opened at the same time', async () => {
    await failed();
    const slow: RerunDeps = {
      ...deps,
      sfn: {
        send: (async (command: unknown) => {
          if (command instanceof RedriveExecutionCommand) await rerunSession(deps, { session, road: 'new-execution' });
          return send(command);
        }) as Cloud['deps']['sfn']['send'],
      },
    };
    expect(await refusal(rerunSession(slow, { session }))).toBe(
      `BS3008 session ${session} is running: only one that failed can be rerun`,
    );
    expect([await statusNow(), stopped]).toStrictEqual([['running', 2, undefined], [arn]]);
  });
});

describe('a rerun by a new execution', () => {
  beforeEach(() => {
    offered = 'NOT_REDRIVABLE';
  });

  it('opens the next generation with the whole input', async () => {
    await failed();
    cloud.deps.nowMs += 5_000;
    await rerunSession(deps, { session });
    expect(JSON.parse(cloud.executions.get(nextArn())?.input ?? '')).toStrictEqual({
      day: 'mon',
      bunsui: { session, createdAt: '2026-03-04T05:06:07.000Z', generation: 2 },
    });
    expect(await getSession(deps, session)).toStrictEqual({
      session_id: session,
      created_at: '2026-03-04T05:06:07.000Z',
      pipeline_id: 'flow',
      pipeline_name: 'flow',
      pipeline_version: '0123456789ab',
      status: 'running',
      started_at: '2026-03-04T05:06:12.000Z',
      total_jobs: 5,
      completed_jobs: 0,
      failed_jobs: 0,
      execution_arn: nextArn(),
      execution_name: `session-${session}-2`,
      generation: 2,
      input: '{"day":"mon"}',
      trigger: { kind: 'api' },
      actions: [{ action: 'rerun', kind: 'manual', user: 'ann', at: '2026-03-04T05:06:12.000Z', generation: 2 }],
      region: 'us-east-1',
      updated_at: '2026-03-04T05:06:12.000Z',
    });
    // An end of the first generation that is told late, or again, is none of this one.
    await failed();
    expect(await statusNow()).toStrictEqual(['running', 2, undefined]);
    await ended(successHistory(), 'SUCCEEDED', nextArn());
    expect(await statusNow()).toStrictEqual(['completed', 2, undefined]);
  });

  it('happens once, whoever asks at the same time', async () => {
    await failed();
    const answers = await Promise.all(Array.from({ length: 5 }, () => refusal(rerunSession(deps, { session }))));
    expect(answers.filter((one) => one === 'no refusal').length).toBe(1);
    expect([await statusNow(), cloud.executions.size]).toStrictEqual([['running', 2, undefined], 2]);
  });

  it('runs the version that is deployed now, with its defaults, or says what does not fit', async () => {
    await failed();
    const next: PipelineArtifact = {
      ...artifact,
      version: 'ffffffffffff',
      pipeline: {
        ...artifact.pipeline,
        input: { type: 'object', properties: { day: { type: 'string' }, hour: { type: 'number', default: 6 } } },
      },
    };
    cloud.deps.nowMs += 1_000;
    await registerPipeline(cloud.deps, { artifact: next, stateMachineArn: machineArn });
    await rerunSession(deps, { session });
    expect(JSON.parse(cloud.executions.get(nextArn())?.input ?? '')).toMatchObject({ day: 'mon', hour: 6 });
    expect((await getSession(deps, session))?.pipeline_version).toBe('ffffffffffff');

    await ended(failureHistory(), 'FAILED', nextArn());
    const strict: PipelineArtifact = {
      ...next,
      version: 'eeeeeeeeeeee',
      pipeline: { ...next.pipeline, input: { type: 'object', required: ['week'] } },
    };
    cloud.deps.nowMs += 1_000;
    await registerPipeline(cloud.deps, { artifact: strict, stateMachineArn: machineArn });
    expect(await refusal(rerunSession(deps, { session }))).toBe(
      `BS3001 the input of session ${session} does not fit version eeeeeeeeeeee of its pipeline: week is required`,
    );
    expect(await statusNow()).toStrictEqual(['failed', 2, undefined]);
  });

  it('is refused when nobody keeps the whole input any more', async () => {
    const long = await startSession(deps, {
      pipeline: 'flow',
      input: { day: 'x'.repeat(150_000) },
      trigger: { kind: 'api' },
    });
    session = long.session_id;
    await ended(failureHistory(), 'FAILED', long.execution_arn);
    cloud.executions.delete(long.execution_arn);
    expect(await refusal(rerunSession(deps, { session }))).toBe(
      `BS3008 the input of session ${session} is not kept any more`,
    );
  });
});

describe('results of the generation before', () => {
  const fingerprintsOf = (changes: { readonly [job: string]: string } = {}) =>
    Object.fromEntries(all.map((job) => [job, { all: changes[job] ?? `${job} and before`, own: changes[job] ?? job }]));
  const refTo = (target: RefExpression['target'], ...path: readonly string[]): RefExpression => ({
    kind: 'ref',
    target,
    path,
  });
  const out = (id: string) => refTo({ kind: 'node', id }, 'rows');
  /** The pipeline of the history, with the values that pass between its jobs. */
  const connected = (node: NodeIr): NodeIr => {
    if (node.id === 'check' && node.kind === 'job') return { ...node, input: out('load') };
    if (node.kind === 'map') return { ...node, items: out('load') };
    if (node.kind === 'branch') return { ...node, condition: out('check'), after: ['convert'] };
    if (node.id === 'close' && node.kind === 'job')
      return { ...node, input: refTo({ kind: 'input' }, 'day'), after: ['any'] };
    return node;
  };
  const withPrints = (changes?: { readonly [job: string]: string }): PipelineArtifact => {
    const { pipeline } = artifact;
    const operations = Object.fromEntries(
      placedNodes(pipeline.body).flatMap(({ node }) =>
        node.kind === 'job'
          ? [[node.operation, { kind: 'lambda', entry: '/x.ts', memoryMiB: 512 } as OperationIr]]
          : [],
      ),
    );
    const body = { ...pipeline.body, nodes: pipeline.body.nodes.map(connected) };
    return { ...artifact, pipeline: { ...pipeline, operations, body }, fingerprints: fingerprintsOf(changes) };
  };
  const checkpoint = (job: string, generation: number) => ({
    session_id: session,
    job_timestamp: checkpointKey(job, generation),
    record_type: 'checkpoint',
    job_id: job,
    operation_id: job,
    attempt: 1,
    generation,
    execution_arn: arn,
    output: '{"rows":3}',
    input_hash: 'abc',
    completed_at: '2026-03-04T05:06:07.000Z',
  });
  const putCheckpoints = async (...jobs: readonly string[]) => {
    for (const job of jobs)
      await cloud.deps.db.send(new PutCommand({ TableName: tableNames.jobHistoryTable, Item: checkpoint(job, 1) }));
  };
  const placed = async (generation: number) =>
    (await cloud.items('jobHistoryTable'))
      .filter((item) => item['generation'] === generation && item['record_type'] !== 'attempt')
      .sort((a, b) => (String(a['job_id']) < String(b['job_id']) ? -1 : 1));

  beforeEach(async () => {
    offered = 'NOT_REDRIVABLE';
    await registerPipeline(cloud.deps, { artifact: withPrints(), stateMachineArn: machineArn });
    await failed();
    await putCheckpoints('load', 'check');
  });

  it('stand in the places of checkpoints before the execution begins', async () => {
    const plan = await planWhole(deps, { session });
    expect(plan.jobs.map(({ job, action, reason }) => [job, action, reason])).toStrictEqual([
      ['load', 'reuse', 'its result is valid'],
      ['check', 'reuse', 'its result is valid'],
      ['one', 'run', 'has not completed'],
      ['two', 'run', 'has failed'],
      ['alarm', 'run', 'has not completed'],
      ['publish', 'run', 'has not completed'],
      ['close', 'run', 'has not completed'],
    ]);
    await rerunSession(deps, { session });
    const taken = { reused_from: 1, generation: 2, kept: false };
    expect(await placed(2)).toStrictEqual(
      ['check', 'load'].map((job) => ({
        ...checkpoint(job, 2),
        ...taken,
        fingerprint: { all: `${job} and before`, own: job },
      })),
    );
    expect(await statusNow()).toStrictEqual(['running', 2, undefined]);
  });

  it('are said to be reused in the record of their attempts, and cost and last nothing', async () => {
    await rerunSession(deps, { session });
    await ended(failureHistory(), 'FAILED', nextArn());
    const attempts = (await cloud.items('jobHistoryTable')).filter(
      (item) => item['record_type'] === 'attempt' && item['generation'] === 2 && item['job_status'] === 'completed',
    );
    const reused = attempts.filter((item) => item['reused_from'] !== undefined);
    expect(reused.map((item) => [item['job_id'], item['reused_from']]).sort()).toStrictEqual([
      ['check', 1],
      ['load', 1],
    ]);
    // The next one takes over what was taken over.
    await rerunSession(deps, { session });
    expect((await placed(3)).map((item) => [item['job_id'], item['reused_from']])).toStrictEqual([
      ['check', 1],
      ['load', 1],
    ]);
  });

  it('are candidates where something before them has changed, and run where they have themselves', async () => {
    cloud.deps.nowMs += 1_000;
    const next = { ...withPrints({ load: 'mended' }), version: 'ffffffffffff' };
    await registerPipeline(cloud.deps, { artifact: next, stateMachineArn: machineArn });
    const { jobs } = await planWhole(deps, { session });
    expect(jobs.slice(0, 2).map(({ cost_usd: _, expected_ms: __, ...plan }) => plan)).toStrictEqual([
      { job: 'load', action: 'run', reason: 'it has changed' },
      { job: 'check', action: 'run', reason: 'load runs', unless_same_input: true },
    ]);
    await rerunSession(deps, { session });
    expect((await placed(2)).map((item) => [item['job_id'], item['record_type'], item['input_hash']])).toStrictEqual([
      ['check', 'candidate', 'abc'],
    ]);
  });

  it('are taken by choice: from a job on, without one, only one', async () => {
    const actions = async (choice: Omit<RerunRequest, 'session'>) =>
      (await planWhole(deps, { session, ...choice })).jobs.slice(0, 3).map(({ action }) => action);
    expect(await actions({ from: ['load'] })).toStrictEqual(['run', 'run', 'run']);
    expect(await actions({ from: ['check'] })).toStrictEqual(['reuse', 'run', 'run']);
    expect(await actions({ skip: ['check'] })).toStrictEqual(['reuse', 'reuse', 'run']);
    expect(await actions({ failed: true })).toStrictEqual(['reuse', 'reuse', 'run']);
    expect(await actions({ input: { day: 'tue' } })).toContain('run');
    expect(await refusal(planWhole(deps, { session, from: ['lode'] }))).toBe(
      'BS3006 pipeline "flow" has no job "lode"',
    );
    expect(await refusal(planWhole(deps, { session, from: ['load'], skip: ['load'] }))).toBe(
      'BS3008 a rerun cannot be asked for "load" both to run and to be skipped',
    );
    expect(await refusal(planWhole(deps, { session, input: { day: 3 } }))).toMatch(/^BS3001 the input of session/);
  });

  it('of a completed session are run anew from where it is asked for, and not without being asked', async () => {
    await rerunSession(deps, { session });
    await ended(successHistory(), 'SUCCEEDED', nextArn());
    expect(await refusal(rerunSession(deps, { session }))).toBe(
      `BS3008 session ${session} is completed: only one that failed can be rerun`,
    );
    expect(await rerunSession(deps, { session, from: ['check'] })).toMatchObject({
      road: 'new-execution',
      reason: 'a redrive runs what has not completed, and jobs were chosen',
      generation: 3,
    });
    expect(await statusNow()).toStrictEqual(['running', 3, undefined]);
  });

  it('find their places whatever call is the last before a crash', async () => {
    const seen = new Set<string>();
    const whole = crashing(0, 'before');
    await rerunSession(whole, { session });
    for (let at = 1; at <= whole.calls(); at += 1) {
      for (const when of ['before', 'after'] as const) {
        const started = await startSession(deps, { pipeline: 'flow', input: { day: 'mon' }, trigger: { kind: 'api' } });
        ({ session_id: session, execution_arn: arn } = started);
        await failed();
        await putCheckpoints('load', 'check');
        await refusal(rerunSession(crashing(at, when), { session }));
        await refusal(rerunSession(deps, { session }));
        const item = await getSession(deps, session);
        if (item?.status === 'queued' || item?.status === 'created') await continueStart(deps, item);
        const own = (await placed(2)).filter((one) => one['session_id'] === session);
        const running = [...cloud.executions.values()].filter(
          ({ name, status }) => name.includes(session) && status === 'RUNNING',
        );
        seen.add(`${await statusNow()} ${running.length} ${own.map((one) => one['job_id']).join()}`);
      }
    }
    expect([...seen]).toStrictEqual(['running,2, 1 check,load']);
  });
});

describe('a rerun of a pipeline that does not run twice at once', () => {
  const deployWith = (overlap: OverlapPolicy) => {
    cloud.deps.nowMs += 1_000;
    const policed = { ...artifact, pipeline: { ...artifact.pipeline, overlap } };
    return registerPipeline(cloud.deps, { artifact: policed, stateMachineArn: machineArn });
  };
  const start = () => startSession(deps, { pipeline: 'flow', input: { day: 'tue' }, trigger: { kind: 'api' } });
  const running = () => [...cloud.executions.values()].filter(({ status }) => status === 'RUNNING').length;

  it('takes the turn when it is free, so that others wait for it', async () => {
    await failed();
    await deployWith('queue');
    expect(await rerunSession(deps, { session })).toMatchObject({ road: 'redrive' });
    const next = await start();
    expect([next.overlap, running()]).toStrictEqual(['waiting', 1]);
    await ended(successHistory(), 'SUCCEEDED');
    await endTurn(deps, 'flow');
    expect([(await getSession(deps, next.session_id))?.status, running()]).toStrictEqual(['running', 1]);
  });

  it('has the turn before its redrive is on record, and no longer when none follows', async () => {
    await failed();
    await deployWith('queue');
    answer = 'lost';
    await refusal(rerunSession(deps, { session }));
    const next = await start();
    expect(next.overlap).toBe('waiting');
    cloud.deps.nowMs += 60_000;
    const item = await getSession(deps, next.session_id);
    if (item === undefined) throw new Error('no session');
    expect(await continueQueued(deps, item)).toBe('started');
  });

  it('queue: waits as a new execution while another runs, behind those that were there', async () => {
    await failed();
    await deployWith('queue');
    const other = await start();
    const waits = await start();
    const reason = `session ${other.session_id} of its pipeline runs: it waits for its end`;
    expect(await planRerun(deps, { session })).toMatchObject({ road: 'new-execution', reason });
    cloud.deps.nowMs += 1_000;
    expect(await rerunSession(deps, { session })).toMatchObject({ road: 'new-execution', overlap: 'waiting' });
    expect([await statusNow(), running()]).toStrictEqual([['queued', 2, undefined], 1]);
    for (const { execution_arn: execution } of [other, waits]) {
      expect(await statusNow()).toStrictEqual(['queued', 2, undefined]);
      await ended(successHistory(), 'SUCCEEDED', execution);
      await endTurn(deps, 'flow');
    }
    expect([await statusNow(), running()]).toStrictEqual([['running', 2, undefined], 1]);
  });

  it('skip: is refused while another runs, by whatever road', async () => {
    await failed();
    await deployWith('skip');
    const { session_id: other } = await start();
    const said = `BS3008 session ${session} cannot be rerun now: session ${other} of its pipeline runs`;
    for (const road of ['redrive', 'new-execution'] as const) {
      expect(await refusal(rerunSession(deps, { session, road }))).toBe(said);
    }
    expect(await statusNow()).toStrictEqual(['failed', 1, undefined]);
  });

  it('cancel-running: takes the place of what runs, though its id is older', async () => {
    await failed();
    await deployWith('cancel-running');
    const other = await start();
    cloud.deps.nowMs += 1_000;
    expect(await rerunSession(deps, { session })).toMatchObject({ road: 'new-execution', overlap: 'waiting' });
    expect(stopped).toStrictEqual([other.execution_arn]);
    await ended(successHistory(), 'ABORTED', other.execution_arn);
    await endTurn(deps, 'flow');
    expect(await statusNow()).toStrictEqual(['running', 2, undefined]);
  });
});

describe('a crash at any call of a rerun', () => {
  it.each(['redrive', 'new-execution'] as const)('by %s leaves one run, which the next one finds', async (road) => {
    await failed();
    const whole = crashing(0, 'before');
    await rerunSession(whole, { session, road });
    const ends: string[] = [];
    for (let at = 1; at <= whole.calls(); at += 1) {
      for (const when of ['before', 'after'] as const) {
        const started = await startSession(deps, { pipeline: 'flow', input: { day: 'mon' }, trigger: { kind: 'api' } });
        ({ session_id: session, execution_arn: arn } = started);
        await failed();
        await refusal(rerunSession(crashing(at, when), { session, road }));
        // Whoever asks again; and the reconciler, for what is queued.
        await refusal(rerunSession(deps, { session, road }));
        const item = await getSession(deps, session);
        if (item?.status === 'queued' || item?.status === 'created') await continueStart(deps, item);
        const executions = [...cloud.executions.values()].filter(({ name }) => name.includes(session));
        const running = executions.filter(({ status }) => status === 'RUNNING');
        const redriven = executions.map(({ redriveCount = 0 }) => redriveCount).join();
        ends.push(`${await statusNow()} ${running.length} runs, redriven ${redriven}`);
      }
    }
    const want = road === 'redrive' ? 'running,1,1 1 runs, redriven 1' : 'running,2, 1 runs, redriven 0,0';
    expect([whole.calls(), [...new Set(ends)]]).toStrictEqual([road === 'redrive' ? 11 : 12, [want]]);
  });
});
