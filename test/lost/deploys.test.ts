/** A deployment while sessions run. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import {
  CreateActivityCommand,
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  GetActivityTaskCommand,
  SendTaskSuccessCommand,
  SFNClient,
  UpdateStateMachineCommand,
} from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { expect, it } from 'vitest';
import { ensurePlatform } from '../../lib/local/platform.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import { getSession } from '../../lib/sessions/store.ts';
import { platformNames } from '../../lib/storage-layout.ts';
import { eventually } from '../eventually.ts';
import { openForTest } from '../local/runtimes.ts';
import { artifact } from '../sessions/history-fixture.ts';

const count = 50;

it(`${count} sessions that run meanwhile end on the definition that they began with`, {
  timeout: 300_000,
}, async () => {
  const runtime = await openForTest();
  await ensurePlatform(runtime);
  const { endpoint, region, credentials, accountId: account } = runtime;
  const config = { endpoint, region, credentials };
  const sfn = new SFNClient(config);
  const { activityArn = '' } = await sfn.send(new CreateActivityCommand({ name: 'work' }));
  const definition = (version: string) =>
    JSON.stringify({
      QueryLanguage: 'JSONata',
      StartAt: 'work',
      States: { work: { Type: 'Task', Resource: activityArn, Output: { version }, End: true } },
    });
  const { stateMachineArn = '' } = await sfn.send(
    new CreateStateMachineCommand({
      name: 'bunsui-flow',
      roleArn: `arn:aws:iam::${account}:role/local`,
      definition: definition('old'),
    }),
  );
  let ids = 0n;
  const deps = {
    db: DynamoDBDocumentClient.from(new DynamoDBClient(config), { marshallOptions: { removeUndefinedValues: true } }),
    sfn,
    s3: new S3Client({ ...config, forcePathStyle: true }),
    names: platformNames({ account, region }),
    region,
    now: Date.now,
    entropy: () => ++ids,
  };
  const start = () => startSession(deps, { pipeline: 'flow', input: { day: 'mon' }, trigger: { kind: 'api' } });
  await registerPipeline(deps, { artifact: { ...artifact, version: 'aaaaaaaaaaaa' }, stateMachineArn });
  const old = await Promise.all(Array.from({ length: count }, start));

  await sfn.send(new UpdateStateMachineCommand({ stateMachineArn, definition: definition('new') }));
  await registerPipeline(deps, { artifact: { ...artifact, version: 'bbbbbbbbbbbb' }, stateMachineArn });
  const young = await start();

  for (let done = 0; done <= count; done += 1) {
    const { taskToken } = await sfn.send(new GetActivityTaskCommand({ activityArn }));
    await sfn.send(new SendTaskSuccessCommand({ taskToken, output: '{}' }));
  }
  const endOf = async ({
    session_id,
    execution_arn,
  }: {
    readonly session_id: string;
    readonly execution_arn: string;
  }) => {
    const { status, output } = await eventually(
      'the end of an execution',
      () => sfn.send(new DescribeExecutionCommand({ executionArn: execution_arn })),
      (seen) => seen.status !== 'RUNNING',
    );
    return `${status} ${output} ${(await getSession(deps, session_id))?.pipeline_version}`;
  };
  const ends = await Promise.all(old.map(endOf));
  expect(new Set(ends)).toStrictEqual(new Set(['SUCCEEDED {"version":"old"} aaaaaaaaaaaa']));
  expect(await endOf(young)).toBe('SUCCEEDED {"version":"new"} bbbbbbbbbbbb');
  console.log(
    `a deployment while ${count} sessions run: ${ends.length} have ended on the definition that they began with`,
  );
});
