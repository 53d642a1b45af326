/** What every bookkeeping function makes once per cold start, from its environment, and how it reads its event. */
import { randomBytes } from 'node:crypto';
import { Logger } from '@aws-lambda-powertools/logger';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SNSClient } from '@aws-sdk/client-sns';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type * as z from 'zod/mini';
import { BunsuiError } from '../lib/errors.ts';
import type { StartDeps } from '../lib/sessions/deps.ts';
import { channelEventsFrom } from '../lib/sessions/notice-rules.ts';
import { environment } from '../lib/storage-layout.ts';

/** What `process.env` is. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** @throws {BunsuiError} BS2002 when the function was deployed without the variable */
export function requireVariable(env: Environment, name: string): string {
  const value = env[name];
  if (value !== undefined && value !== '') return value;
  throw new BunsuiError('ConfigError', 'BS2002', `the environment variable ${name} is not set`, {
    hint: 'deploy the function with the Platform construct, which sets it',
  });
}

/**
 * How often a call of a table is tried, as the wrapper does it. Of the SDK's own three tries a table that throttles a
 * third of its calls lets one in thirty fail; a batch of many writes would hardly ever be recorded whole.
 */
export const tableTries = 10;

/** Clients and names that starting a session takes; ending one takes these and more. */
export function startDeps(env: Environment): StartDeps {
  const name = env[environment.environment];
  return {
    db: DynamoDBDocumentClient.from(new DynamoDBClient(triesOf(env)), {
      marshallOptions: { removeUndefinedValues: true },
    }),
    sfn: new SFNClient({}),
    s3: s3Client(env),
    names: {
      sessionsTable: requireVariable(env, environment.sessionsTable),
      jobHistoryTable: requireVariable(env, environment.jobHistoryTable),
      pipelinesTable: requireVariable(env, environment.pipelinesTable),
      bucket: requireVariable(env, environment.bucket),
    },
    region: requireVariable(env, 'AWS_REGION'),
    now: Date.now,
    entropy: () => BigInt(`0x${randomBytes(10).toString('hex')}`),
    ...(name === undefined || name === '' ? {} : { environment: name }),
    ...gates(env),
    ...deployments(env),
    ...notices(env),
  };
}

/** What the environment says of tries counts, as it does for every client. */
function triesOf({ AWS_MAX_ATTEMPTS: said }: Environment): { readonly maxAttempts?: number } {
  return said === undefined ? { maxAttempts: tableTries } : {};
}

/** Not set where a function has nothing to do with approvals. */
function gates(env: Environment): Pick<StartDeps, 'gatesTable'> {
  const gatesTable = env[environment.gatesTable];
  return gatesTable === undefined || gatesTable === '' ? {} : { gatesTable };
}

/** Not set where nobody is told. */
function notices(env: Environment): Pick<StartDeps, 'notices'> {
  const topic = env[environment.topic];
  if (topic === undefined || topic === '') return {};
  const platform = /:stateMachine:([a-z0-9]+)-$/.exec(env[environment.machines] ?? '')?.[1];
  const channels = channelEventsFrom(env[environment.channels]);
  return { notices: { sns: new SNSClient({}), topic, channels, ...(platform === undefined ? {} : { platform }) } };
}

/** Not set where the command line registers what it deploys. */
function deployments(env: Environment): Pick<StartDeps, 'deployments'> {
  const machines = env[environment.machines];
  if (machines === undefined || machines === '') return {};
  const bucket = requireVariable(env, environment.bucket);
  return { deployments: { machines, s3: s3Client(env), bucket, known: new Map() } };
}

export function s3Client(env: Environment): S3Client {
  // Locally buckets are no host names.
  return new S3Client({ forcePathStyle: env['AWS_ENDPOINT_URL'] !== undefined });
}

export function functionLogger(): Logger {
  return new Logger({ serviceName: 'bunsui' });
}

/** The session that an execution is named for, as a field of every line that is logged about it. */
export function sessionKey(executionArn: string): { readonly session_id?: string } {
  const [, session_id] = /:session-([0-9a-z]{26})-\d{1,6}$/.exec(executionArn) ?? [];
  return session_id === undefined ? {} : { session_id };
}

/**
 * Reads an event by its schema.
 * @throws {BunsuiError} BS3001 with path and reason of every issue
 */
export function parseEvent<T extends z.ZodMiniType>(schema: T, event: unknown, what: string): z.output<T> {
  const parsed = schema.safeParse(event);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'event'}: ${message}`);
  throw new BunsuiError('ValidationError', 'BS3001', `this is no ${what}: ${lines.join('; ')}`);
}
