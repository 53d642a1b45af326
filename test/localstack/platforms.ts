/** The platforms that are deployed, once per run, by whichever file of tests comes first; and what is on them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  CloudFormationClient,
  DescribeStackResourcesCommand,
  type StackResource,
} from '@aws-sdk/client-cloudformation';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { inject } from 'vitest';
import type { StoreDeps } from '../../lib/sessions/deps.ts';
import type { SessionItem } from '../../lib/sessions/items.ts';
import type { StartedSession } from '../../lib/sessions/start-session.ts';
import { isTerminal } from '../../lib/sessions/status.ts';
import { getSession, listJobRecords } from '../../lib/sessions/store.ts';
import { platformNames, tables } from '../../lib/storage-layout.ts';
import { clientEnvironment } from '../../localstack/server.ts';
import { bunsui, type Ran } from '../cli/command-line.ts';
import { eventually } from '../eventually.ts';
import { cdkApp, onceInRun, quickPolls, requireNothingLeftOut } from './harness.ts';
import { localstackTarget, patientConfig } from './target.ts';

export const target = localstackTarget();
const config = patientConfig();
const cloudFormation = new CloudFormationClient(config);
const lambda = new LambdaClient(config);
const shared = {
  db: DynamoDBDocumentClient.from(new DynamoDBClient(config)),
  sfn: new SFNClient(config),
  s3: new S3Client({ ...config, forcePathStyle: true }),
  logs: new CloudWatchLogsClient(config),
  now: Date.now,
};

/** A deployed platform, seen from outside. */
function platform(stack: string, prefix: string) {
  const deps = { ...shared, names: platformNames({ prefix, account: target.accountId, region: target.region }) };
  let resources: Promise<readonly StackResource[]> | undefined;
  const resourcesOf = () => {
    resources ??= cloudFormation
      .send(new DescribeStackResourcesCommand({ StackName: stack }))
      .then(({ StackResources = [] }) => StackResources);
    return resources;
  };
  /** Physical ids of what the platform's stack has of a type. @param part of the logical id */
  const physical = async (type: string, part = '') =>
    (await resourcesOf())
      .filter(({ ResourceType, LogicalResourceId = '' }) => ResourceType === type && LogicalResourceId.includes(part))
      .map(({ PhysicalResourceId = '' }) => PhysicalResourceId);
  /** Calls a function of the platform. @param name part of its logical id */
  const call = async (name: string, event: object): Promise<unknown> => {
    const [FunctionName, ...others] = await physical('AWS::Lambda::Function', name);
    if (FunctionName === undefined || others.length > 0) throw new Error(`functions named ${name}: ${others.length}`);
    return invoke(FunctionName, JSON.stringify(event));
  };
  return {
    stack,
    deps,
    physical,
    call,
    start: (request: object) => call('StartSession', request) as Promise<StartedSession>,
    machine: (pipeline: string) =>
      `arn:aws:states:${target.region}:${target.accountId}:stateMachine:${prefix}-${pipeline}`,
    /** The session when it has come to a status, which nobody tells it but the rules of its platform. */
    come: (session: string, status: string) => when(deps, session, status, (item) => item.status === status),
    ended: (session: string) => when(deps, session, 'ended', (item) => isTerminal(item.status)),
    /** Lets go what waits for that name. */
    letGo: (what: string) =>
      deps.s3.send(new PutObjectCommand({ Bucket: deps.names.bucket, Key: `data/collect/go-${what}`, Body: 'go' })),
    /** Attempts of a session's jobs: `job number status`. */
    async attemptsOf(session: string) {
      const { attempts, checkpoints } = await listJobRecords(deps, session);
      return {
        attempts: attempts.map((one) => `${one.job_id} ${one.attempt} ${one.job_status}`).sort(),
        checkpoints: checkpoints.map((one) => one.job_id).sort(),
      };
    },
    async sessionsOf(pipeline: string): Promise<readonly SessionItem[]> {
      const { name, partitionKey } = tables.sessions.byPipelineIndex;
      const { Items = [] } = await deps.db.send(
        new QueryCommand({
          TableName: deps.names.sessionsTable,
          IndexName: name,
          KeyConditionExpression: '#pipeline = :pipeline',
          ExpressionAttributeNames: { '#pipeline': partitionKey },
          ExpressionAttributeValues: { ':pipeline': pipeline },
        }),
      );
      return Items as SessionItem[];
    },
  };
}

const when = (deps: StoreDeps, session: string, what: string, is: (item: SessionItem) => boolean) =>
  eventually(
    `session ${session} to be ${what}`,
    () => getSession(deps, session),
    (item) => item !== undefined && is(item),
  ) as Promise<SessionItem>;

/** Calls a function. @throws {Error} with what it has answered, when it has failed */
export async function invoke(FunctionName: string, Payload: string): Promise<unknown> {
  const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload }));
  const text = answer.Payload?.transformToString() ?? 'null';
  if (answer.FunctionError !== undefined) throw new Error(text);
  return JSON.parse(text);
}

/** The platform of `app/app.ts`, deployed with CDK: what it holds is kept. */
export const main = platform('Bunsui', 'bunsui');
/** The platform that the command line deploys, with channels: nothing of it is kept. */
export const typed = platform('bunsuicli', 'bunsuicli');

export const app = cdkApp('test/localstack/app/app.ts');

export const { AWS_ENDPOINT_URL: endpoint = '', ...environment } = clientEnvironment(inject('localstack'));
/** Options of commands. */
export const at = ['--endpoint-url', endpoint];
/** The folder that commands run in. */
export const folder = join(inject('localstack').temporary, 'command-line');

/** Runs a command that is to succeed. */
export async function type(...args: readonly string[]): Promise<Ran> {
  const ran = await bunsui(args, { cwd: folder, environment: { ...environment, NODE_OPTIONS: quickPolls } });
  if (ran.code !== 0) throw new Error(`bunsui ${args.join(' ')} ended with ${ran.code}:\n${ran.err}${ran.out}`);
  return ran;
}

const bootstrapped = () =>
  onceInRun('bootstrap', async () => {
    mkdirSync(folder, { recursive: true });
    await type('bootstrap', ...at);
  });

/** Deploys `app/app.ts`. */
export function deployApp(): Promise<void> {
  return onceInRun('app', async () => {
    await Promise.all([bootstrapped(), app.synth()]);
    await app.deploy();
  });
}

const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Writes what a project says of itself. @param greeting a variable of its functions */
export function writeProject(greeting: string): void {
  const hook = (name: 'ops' | 'audit' | 'gone' | 'silent' | 'asked') => ({
    kind: 'webhook',
    url: `http://127.0.0.1:${inject('receivers')[name]}`,
    allowPrivate: true,
  });
  const channels = {
    ops: { kind: 'slack', secret: 'cli/slack', allowPrivate: true },
    audit: { ...hook('audit'), secret: ['cli/next', 'cli/old'], events: ['started', 'failed', 'succeeded'] },
    gone: hook('gone'),
    silent: { ...hook('silent'), attempts: 1 },
    asked: { ...hook('asked'), events: [] },
  };
  const params = { removal: 'destroy', 'env.GREETING': greeting };
  const stages = { cli: { params, channels }, other: {} };
  const pipelines = [file('../cli/shop/shop.ts'), file('doomed/doomed.ts')];
  writeFileSync(join(folder, 'bunsui.json'), JSON.stringify({ pipelines, params: { removal: 'retain' }, stages }));
}

/** Deploys with the command line. @returns what the command has said */
export function deployByCommandLine(): Promise<Ran> {
  return onceInRun('command-line', async () => {
    const secrets = new SecretsManagerClient(config);
    for (const [Name, SecretString] of [
      ['cli/slack', `http://127.0.0.1:${inject('receivers').ops}/services/canary-2f7d`],
      ['cli/next', 'the next secret'],
      ['cli/old', 'the old secret'],
    ] as const) {
      await secrets.send(new CreateSecretCommand({ Name, SecretString }));
    }
    await bootstrapped();
    writeProject('hello');
    const ran = await type('deploy', '--stage', 'cli', '--yes', '--json', ...at);
    requireNothingLeftOut(readFileSync(inject('localstack').log, 'utf8'));
    return ran;
  });
}
