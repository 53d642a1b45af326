/** The HTTP API as it is deployed: API Gateway in front of its function, over tables and machines that are there. */
import { CloudFormationClient, DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientConfig } from '../contract/target.ts';
import { eventually } from '../eventually.ts';
import { refusedByPolicy } from './granted.ts';
import { cdkApp } from './harness.ts';
import { localstackTarget } from './target.ts';

const target = localstackTarget();
const app = cdkApp('test/localstack/api-app/app.ts');
let base: string;

beforeAll(async () => {
  await Promise.all([app.bootstrap(), app.synth()]);
  await app.deploy();
  const { StackResources = [] } = await new CloudFormationClient(clientConfig(target)).send(
    new DescribeStackResourcesCommand({ StackName: 'ApiTest' }),
  );
  const api = StackResources.find(({ ResourceType }) => ResourceType === 'AWS::ApiGateway::RestApi');
  base = `${target.endpoint}/_aws/execute-api/${api?.PhysicalResourceId}/api`;
});
afterAll(async () => {
  await app.destroy();
  await app.close();
});

interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

async function call<T = unknown>(
  method: string,
  path: string,
  body?: object,
  headers: { readonly [name: string]: string } = {},
): Promise<Answer<T>> {
  const answer = await fetch(`${base}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    redirect: 'manual',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: (text === '' ? undefined : JSON.parse(text)) as T };
}

interface Started {
  readonly session_id: string;
  readonly outcome: string;
}
interface Session {
  readonly session_id: string;
  readonly status: string;
  readonly generation: number;
  readonly error_code?: string;
}

const start = (input: object, key?: string) =>
  call<Started>(
    'POST',
    '/v1/pipelines/errand/sessions',
    { input },
    key === undefined ? {} : { 'Idempotency-Key': key },
  );
const get = async (session: string) => (await call<Session>('GET', `/v1/sessions/${session}`)).body;

/** The session when it has come to that status. */
async function come(session: string, status: string): Promise<Session> {
  return eventually(
    `session ${session} to be ${status}`,
    () => get(session),
    (found) => found.status === status,
  );
}

describe('the deployed API', () => {
  it('starts one session for a key, ten times at once, and shows it to its end', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => start({}, 'monday')));
    const ids = new Set(answers.map(({ body }) => body.session_id));
    expect([ids.size, answers.map(({ status }) => status).sort()]).toStrictEqual([
      1,
      [...Array.from({ length: 9 }, () => 200), 201],
    ]);
    expect((await start({ seconds: 1 }, 'monday')).status).toBe(422);
    const [id = ''] = ids;
    expect(await come(id, 'completed')).toMatchObject({
      pipeline_id: 'errand',
      trigger: { kind: 'api' },
      total_jobs: 2,
      completed_jobs: 2,
      input: { seconds: 0, fail: false },
    });

    const jobs = await call<{ readonly jobs: readonly object[] }>('GET', `/v1/sessions/${id}/jobs?data=true`);
    expect(jobs.body.jobs).toStrictEqual(
      ['first', 'second'].map((job) => ({
        job_id: job,
        operation_id: 'work',
        job_status: 'completed',
        generation: 1,
        attempts: [
          {
            attempt: 1,
            generation: 1,
            job_status: 'completed',
            started_at: expect.any(String),
            completed_at: expect.any(String),
            duration_ms: expect.any(Number),
          },
        ],
        input: { seconds: 0, fail: false },
        output: { done: true },
      })),
    );
    const logs = await call<{ readonly lines: readonly { readonly message: string }[] }>(
      'GET',
      `/v1/sessions/${id}/logs?job=second&level=INFO`,
    );
    expect(logs.body.lines.map(({ message }) => message)).toStrictEqual(['job started', 'at work', 'job completed']);
    const report = await call<{ readonly url: string }>('GET', `/v1/sessions/${id}/report`);
    expect(report.status).toBe(303);
    expect(await (await fetch(report.body.url)).text()).toContain(id);
    const { body: listed } = await call<{ readonly sessions: readonly Session[] }>(
      'GET',
      '/v1/sessions?pipeline=errand',
    );
    expect(listed.sessions.map(({ session_id }) => session_id)).toContain(id);
  });

  it('cancels what runs', async () => {
    const { body: started } = await start({ seconds: 40 });
    const cancel = () => call('POST', `/v1/sessions/${started.session_id}/cancel`, { reason: 'not needed' });
    expect((await cancel()).status).toBe(202);
    await come(started.session_id, 'cancelled');
    expect(await cancel()).toMatchObject({ status: 200, body: { outcome: 'exists' } });
  });

  it('reruns what failed, by the road that is there, having said so', async () => {
    const { body: started } = await start({ fail: true });
    const path = `/v1/sessions/${started.session_id}`;
    expect(await come(started.session_id, 'failed')).toMatchObject({ error_code: 'RangeError', generation: 1 });
    const plan = await call('POST', `${path}/rerun`, { dry_run: true, road: 'new-execution' });
    expect(plan).toMatchObject({ status: 200, body: { road: 'new-execution', runs: ['first', 'second'], keeps: [] } });
    // LocalStack may offer a redrive, and serves none.
    const rerun = await call('POST', `${path}/rerun`, {});
    expect(rerun).toMatchObject({ status: 202, body: { road: 'new-execution', generation: 2 } });
    expect((await call('POST', `${path}/rerun`, {})).status).toBe(409);
    expect(await come(started.session_id, 'failed')).toMatchObject({ generation: 2 });
    const { body } = await call<{ readonly jobs: readonly { readonly attempts: readonly object[] }[] }>(
      'GET',
      `${path}/jobs`,
    );
    expect(body.jobs.map(({ attempts }) => attempts.length)).toStrictEqual([2, 2]);
  });

  it('knows its pipelines, and says what it is', async () => {
    const { body } = await call<{ readonly pipelines: readonly object[] }>('GET', '/v1/pipelines');
    expect(body.pipelines).toMatchObject([{ pipeline_id: 'errand', total_jobs: 2 }]);
    expect(await call('GET', '/v1/pipelines/errand')).toMatchObject({ status: 200, body: { overlap: 'allow' } });
    expect(await call('GET', '/v1/openapi.json')).toMatchObject({ status: 200, body: { openapi: '3.1.0' } });
    expect(await call('GET', '/v1/health')).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect(await call('GET', '/v1/sessions/nobody')).toMatchObject({
      status: 404,
      body: { error: { code: 'BS3002' } },
    });
    expect(await call('POST', '/v1/pipelines/errand/sessions', { input: { seconds: 'x' } })).toMatchObject({
      status: 422,
      body: { error: { code: 'BS3001' } },
    });
  });

  it('starts sessions quickly', async () => {
    const count = 20;
    const timed = async (once: () => Promise<Answer<unknown>>, status: number): Promise<number> => {
      const before = performance.now();
      expect((await once()).status).toBe(status);
      return Math.round(performance.now() - before);
    };
    const startedMs: number[] = [];
    const readMs: number[] = [];
    for (let round = 0; round < count; round += 1) {
      let session = '';
      startedMs.push(
        await timed(async () => {
          const answer = await start({});
          session = answer.body.session_id;
          return answer;
        }, 201),
      );
      // What a session does while it runs would be measured with the start of the next one.
      await come(session, 'completed');
      // What API Gateway, Lambda and one read of a table take here, whoever calls them.
      readMs.push(await timed(() => call('GET', '/v1/health'), 200));
    }
    const shown = (tookMs: number[]) => {
      const sorted = tookMs.toSorted((a, b) => a - b);
      return `median ${sorted[count / 2]} ms, p95 ${sorted[Math.ceil(count * 0.95) - 1]} ms`;
    };
    process.stdout.write(
      `start by API, ${count} in a row: ${shown(startedMs)}; one read of a table: ${shown(readMs)}\n`,
    );
  });
});

it('did nothing that its roles do not allow', async () => {
  const { looked, refused: refusedCalls } = await refusedByPolicy('ApiTest');
  expect(looked).toBeGreaterThan(10);
  expect(refusedCalls).toStrictEqual([]);
});
