import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildLambdas } from '../../build.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { localClient } from '../../lib/local/client.ts';
import { deployLocally } from '../../lib/local/deploy.ts';
import { ensurePlatform } from '../../lib/local/platform.ts';
import { openRuntime, type Runtime } from '../../lib/local/runtime.ts';
import type { EndDeps } from '../../lib/sessions/deps.ts';
import { foldHistory } from '../../lib/sessions/fold.ts';
import { readHistory } from '../../lib/sessions/history.ts';
import { readSessionLogs } from '../../lib/sessions/logs.ts';
import { readArtifact, registerPipeline } from '../../lib/sessions/pipelines.ts';
import type { StartedSession } from '../../lib/sessions/start-session.ts';
import { isTerminal } from '../../lib/sessions/status.ts';
import { getSession, listJobRecords } from '../../lib/sessions/store.ts';
import { platformNames } from '../../lib/storage-layout.ts';
import { rows } from '../fixtures/pipelines.ts';

const folder = mkdtempSync(join(tmpdir(), 'bunsui-lambdas-'));
let runtime: Runtime;
let lambda: LambdaClient;
let deps: EndDeps;

beforeAll(async () => {
  const files = await buildLambdas(folder);
  const names = readdirSync(new URL('../../lambdas', import.meta.url), { withFileTypes: true });
  expect(files.map((file) => file.split('/').at(-2)).toSorted()).toStrictEqual(
    names.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).toSorted(),
  );
  runtime = await openRuntime({ stateDir: join(folder, 'state') });
  await ensurePlatform(runtime, {
    functions: ['session-ended', 'start-session'].map((name) => ({
      name: `bunsui-${name}`,
      handlerFile: join(folder, 'lambdas', name, 'index.mjs'),
    })),
    statusChangeTarget: 'bunsui-session-ended',
  });
  const { endpoint, region, credentials } = runtime;
  const config = { endpoint, region, credentials };
  lambda = new LambdaClient(config);
  deps = {
    db: DynamoDBDocumentClient.from(new DynamoDBClient(config)),
    sfn: new SFNClient(config),
    s3: new S3Client({ ...config, forcePathStyle: true }),
    logs: new CloudWatchLogsClient(config),
    names: platformNames({ account: runtime.accountId, region }),
    region,
    now: Date.now,
    entropy: () => 7n,
  };
});
afterAll(async () => {
  await runtime?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Calls a function of the platform; gives what it answers, or its error as `{errorType, errorMessage}`. */
async function call(name: string, event: unknown): Promise<unknown> {
  const answer = await lambda.send(
    new InvokeCommand({ FunctionName: `bunsui-${name}`, Payload: Buffer.from(JSON.stringify(event)) }),
  );
  return JSON.parse(answer.Payload?.transformToString() ?? 'null');
}

async function deploy(row: (typeof rows)[number]): Promise<void> {
  const compiled = compilePipeline(row.pipeline.ir, {
    sha256: (text) => createHash('sha256').update(text).digest('hex'),
  });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
  const { stateMachineArn } = await deployLocally(runtime, compiled.artifact);
  await registerPipeline(deps, { artifact: compiled.artifact, stateMachineArn });
}

/** Resolves when the execution has ended. */
async function ended(executionArn: string): Promise<void> {
  const client = localClient(runtime);
  for (let after = 0; ; ) {
    const route = `executions/${encodeURIComponent(executionArn)}/events?after=${after}`;
    const answer = (await client.private('GET', route)) as {
      readonly status: string;
      readonly events: readonly { readonly id: number }[];
    };
    if (answer.status !== 'RUNNING') return;
    after = answer.events.at(-1)?.id ?? after;
  }
}

// The whole table runs on the engine alone elsewhere; these have every kind of end between them.
const shown = ['single', 'conditional-skipped', 'branched-no', 'mapped-none', 'map-branch', 'retried', 'failing'];

describe('a session started and ended by the deployed functions', () => {
  it.each(rows.filter(({ name }) => shown.includes(name)).map((row) => [row.name, row] as const))(
    '%s',
    async (_, row) => {
      await deploy(row);
      const request = { pipeline: row.pipeline.ir.id, input: row.input, key: row.name };
      const started = (await call('start-session', request)) as StartedSession;
      expect(started).toStrictEqual({
        session_id: expect.stringMatching(/^[0-9a-z]{26}$/),
        created_at: expect.any(String),
        execution_arn: expect.stringContaining(`:session-${started.session_id}-1`),
        outcome: 'created',
      });
      expect(await call('start-session', request)).toStrictEqual({ ...started, outcome: 'exists' });
      await ended(started.execution_arn);
      // The runtime tells of the end as well, at the same time: whoever comes second finds it recorded.
      const end = (await call('session-ended', { detail: { executionArn: started.execution_arn } })) as object;
      expect({ ...end, outcome: '' }).toStrictEqual({
        session_id: started.session_id,
        status: row.expected.status === 'SUCCEEDED' ? 'completed' : 'failed',
        outcome: '',
      });

      const session = await getSession(deps, started.session_id);
      if (session === undefined) throw new Error('no session');
      expect([isTerminal(session.status), session.pipeline_id]).toStrictEqual([true, row.pipeline.ir.id]);
      const artifact = await readArtifact(deps, session.pipeline_id, session.pipeline_version);
      const view = foldHistory(artifact, await readHistory(deps.sfn, started.execution_arn));
      const open = view.jobs.filter(({ status }) => ['pending', 'running', 'retrying'].includes(status));
      expect(open).toStrictEqual([]);
      const jobs = view.jobs.filter(({ kind }) => kind === 'job');
      const completed = jobs.filter(({ status }) => status === 'completed').map(({ job }) => job);
      const { attempts, checkpoints } = await listJobRecords(deps, started.session_id);
      // What the wrappers recorded is what the history tells, but for jobs that a failure elsewhere ended meanwhile.
      const cancelled = new Set(jobs.filter(({ status }) => status === 'cancelled').map(({ job }) => job));
      const recorded = checkpoints.map((item) => item.job_id).filter((job) => !cancelled.has(job));
      expect(recorded.sort()).toStrictEqual([...completed].sort());
      expect(attempts.length).toBe(jobs.reduce((sum, job) => sum + job.attempts.length, 0));
      expect([session.total_jobs, session.completed_jobs]).toStrictEqual([jobs.length, completed.length]);

      const lines = await readSessionLogs(deps, session);
      const begun = lines
        .filter(({ message }) => message === 'job started')
        .map((line) => `${line.job_id} ${line.attempt}`);
      const tried = attempts.map((item) => `${item.job_id} ${item.attempt}`);
      expect(tried).toStrictEqual(expect.arrayContaining(begun));
      // One that a failure elsewhere ended may have begun too late for the log.
      const whole = attempts.filter(({ job_id: job }) => !cancelled.has(job));
      expect(begun).toStrictEqual(expect.arrayContaining(whole.map((item) => `${item.job_id} ${item.attempt}`)));
      expect(new Set(begun).size).toBe(begun.length);
      const report = join(
        folder,
        'state',
        's3',
        deps.names.bucket,
        `reports/${session.created_at.slice(0, 10).replaceAll('-', '/')}`,
        `${session.session_id}.html`,
      );
      expect(readFileSync(report, 'utf8')).toContain(session.session_id);
    },
  );
});

describe('what the functions refuse', () => {
  it.each([
    ['start-session', { input: {} }, 'ValidationError', /^this is no request to start a session: pipeline: /],
    ['start-session', { pipeline: '../x' }, 'ValidationError', /^this is no request/],
    ['start-session', { pipeline: 'x', input: [] }, 'ValidationError', /^this is no request/],
    ['start-session', { pipeline: 'x', more: 1 }, 'ValidationError', /^this is no request/],
    ['start-session', { pipeline: 'absent' }, 'PipelineError', /^pipeline "absent" is not deployed$/],
    ['session-ended', {}, 'ValidationError', /^this is no status change of an execution: detail: /],
    ['session-ended', { detail: { executionArn: 'x' } }, 'ValidationError', /^this is no status change/],
  ])('%s %j', async (name, event, type, message) => {
    expect(await call(name, event)).toMatchObject({ errorType: type, errorMessage: expect.stringMatching(message) });
  });
});

describe('the bundles', () => {
  it.each([
    ['notify', 420],
    // These have the client of S3.
    ['api', 600],
    ['reconcile', 600],
    ['record-events', 600],
    ['session-ended', 600],
    ['start-session', 600],
  ])('%s stays under %i KiB', (name, limit) => {
    const folderOfBundle = join(folder, 'lambdas', name);
    expect(existsSync(folderOfBundle) && readdirSync(folderOfBundle)).toStrictEqual(['index.mjs']);
    expect(statSync(join(folderOfBundle, 'index.mjs')).size / 1024).toBeLessThan(limit);
  });
});
