import { DescribeStateMachineCommand, StateMachineDoesNotExist } from '@aws-sdk/client-sfn';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BunsuiError } from '../../lib/errors.ts';
import { endSession } from '../../lib/sessions/end-session.ts';
import type { EndDeps } from '../../lib/sessions/deps.ts';
import { readArtifact, registerPipeline } from '../../lib/sessions/pipelines.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import { getSession } from '../../lib/sessions/store.ts';
import { deploymentMark, readDeploymentMark, sessionOfExecution } from '../../lib/storage-layout.ts';
import { type Cloud, cloudOn, machineArn, nowMs } from './cloud.ts';
import { artifact, successHistory } from './history-fixture.ts';
import { type LocalTables, startTables } from './local-tables.ts';

const { version } = artifact;
const next = { ...artifact, version: 'ba9876543210' };
const machines = 'arn:aws:states:us-east-1:000000000000:stateMachine:';
const request = { pipeline: 'flow', input: { day: 'mon' }, trigger: { kind: 'manual' } } as const;

let tables: LocalTables;
let cloud: Cloud;
/** What the state machine `flow` and its executions are described with; `undefined` when there is none. */
let definition: string | undefined;
let deps: EndDeps;
beforeEach(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  for (const one of [artifact, next]) cloud.objects.set(`${one.version}.json`, JSON.stringify(one));
  definition = definitionOf(version);
  deps = { ...cloud.deps, sfn: { send }, deployments: { machines, s3: cloud.deps.s3, bucket: 'b' } };
});
afterEach(() => tables.close());

const definitionOf = (of: string, key = `${of}.json`): string =>
  JSON.stringify({ Comment: `Flows. ${deploymentMark({ version: of, bucket: 'cdk-assets', key })}` });

// In front of the world's Step Functions, which knows no definition.
const send = async (command: object): Promise<never> => {
  if (command instanceof DescribeStateMachineCommand) {
    cloud.calls.push('DescribeStateMachineCommand');
    expect(command.input).toStrictEqual({ stateMachineArn: machineArn });
    if (definition === undefined) throw new StateMachineDoesNotExist({ message: 'none', $metadata: {} });
    return { definition } as never;
  }
  const answer = await cloud.deps.sfn.send(command as never);
  const described = command.constructor.name === 'DescribeStateMachineForExecutionCommand';
  return (described ? { definition } : answer) as never;
};

const versionOf = async (started: { readonly session_id: string }) =>
  (await getSession(deps, started.session_id))?.pipeline_version;

const refusal = (run: Promise<unknown>) =>
  run.then(
    () => 'no refusal',
    (error: unknown) => (error instanceof BunsuiError ? `${error.code} ${error.message}` : String(error)),
  );

describe('a pipeline that CloudFormation has deployed', () => {
  it('is registered by the first start, and found by the next', async () => {
    expect(await versionOf(await startSession(deps, request))).toBe(version);
    expect(await cloud.items('pipelinesTable')).toStrictEqual([
      {
        pipeline_id: 'flow',
        version,
        created_at: '2026-03-04T05:06:07.000Z',
        artifact_key: `configs/pipelines/flow/${version}.json`,
        input_schema: JSON.stringify(artifact.pipeline.input),
        total_jobs: 5,
        state_machine_arn: machineArn,
      },
    ]);
    expect(await readArtifact(deps, 'flow', version)).toStrictEqual(artifact);
    cloud.calls.length = 0;
    await startSession(deps, request);
    expect(cloud.calls).toStrictEqual([
      'DescribeStateMachineCommand',
      'GetCommand',
      'PutCommand',
      'StartExecutionCommand',
      'UpdateCommand',
    ]);
  });

  it('is started in the version that its machine has, also when an older one is deployed again', async () => {
    const seen: (string | undefined)[] = [];
    for (const of of [version, next.version, version]) {
      definition = definitionOf(of);
      seen.push(await versionOf(await startSession(deps, request)));
    }
    expect(seen).toStrictEqual([version, next.version, version]);
  });

  it('is started in the version that is asked for, if it was ever seen', async () => {
    await startSession(deps, request);
    definition = definitionOf(next.version);
    expect(await versionOf(await startSession(deps, { ...request, version }))).toBe(version);
    expect(await versionOf(await startSession(deps, { ...request, version: next.version }))).toBe(next.version);
    expect(await refusal(startSession(deps, { ...request, version: '000000000000' }))).toBe(
      'BS3003 version "000000000000" of pipeline "flow" is not deployed',
    );
  });

  it('that is gone, or was never there, is refused before anything is written', async () => {
    await startSession(deps, request);
    const before = (await cloud.items('sessionsTable')).length;
    definition = undefined;
    expect(await refusal(startSession(deps, request))).toBe('BS3003 pipeline "flow" is not deployed');
    expect(await refusal(startSession(deps, { ...request, pipeline: '../x' }))).toMatch(/^BS3003 /);
    expect((await cloud.items('sessionsTable')).length).toBe(before);
  });

  it('whose artifact is another one is refused', async () => {
    definition = definitionOf(next.version, `${version}.json`);
    expect(await refusal(startSession(deps, request))).toBe(
      `BS3003 s3://cdk-assets/${version}.json is not version ${next.version} of pipeline "flow", as its state machine says`,
    );
    cloud.objects.set('null.json', 'null');
    definition = definitionOf(next.version, 'null.json');
    expect(await refusal(startSession(deps, request))).toMatch(/^BS3003 s3:.* is not version/);
    expect(await cloud.items('pipelinesTable')).toStrictEqual([]);
  });

  it('and started by hand is recorded in the version that its execution runs', async () => {
    const executionArn = `${machineArn.replace(':stateMachine:', ':execution:')}:by-hand`;
    cloud.executions.set(executionArn, {
      name: 'by-hand',
      input: '{}',
      status: 'SUCCEEDED',
      history: successHistory(),
    });
    definition = definitionOf(next.version);
    await endSession(deps, { executionArn }, () => '');
    const { session } = sessionOfExecution(executionArn, new Date(nowMs).toISOString());
    expect(await versionOf({ session_id: session })).toBe(next.version);
  });
});

describe('a pipeline that somebody registered', () => {
  it.each(['not JSON', '{"Comment":3}', '{"Comment":"no mark"}'])('is found in the table: %s', async (text) => {
    await registerPipeline(cloud.deps, { artifact, stateMachineArn: machineArn });
    definition = text;
    expect(await versionOf(await startSession(deps, request))).toBe(version);
  });
});

describe('the mark of a deployment', () => {
  const mark = { version, bucket: 'cdk-assets-1', key: 'a/b_c.json' };

  it('is read from the end of a comment', () => {
    expect(readDeploymentMark(`Says [bunsui x]. ${deploymentMark(mark)}`)).toStrictEqual(mark);
  });

  it.each([
    '',
    `${deploymentMark(mark)} and more`,
    deploymentMark({ ...mark, version: 'latest' }),
    deploymentMark({ ...mark, bucket: 'No' }),
    deploymentMark({ ...mark, key: '' }),
  ])('is not read from %j', (comment) => {
    expect(readDeploymentMark(comment)).toBeUndefined();
  });
});
