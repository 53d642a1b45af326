import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { sessionIdOf } from '../../lib/storage-layout.ts';
import { type Cloud, cloudOn, machineArn, nowMs } from '../sessions/cloud.ts';
import { artifact } from '../sessions/history-fixture.ts';
import { type LocalTables, startTables } from '../sessions/local-tables.ts';
import { type TestApi, testApi, user } from './api.ts';

let tables: LocalTables;
let cloud: Cloud;
let api: TestApi;
beforeEach(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  await registerPipeline(cloud.deps, { artifact, stateMachineArn: machineArn });
  api = testApi(cloud.deps);
});
afterEach(() => tables.close());

const sessions = '/v1/pipelines/flow/sessions';
const session = sessionIdOf(nowMs, 1n);
const arn = `arn:aws:states:us-east-1:000000000000:execution:flow:session-${session}-1`;
const createdAt = '2026-03-04T05:06:07.000Z';

describe('POST /v1/pipelines/{pipeline}/sessions', () => {
  it('starts a session in the name of the caller', async () => {
    const started = await api.call('POST', sessions, { body: { input: { day: 'mon' } } });
    const body = { session_id: session, created_at: createdAt, execution_arn: arn, outcome: 'created' };
    expect([started.status, started.headers.get('location'), started.body]).toStrictEqual([
      201,
      `/v1/sessions/${session}`,
      body,
    ]);
    const found = await api.call('GET', `/v1/sessions/${session}`);
    expect([found.status, found.body]).toStrictEqual([
      200,
      {
        session_id: session,
        created_at: createdAt,
        pipeline_id: 'flow',
        pipeline_version: '0123456789ab',
        status: 'running',
        started_at: createdAt,
        total_jobs: 5,
        completed_jobs: 0,
        failed_jobs: 0,
        generation: 1,
        redrive_count: 0,
        execution_arn: arn,
        trigger: { kind: 'api' },
        user_name: user,
        region: 'us-east-1',
        updated_at: createdAt,
        input: { day: 'mon' },
      },
    ]);
  });

  it('starts one session for a key, ten times at once', async () => {
    const request = { body: { input: { day: 'mon' } }, headers: { 'Idempotency-Key': 'monday' } };
    const answers = await Promise.all(Array.from({ length: 10 }, () => api.call('POST', sessions, request)));
    const ids = new Set(answers.map(({ body }) => (body as { readonly session_id: string }).session_id));
    expect([ids.size, cloud.executions.size, answers.map(({ status }) => status).sort()]).toStrictEqual([
      1,
      1,
      [...Array.from({ length: 9 }, () => 200), 201],
    ]);
  });
});
