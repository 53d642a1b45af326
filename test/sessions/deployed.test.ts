import {
  DescribeStateMachineCommand,
  ListStateMachineVersionsCommand,
  StartExecutionCommand,
  StateMachineDoesNotExist,
} from '@aws-sdk/client-sfn';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BunsuiError } from '../../lib/errors.ts';
import { pipelineOfExecution } from '../../lib/sessions/deployed.ts';
import { endSession } from '../../lib/sessions/end-session.ts';
import type { EndDeps } from '../../lib/sessions/deps.ts';
import type { PipelineItem } from '../../lib/sessions/items.ts';
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
let revision: string | undefined;
/** Revisions of the published versions; the first is version 1. */
let published: (string | undefined)[];
/** What executions were started with. */
let started: string[];
let deps: EndDeps;
beforeEach(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  for (const one of [artifact, next]) cloud.objects.set(`${one.version}.json`, JSON.stringify(one));
  definition = definitionOf(version);
  revision = undefined;
  published = [];
  started = [];
  deps = { ...cloud.deps, sfn: { send }, deployments: { machines, s3: cloud.deps.s3, bucket: 'b' } };
});
afterEach(() => tables.close());

const definitionOf = (of: string, key = `${of}.json`): string =>
  JSON.stringify({ Comment: `Flows. ${deploymentMark({ version: of, bucket: 'cdk-assets', key })}` });

/** Both only read: a crash after one is a crash before the next call. */
function numbered(name: string): void {
  const call = cloud.calls.push(name);
  cloud.around?.('before', call);
  cloud.around?.('after', call);
}

// In front of the world's Step Functions, which knows no definition.
const send = async (command: object): Promise<never> => {
  if (command instanceof DescribeStateMachineCommand) {
    numbered('DescribeStateMachineCommand');
    const { stateMachineArn = '' } = command.input;
    const number = Number(/^.*:stateMachine:flow(?::(\d+))?$/.exec(stateMachineArn)?.[1] ?? 0);
    expect(stateMachineArn).toBe(number === 0 ? machineArn : `${machineArn}:${number}`);
    if (definition === undefined) throw new StateMachineDoesNotExist({ message: 'none', $metadata: {} });
    return { definition, revisionId: number === 0 ? revision : published[number - 1] } as never;
  }
  if (command instanceof ListStateMachineVersionsCommand) {
    numbered('ListStateMachineVersionsCommand');
    const { stateMachineArn, maxResults } = command.input;
    const arns = published.map((_, index) => ({ stateMachineVersionArn: `${stateMachineArn}:${index + 1}` }));
    return { stateMachineVersions: arns.reverse().slice(0, maxResults) } as never;
  }
  if (command instanceof StartExecutionCommand) {
    const { stateMachineArn = '' } = command.input;
    started.push(stateMachineArn.slice(machineArn.length));
    if (stateMachineArn.endsWith(':9')) throw new StateMachineDoesNotExist({ message: 'gone', $metadata: {} });
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
        machine_revision: 'INITIAL',
      },
    ]);
    expect(await readArtifact(deps, 'flow', version)).toStrictEqual(artifact);
    cloud.calls.length = 0;
    await startSession(deps, request);
    expect(cloud.calls).toStrictEqual([
      'DescribeStateMachineCommand',
      'GetCommand',
      'ListStateMachineVersionsCommand',
      'PutCommand',
      'StartExecutionCommand',
      'UpdateCommand',
    ]);
  });

  it('is registered and started once, whatever call its first start crashes before or after', async () => {
    let versions = 0;
    const deploy = () => {
      versions += 1;
      const own = { ...artifact, version: String(versions).padStart(12, '0') };
      cloud.objects.set(`${own.version}.json`, JSON.stringify(own));
      definition = definitionOf(own.version);
      cloud.calls.length = 0;
      return own;
    };
    deploy();
    await startSession(deps, { ...request, key: 'clean' });
    const steps = cloud.calls.length;
    for (let step = 1; step <= steps; step += 1) {
      for (const when of ['before', 'after'] as const) {
        const own = deploy();
        const executions = cloud.executions.size;
        cloud.around = (now, call) => {
          if (now === when && call === step) throw new Error('crash');
        };
        const start = () => startSession(deps, { ...request, key: `${when} ${step}` });
        expect(await refusal(start())).toBe('Error: crash');
        cloud.around = undefined;
        const answers = [await start(), await start(), await start()];
        const records = (await cloud.items('pipelinesTable')).filter((item) => item['version'] === own.version);
        expect([
          new Set(answers.map(({ session_id }) => session_id)).size,
          cloud.executions.size - executions,
          records.length,
          await versionOf(answers[0] ?? { session_id: '' }),
        ]).toStrictEqual([1, 1, 1, own.version]);
        expect(await readArtifact(deps, 'flow', own.version)).toStrictEqual(own);
      }
    }
    console.log(
      `first start of a deployed version: crashed at ${2 * steps} points, asked again three times: 1 of each`,
    );
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

  it('is known by its machine, whose name begins with that of the platform', async () => {
    const prefixed = `${machines}acme-`;
    const arn = `${prefixed}flow`;
    const own = { ...deps, deployments: { machines: prefixed, s3: cloud.deps.s3, bucket: 'b' } };
    const found = await pipelineOfExecution(own, { executionArn: 'an execution', stateMachineArn: arn });
    expect([found.pipeline_id, found.state_machine_arn]).toStrictEqual(['flow', arn]);
    const other = { executionArn: 'an execution', stateMachineArn: `${machines}flow` };
    expect(await refusal(pipelineOfExecution(own, other))).toBe(`BS3003 pipeline "${machines}flow" is not deployed`);
  });
});

describe('the published versions of a state machine', () => {
  const itemOf = async (of: string) =>
    (await cloud.items('pipelinesTable')).find((item) => item['version'] === of) as PipelineItem | undefined;

  it.each([undefined, 'r1'])('are what sessions start on, asked for once per revision: %s', async (first) => {
    // A machine that was never changed has no revision to name.
    [revision, published] = [first, [first]];
    const { session_id, execution_arn } = await startSession(deps, request);
    expect(execution_arn).toBe(`${machineArn.replace(':stateMachine:', ':execution:')}:session-${session_id}-1`);
    expect((await getSession(deps, session_id))?.execution_arn).toBe(execution_arn);
    cloud.calls.length = 0;
    await startSession(deps, request);
    expect(cloud.calls.filter((name) => /StateMachine/.test(name))).toStrictEqual(['DescribeStateMachineCommand']);
    expect(started).toStrictEqual([':1', ':1']);
  });

  it('are taken anew when the same definition was deployed with other functions, which makes it the latest', async () => {
    [revision, published] = ['r1', ['r1']];
    await startSession(deps, request);
    cloud.deps.nowMs += 60_000;
    deps = { ...deps, now: () => cloud.deps.nowMs };
    [revision, published] = ['r2', ['r1', 'r2']];
    await startSession(deps, request);
    expect(started).toStrictEqual([':1', ':2']);
    expect(await itemOf(version)).toMatchObject({
      machine_revision: 'r2',
      machine_version_arn: `${machineArn}:2`,
      created_at: '2026-03-04T05:07:07.000Z',
    });
  });

  it('keep what is asked for in an older version on it', async () => {
    [revision, published] = ['r1', ['r1']];
    await startSession(deps, request);
    [definition, revision, published] = [definitionOf(next.version), 'r2', ['r1', 'r2']];
    await startSession(deps, request);
    await startSession(deps, { ...request, version });
    expect(started).toStrictEqual([':1', ':2', ':1']);
  });

  it('are not waited for: before CloudFormation has published one, the machine itself is started', async () => {
    revision = 'r1';
    await startSession(deps, request);
    published = ['r1'];
    await startSession(deps, request);
    expect(started).toStrictEqual(['', ':1']);
  });

  it('that are gone cannot be started, and nobody starts another definition in their place', async () => {
    [revision, published] = ['r9', ['1', '2', '3', '4', '5', '6', '7', '8', 'r9']];
    expect(await refusal(startSession(deps, request))).toBe(`BS3003 ${machineArn}:9 is not there any more`);
  });
});

describe('what a process remembers of a machine', () => {
  const calls = async () => {
    cloud.calls.length = 0;
    await startSession(deps, request);
    return cloud.calls.filter((name) => /Describe|List|Get/.test(name));
  };
  beforeEach(() => {
    const { nowMs: _, ...rest } = cloud.deps;
    deps = {
      ...rest,
      now: () => cloud.deps.nowMs,
      sfn: { send },
      deployments: { machines, s3: cloud.deps.s3, bucket: 'b', known: new Map() },
    };
  });

  it('saves a start all questions but one: whether it is still that machine', async () => {
    [revision, published] = ['r1', ['r1']];
    await startSession(deps, request);
    expect(await calls()).toStrictEqual(['DescribeStateMachineCommand']);
    expect(started).toStrictEqual([':1', ':1']);
    [definition, revision, published] = [definitionOf(next.version), 'r2', ['r1', 'r2']];
    expect(await versionOf(await startSession(deps, request))).toBe(next.version);
    expect(await versionOf(await startSession(deps, { ...request, version }))).toBe(version);
    expect(started.slice(2)).toStrictEqual([':2', ':1']);
  });

  it('is not taken for another machine that was made in its place', async () => {
    await startSession(deps, request);
    definition = definitionOf(next.version);
    expect(await versionOf(await startSession(deps, request))).toBe(next.version);
  });

  it('holds for ten seconds where nothing is published yet', async () => {
    revision = 'r1';
    await startSession(deps, request);
    published = ['r1'];
    cloud.deps.nowMs += 9_999;
    expect(await calls()).toStrictEqual(['DescribeStateMachineCommand']);
    cloud.deps.nowMs += 1;
    expect(await calls()).toContain('ListStateMachineVersionsCommand');
    expect(started).toStrictEqual(['', '', ':1']);
  });

  it('holds twice as long each time that still nothing is published, ten minutes at most', async () => {
    revision = 'r1';
    await startSession(deps, request);
    const askedAfter: number[] = [];
    for (let seconds = 0; seconds < 3_000; seconds += 10) {
      cloud.deps.nowMs += 10_000;
      if ((await calls()).includes('ListStateMachineVersionsCommand')) askedAfter.push(seconds + 10);
    }
    expect(askedAfter).toStrictEqual([10, 30, 70, 150, 310, 630, 1_230, 1_830, 2_430]);
    // Another revision may be published as soon as any other.
    revision = 'r2';
    await startSession(deps, request);
    cloud.deps.nowMs += 10_000;
    expect(await calls()).toContain('ListStateMachineVersionsCommand');
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
