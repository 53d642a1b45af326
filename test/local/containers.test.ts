/** Containers on this machine: a program in their place, with their environment, their log, and their end. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import type { Pipeline } from 'bunsui';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import { deployLocally } from '../../lib/local/deploy.ts';
import { ensurePlatform } from '../../lib/local/platform.ts';
import { openRuntime, type Runtime } from '../../lib/local/runtime.ts';
import { foldHistory } from '../../lib/sessions/fold.ts';
import { readHistory } from '../../lib/sessions/history.ts';
import { readSessionLogs } from '../../lib/sessions/logs.ts';
import { platformNames, sessionOfExecution } from '../../lib/storage-layout.ts';
import { clientConfig } from '../contract/target.ts';
import { counted, failing, hanging } from './containers/pipelines.ts';

const folder = mkdtempSync(join(tmpdir(), 'bunsui-containers-'));
let runtime: Runtime;
let sfn: SFNClient;
beforeAll(async () => {
  runtime = await openRuntime({ stateDir: join(folder, 'state') });
  await ensurePlatform(runtime);
  sfn = new SFNClient(clientConfig(runtime));
});
afterAll(async () => {
  await runtime.close();
  rmSync(folder, { recursive: true, force: true });
});

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

async function start(
  pipeline: Pipeline,
  input: object,
): Promise<{ readonly artifact: PipelineArtifact; readonly arn: string }> {
  const compiled = compilePipeline(pipeline.ir, { sha256 });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
  const { stateMachineArn, artifact } = await deployLocally(runtime, compiled.artifact);
  const { executionArn = '' } = await sfn.send(
    new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) }),
  );
  return { artifact, arn: executionArn };
}

async function until<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

const ended = (executionArn: string) =>
  until(async () => {
    const found = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    return found.status === 'RUNNING' ? undefined : found;
  });

describe('a job of a container', () => {
  it('is given its input and leaves its output in the bucket, and writes into the log of its session', async () => {
    const { artifact, arn } = await start(counted, { words: ['ab', 'c'] });
    const { status, output = '', startDate = new Date(0) } = await ended(arn);
    expect([status, output === '' ? '' : JSON.parse(output)]).toStrictEqual([
      'SUCCEEDED',
      { total: 3, unit: 'letters' },
    ]);
    const view = foldHistory(artifact, await readHistory(sfn, arn));
    expect(
      view.jobs.map(({ job, status: now, input, output: left, attempts }) => [job, now, input, left, attempts.length]),
    ).toStrictEqual([
      ['one', 'completed', { words: ['ab', 'c'] }, { total: 3, unit: 'letters', more: 1 }, 1],
      ['told', 'completed', { words: ['letters'] }, {}, 1],
    ]);
    const { accountId: account, region } = runtime;
    const config = clientConfig(runtime);
    const deps = {
      sfn,
      logs: new CloudWatchLogsClient(config),
      s3: new S3Client({ ...config, forcePathStyle: true }),
      names: platformNames({ account, region }),
    };
    const { session } = sessionOfExecution(arn, startDate.toISOString());
    const lines = await readSessionLogs(deps as never, {
      session_id: session,
      created_at: startDate.toISOString(),
      status: 'running',
      execution_arn: arn,
    });
    expect(lines.map(({ level, message, job_id, attempt }) => [level, message, job_id, attempt])).toEqual(
      expect.arrayContaining([
        ['INFO', 'counting 2 words', 'one', 1],
        ['ERROR', 'slowly', 'one', 1],
      ]),
    );
  });

  it.each([
    ['wrong', 'Bunsui.OutputInvalid', 'total is not of type integer'],
    ['broken', 'States.TaskFailed', 'ended with code 3'],
    ['elsewhere', 'States.TaskFailed', 'name a program that takes its place here'],
  ] as const)('fails as it should: %s', async (name, error, cause) => {
    const { artifact, arn } = await start(failing[name], { words: ['a'] });
    expect((await ended(arn)).status).toBe('FAILED');
    const view = foldHistory(artifact, await readHistory(sfn, arn));
    const [job] = view.jobs;
    expect([view.status, job?.status, job?.error?.name]).toStrictEqual(['failed', 'failed', error]);
    expect(job?.error?.cause).toContain(cause);
    expect(view.error?.job).toBe('one');
  });

  it('is ended with its session', async () => {
    const mark = join(folder, 'pid');
    const { arn } = await start(hanging, { words: [mark] });
    const pid = Number(await until(() => (existsSync(mark) ? readFileSync(mark, 'utf8') || undefined : undefined)));
    expect(() => process.kill(pid, 0)).not.toThrow();
    await sfn.send(new StopExecutionCommand({ executionArn: arn }));
    await until(() => {
      try {
        process.kill(pid, 0);
        return undefined;
      } catch {
        return true;
      }
    });
    expect((await ended(arn)).status).toBe('ABORTED');
  });
});
