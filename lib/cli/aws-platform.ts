/**
 * A deployed platform, as commands use it. What it is made of stands in SSM under its name (`platformParameters`), so
 * its name, a region and credentials are all that a person gives.
 */
import { GetParametersByPathCommand, GetParametersCommand, SSMClient } from '@aws-sdk/client-ssm';
import { BunsuiError } from '../errors.ts';
import type { StartedSession } from '../sessions/start-session.ts';
import { objectKeys, type PlatformParameter, parameterPath, platformParameters } from '../storage-layout.ts';
import { awsError } from './aws-errors.ts';
import { readAwsEvents } from './aws-feed.ts';
import { type ClientConfig, type Clients, makeClients } from './clients.ts';
import type { CommandContext } from './context.ts';
import { startError } from './start-errors.ts';
import { requestText } from './start-request.ts';
import type { PlatformBase, SessionRequest } from './platform.ts';
import type { AwsTarget } from './platform-target.ts';

export interface AwsPlatform extends PlatformBase {
  readonly kind: 'aws';
  /** Its prefix. */
  readonly name: string;
  readonly machines: string;
  /**
   * What SSM says of it.
   *
   * @throws {BunsuiError} BS2003 when the platform that is deployed has none: it is of an earlier version.
   */
  parameter(name: PlatformParameter): string;
}

/** Without these no command can do anything. */
const needed: readonly PlatformParameter[] = [
  'bucket',
  'job-history-table',
  'machines',
  'pipelines-table',
  'sessions-table',
  'start-session',
];
/** SSM gives this many parameters at a time. */
const parametersAtOnce = 10;

type Parameters = { readonly [name in PlatformParameter]?: string };

function newParameterClient({ region, profile, endpointUrl }: AwsTarget): SSMClient {
  return new SSMClient({
    ...(region === undefined ? {} : { region }),
    ...(profile === undefined ? {} : { profile }),
    ...(endpointUrl === undefined ? {} : { endpoint: endpointUrl }),
  });
}

async function readParameters(ssm: SSMClient, prefix: string): Promise<Parameters> {
  const path = parameterPath(prefix);
  const batches = Array.from({ length: Math.ceil(platformParameters.length / parametersAtOnce) }, (_, index) =>
    platformParameters.slice(index * parametersAtOnce, (index + 1) * parametersAtOnce),
  );
  const pages = await Promise.all(
    batches.map((names) => ssm.send(new GetParametersCommand({ Names: names.map((name) => `${path}/${name}`) }))),
  );
  return Object.fromEntries(
    pages.flatMap(({ Parameters = [] }) =>
      Parameters.map(({ Name = '', Value = '' }) => [Name.slice(path.length + 1), Value]),
    ),
  );
}

/** Most names of platforms that a hint lists. */
const shownPlatforms = 5;

/** Names of the platforms of this account and region. */
export async function platformsThere(ssm: SSMClient): Promise<readonly string[]> {
  const names = new Set<string>();
  let from: string | undefined;
  do {
    const page = await ssm.send(
      new GetParametersByPathCommand({
        Path: '/bunsui',
        Recursive: true,
        ...(from === undefined ? {} : { NextToken: from }),
      }),
    );
    for (const { Name = '' } of page.Parameters ?? []) names.add(Name.split('/')[2] ?? '');
    from = page.NextToken;
  } while (from !== undefined);
  return [...names].filter((name) => name !== '').toSorted();
}

async function noPlatform(
  { commandName }: CommandContext,
  name: string,
  region: string,
  ssm: SSMClient,
): Promise<BunsuiError> {
  // Who may read one platform's parameters need not be allowed to list all.
  const others = await platformsThere(ssm).catch(() => []);
  const more = others.length > shownPlatforms ? ' …' : '';
  const hint =
    others.length === 0
      ? `give another --region or --profile, or deploy one: ${commandName} deploy --help`
      : `there ${others.length === 1 ? 'is' : 'are'} ${others.slice(0, shownPlatforms).join(', ')}${more} in this region`;
  return new BunsuiError('ConfigError', 'BS2003', `no platform "${name}" is deployed in ${region}`, { hint });
}

/**
 * Opens a deployed platform.
 *
 * @throws {BunsuiError} BS2001 without a region, BS2003 when there is no such platform, BS5001 when AWS refuses or does
 *   not answer.
 */
export async function openAwsPlatform(context: CommandContext, target: AwsTarget): Promise<AwsPlatform> {
  const { name } = target;
  const ssm = newParameterClient(target);
  const explained = (thrown: unknown) => Promise.reject(awsError(thrown, target) ?? thrown);
  const region = await ssm.config.region().catch(explained);
  const parameters = await readParameters(ssm, name).catch(explained);
  if (Object.keys(parameters).length === 0) throw await noPlatform(context, name, region, ssm);
  const parameter = (wanted: PlatformParameter): string => {
    const value = parameters[wanted];
    if (value !== undefined) return value;
    throw new BunsuiError(
      'ConfigError',
      'BS2003',
      `platform "${name}" in ${region} has no ${parameterPath(name)}/${wanted}`,
      {
        hint: `deploy it again with this version: ${context.commandName} deploy`,
      },
    );
  };
  for (const wanted of needed) parameter(wanted);
  const names = {
    sessionsTable: parameter('sessions-table'),
    jobHistoryTable: parameter('job-history-table'),
    pipelinesTable: parameter('pipelines-table'),
    bucket: parameter('bucket'),
  };
  const { endpointUrl } = target;
  // One resolution of the credentials for all clients: a profile may ask a person, or another program.
  const clientConfig: ClientConfig = {
    region,
    credentials: ssm.config.credentials,
    ...(endpointUrl === undefined ? {} : { endpoint: endpointUrl }),
  };
  const { environment } = context;
  const isElsewhere = [endpointUrl, environment['AWS_ENDPOINT_URL'], environment['AWS_ENDPOINT_URL_S3']].some(Boolean);
  let clients: Clients | undefined;
  const clientsOf = () => {
    clients ??= makeClients(clientConfig, names, { pathStyle: isElsewhere });
    return clients;
  };
  return {
    kind: 'aws',
    name,
    names,
    region,
    clientConfig,
    machines: parameter('machines'),
    parameter,
    clients: async () => clientsOf(),
    readEvents: (executionArn, after) => readAwsEvents(clientsOf().sfn, executionArn, after),
    unfinished: async () => [],
    start: (request) => startByFunction(clientConfig, parameter('start-session'), request),
    placesOf: ({ session, createdAt, isRecorded }) => {
      const at = { session, createdAt };
      return {
        report: `s3://${names.bucket}/${objectKeys.report(at)}`,
        logs: `s3://${names.bucket}/${objectKeys.logPrefix(at).replace(/\/$/, '')}`,
        exist: () => isRecorded,
      };
    },
    close: async () => ssm.destroy(),
  };
}

async function startByFunction(
  config: ClientConfig,
  functionName: string,
  request: SessionRequest,
): Promise<StartedSession> {
  const { InvokeCommand, LambdaClient } = await import('@aws-sdk/client-lambda');
  const lambda = new LambdaClient(config);
  const answer = await lambda.send(new InvokeCommand({ FunctionName: functionName, Payload: requestText(request) }));
  const payload = answer.Payload?.transformToString() ?? '{}';
  if (answer.FunctionError !== undefined) throw startError(payload, `see the log of the function ${functionName}`);
  return JSON.parse(payload) as StartedSession;
}
