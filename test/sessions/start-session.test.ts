import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BunsuiError } from '../../lib/errors.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import { findPipeline, readArtifact, registerPipeline } from '../../lib/sessions/pipelines.ts';
import type { SessionItem } from '../../lib/sessions/items.ts';
import { startQueued } from '../../lib/sessions/start-queued.ts';
import { type StartRequest, startSession } from '../../lib/sessions/start-session.ts';
import { sessionIdOf } from '../../lib/storage-layout.ts';
import { type Cloud, cloudOn, machineArn, nowMs } from './cloud.ts';
import { artifact } from './history-fixture.ts';
import { type LocalTables, startTables } from './local-tables.ts';

const request: StartRequest = { pipeline: 'flow', input: { day: 'mon' }, key: 'k1', trigger: { kind: 'manual' } };

let tables: LocalTables;
let cloud: Cloud;
beforeEach(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  await registerPipeline(cloud.deps, { artifact, stateMachineArn: machineArn });
  cloud.calls.length = 0;
});
afterEach(() => tables.close());

const sessionItems = async () =>
  (await cloud.items('sessionsTable')).filter((item) => !String(item['session_id']).startsWith('dedup#'));

const refusal = (run: Promise<unknown>) =>
  run.then(
    () => 'no refusal',
    (error: unknown) => (error instanceof BunsuiError ? `${error.code} ${error.message}` : String(error)),
  );

describe('starting a session', () => {
  it('records it, starts its execution, and says so', async () => {
    const session = sessionIdOf(nowMs, 1n);
    const createdAt = '2026-03-04T05:06:07.000Z';
    const arn = `arn:aws:states:us-east-1:000000000000:execution:flow:session-${session}-1`;
    expect(await startSession(cloud.deps, { ...request, user: 'ann' })).toStrictEqual({
      session_id: session,
      created_at: createdAt,
      execution_arn: arn,
      outcome: 'created',
    });
    expect(await sessionItems()).toStrictEqual([
      {
        session_id: session,
        created_at: createdAt,
        pipeline_id: 'flow',
        pipeline_name: 'flow',
        pipeline_version: '0123456789ab',
        status: 'running',
        started_at: createdAt,
        total_jobs: 5,
        completed_jobs: 0,
        failed_jobs: 0,
        execution_arn: arn,
        execution_name: `session-${session}-1`,
        generation: 1,
        input: '{"day":"mon"}',
        trigger: { kind: 'manual' },
        dedup_id: expect.stringMatching(/^dedup#[0-9a-f]{64}$/) as string,
        user_name: 'ann',
        region: 'us-east-1',
        updated_at: createdAt,
      },
    ]);
    expect([...cloud.executions].map(([at, { input }]) => [at, JSON.parse(input)])).toStrictEqual([
      [arn, { day: 'mon', bunsui: { session, createdAt, generation: 1 } }],
    ]);
  });

  it('takes six small calls with a new key, and four without one', async () => {
    await startSession(cloud.deps, request);
    const { key: _, ...keyless } = request;
    const keyed = cloud.calls.splice(0);
    await startSession(cloud.deps, keyless);
    expect([keyed, cloud.calls]).toStrictEqual([
      ['QueryCommand', 'GetCommand', 'PutCommand', 'PutCommand', 'StartExecutionCommand', 'UpdateCommand'],
      ['QueryCommand', 'PutCommand', 'StartExecutionCommand', 'UpdateCommand'],
    ]);
  });

  it('starts one session for a key, however often and however much at once it is asked', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => startSession(cloud.deps, request)));
    const later = await startSession(cloud.deps, request);
    expect(new Set([...answers, later].map(({ session_id: id, execution_arn: arn }) => `${id} ${arn}`)).size).toBe(1);
    expect(answers.filter(({ outcome }) => outcome === 'created').length).toBe(1);
    expect([later.outcome, cloud.executions.size, (await sessionItems()).length]).toStrictEqual(['exists', 1, 1]);
  });

  it('starts a session per request without a key', async () => {
    const { key: _, ...keyless } = request;
    await startSession(cloud.deps, keyless);
    await startSession(cloud.deps, keyless);
    expect([cloud.executions.size, (await sessionItems()).length]).toStrictEqual([2, 2]);
  });

  it.each([
    ['another input', { input: { day: 'tue' } }],
    ['another version', { version: '0123456789ab' }],
  ])('refuses a key that was used with %s', async (_, other) => {
    const { session_id: id } = await startSession(cloud.deps, request);
    expect(await refusal(startSession(cloud.deps, { ...request, ...other }))).toBe(
      `BS3004 the key "k1" was used before for session ${id} with another pipeline, version or input`,
    );
    expect(cloud.executions.size).toBe(1);
  });

  it('keeps to the version that was current when the key was first used', async () => {
    const first = await startSession(cloud.deps, request);
    cloud.deps.nowMs += 60_000;
    const next: PipelineArtifact = { ...artifact, version: 'ffffffffffff' };
    await registerPipeline(cloud.deps, { artifact: next, stateMachineArn: machineArn });
    const again = await startSession(cloud.deps, request);
    const other = await startSession(cloud.deps, { ...request, key: 'k2' });
    const versions = new Map((await sessionItems()).map((item) => [item['session_id'], item['pipeline_version']]));
    expect([again.session_id, versions.get(first.session_id), versions.get(other.session_id)]).toStrictEqual([
      first.session_id,
      '0123456789ab',
      'ffffffffffff',
    ]);
  });

  it.each<readonly [string, StartRequest, string]>([
    [
      'an input that does not fit',
      { ...request, input: { day: 7, dya: 1 } },
      'BS3001 the input does not fit pipeline "flow": day is 7, not string; dya is not known; known are day',
    ],
    [
      'an input that lacks something',
      { ...request, input: {} },
      'BS3001 the input does not fit pipeline "flow": day is required',
    ],
    [
      'an input that is no object',
      { ...request, input: [] },
      'BS3001 the input does not fit pipeline "flow": input is not an object',
    ],
    [
      'the reserved key',
      { ...request, input: { day: 'mon', bunsui: {} } },
      'BS3001 the input does not fit pipeline "flow": bunsui is reserved for bunsui; rename the field',
    ],
    [
      'a huge input',
      { ...request, input: { day: 'x'.repeat(262_144) } },
      'BS3001 the input is 262258 bytes of JSON, at most 262144 are taken',
    ],
    ['an unknown pipeline', { ...request, pipeline: 'other' }, 'BS3003 pipeline "other" is not deployed'],
    ['an unknown version', { ...request, version: 'v9' }, 'BS3003 version "v9" of pipeline "flow" is not deployed'],
    ['a hostile pipeline id', { ...request, pipeline: '../flow' }, 'BS3003 pipeline "../flow" is not deployed'],
  ])('refuses %s and starts nothing', async (_, wrong, message) => {
    const { key: __, ...keyless } = wrong;
    expect(await refusal(startSession(cloud.deps, keyless))).toBe(message);
    expect([await cloud.items('sessionsTable'), cloud.executions.size]).toStrictEqual([[], 0]);
  });

  it.each([{}, { day: 'x'.repeat(262_144) }])('does not use the key up for an input that is refused', async (input) => {
    expect(await refusal(startSession(cloud.deps, { ...request, input }))).toMatch(/^BS3001/);
    expect(await cloud.items('sessionsTable')).toStrictEqual([]);
  });
});

describe('a crash between any two steps, then the same request three times more', () => {
  it('converges to one session with one running execution', async () => {
    await startSession(cloud.deps, { ...request, key: 'count' });
    const steps = cloud.calls.length;
    expect(steps).toBe(6);
    for (let step = 1; step <= steps; step += 1) {
      for (const when of ['before', 'after'] as const) {
        const key = `crash ${when} ${step}`;
        const before = { executions: new Set(cloud.executions.keys()), items: (await sessionItems()).length };
        cloud.calls.length = 0;
        cloud.around = (now, call) => {
          if (now === when && call === step) throw new Error('crash');
        };
        expect(await refusal(startSession(cloud.deps, { ...request, key }))).toBe('Error: crash');
        cloud.around = undefined;
        cloud.deps.nowMs += 1_000;
        const answers = [];
        for (let delivery = 0; delivery < 3; delivery += 1)
          answers.push(await startSession(cloud.deps, { ...request, key }));
        const [answer] = answers;
        const started = [...cloud.executions.keys()].filter((arn) => !before.executions.has(arn));
        const items = await sessionItems();
        const item = items.find((one) => one['session_id'] === answer?.session_id);
        expect({
          key,
          sessions: new Set(answers.map((one) => one.session_id)).size,
          started,
          items: items.length - before.items,
          status: item?.['status'],
          arn: item?.['execution_arn'],
        }).toStrictEqual({
          key,
          sessions: 1,
          started: [answer?.execution_arn],
          items: 1,
          status: 'running',
          arn: answer?.execution_arn,
        });
      }
    }
    console.log(`start: crashed at ${2 * steps} points, asked again three times: 1 session and 1 execution each time`);
  });
});

describe('a start that was cut off before its execution', () => {
  const cutOff = async (input: { readonly day: string }) => {
    cloud.around = (when) => {
      if (when === 'before' && cloud.calls.at(-1) === 'StartExecutionCommand') throw new Error('crash');
    };
    expect(await refusal(startSession(cloud.deps, { ...request, input }))).toBe('Error: crash');
    cloud.around = undefined;
    const [item] = await sessionItems();
    return item as unknown as SessionItem;
  };

  it('is begun from the session item, which says where the execution will be, as often as one likes', async () => {
    const item = await cutOff({ day: 'mon' });
    const { session_id: session, created_at: createdAt } = item;
    const arn = `arn:aws:states:us-east-1:000000000000:execution:flow:session-${session}-1`;
    expect([item.status, item.execution_arn, cloud.executions.size]).toStrictEqual(['queued', arn, 0]);
    const begun = [await startQueued(cloud.deps, item, machineArn), await startQueued(cloud.deps, item, machineArn)];
    expect(begun).toStrictEqual([arn, arn]);
    expect([...cloud.executions].map(([at, { input }]) => [at, JSON.parse(input)])).toStrictEqual([
      [arn, { day: 'mon', bunsui: { session, createdAt, generation: 1 } }],
    ]);
    expect(await sessionItems()).toStrictEqual([{ ...item, status: 'running', started_at: item.updated_at }]);
    // The request itself, come again, finds it.
    expect(await startSession(cloud.deps, request)).toMatchObject({ session_id: session, execution_arn: arn });
    expect(cloud.executions.size).toBe(1);
  });

  it('keeps a long input whole until the execution has it', async () => {
    const day = 'x'.repeat(200_000);
    const item = await cutOff({ day });
    expect(item.input).toBe(JSON.stringify({ day }));
    await startQueued(cloud.deps, item, machineArn);
    const [execution] = cloud.executions.values();
    const [begun] = await sessionItems();
    expect([JSON.parse(execution?.input ?? '').day === day, JSON.parse(String(begun?.['input']))]).toMatchObject([
      true,
      { truncated: true, full: `the input of execution ${item.execution_name}` },
    ]);
  });
});

describe('deployed pipelines', () => {
  it('are found by version or as the one deployed last, with their artifact', async () => {
    const item = await findPipeline(cloud.deps, 'flow');
    expect(item).toStrictEqual({
      pipeline_id: 'flow',
      version: '0123456789ab',
      created_at: '2026-03-04T05:06:07.000Z',
      artifact_key: 'configs/pipelines/flow/0123456789ab.json',
      input_schema: JSON.stringify(artifact.pipeline.input),
      total_jobs: 5,
      state_machine_arn: machineArn,
    });
    expect(await findPipeline(cloud.deps, 'flow', '0123456789ab')).toStrictEqual(item);
    expect(await readArtifact(cloud.deps, 'flow', '0123456789ab')).toStrictEqual(artifact);
  });
});
