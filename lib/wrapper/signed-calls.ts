/** Calls of AWS services that speak JSON, signed by hand: no SDK, because this rides in every function. */
import { jobErrors } from '../errors.ts';
import { signedHeaders } from '../request-signature.ts';
import { asError, jobError } from './job-error.ts';
import type { WrapperPorts } from './ports.ts';

/** A service: what it is called in addresses, the prefix of its operations, its version of the protocol. */
export interface Service {
  readonly name: 'dynamodb' | 'states' | 'secretsmanager';
  readonly target: string;
  readonly protocol: '1.0' | '1.1';
}

export const dynamodb: Service = { name: 'dynamodb', target: 'DynamoDB_20120810', protocol: '1.0' };
export const stepFunctions: Service = { name: 'states', target: 'AWSStepFunctions', protocol: '1.0' };

export const secretsManager: Service = { name: 'secretsmanager', target: 'secretsmanager', protocol: '1.1' };

/** Environment variables that name a service's address, before the one for all. */
const endpointVariables = {
  dynamodb: 'AWS_ENDPOINT_URL_DYNAMODB',
  states: 'AWS_ENDPOINT_URL_SFN',
  secretsmanager: 'AWS_ENDPOINT_URL_SECRETS_MANAGER',
} as const;

const maxTries = 10;
const firstDelayMs = 50;
const maxDelayMs = 2_000;
/** A call takes milliseconds; one that takes this long is lost. */
const maxCallMs = 5_000;

/** Answers with status 400 that the same call may get past. */
const passing = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'ThrottledException',
  'Throttling',
  'RequestLimitExceeded',
  'TransactionInProgressException',
  'InternalServerError',
]);

/** Refused, and refused again however often it is said. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly type: string;
  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

/** A request of an AWS service, with the headers that sign it for the function's own credentials. */
export function signedRequest(
  environment: WrapperPorts['environment'],
  service: string,
  {
    method,
    address,
    headers,
    body,
  }: {
    readonly method: string;
    readonly address: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string | Uint8Array;
  },
): { readonly url: URL; readonly headers: Readonly<Record<string, string>> } {
  const url = new URL(address);
  const parts = { method, path: url.pathname, query: url.search.slice(1), headers: { ...headers, host: url.host } };
  const sessionToken = environment['AWS_SESSION_TOKEN'];
  const credentials = {
    accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
    secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
    ...(sessionToken === undefined ? {} : { sessionToken }),
  };
  const scope = { service, region: regionOf(environment) };
  return { url, headers: signedHeaders(parts, scope, credentials, body, Date.now()) };
}

/** The region that the environment names. */
export function regionOf(environment: WrapperPorts['environment']): string {
  return environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'] ?? 'us-east-1';
}

/** Makes a call. @throws {CallError} for what no repetition helps; a job error when the tries or the time are used up */
export type SignedCall = (service: Service, operation: string, request: object) => Promise<unknown>;

/** @param remainingMs how long the function still has */
export function signedCalls(ports: WrapperPorts, remainingMs: () => number): SignedCall {
  const env = ports.environment;

  const callOnce = async (service: Service, operation: string, body: string): Promise<unknown> => {
    const address =
      env[endpointVariables[service.name]] ??
      env['AWS_ENDPOINT_URL'] ??
      `https://${service.name}.${regionOf(env)}.amazonaws.com`;
    const { url, headers } = signedRequest(env, service.name, {
      method: 'POST',
      address,
      headers: {
        'content-type': `application/x-amz-json-${service.protocol}`,
        'x-amz-target': `${service.target}.${operation}`,
      },
      body,
    });
    const signal = AbortSignal.timeout(Math.max(1, Math.min(maxCallMs, Math.floor(remainingMs()))));
    const response = await ports.fetch(url, { method: 'POST', headers, body, signal });
    const text = await response.text();
    if (response.status === 200) return JSON.parse(text) as unknown;
    let answer: { readonly __type?: string; readonly message?: string; readonly Message?: string } = {};
    try {
      answer = JSON.parse(text) as typeof answer;
    } catch {
      // A proxy's error page: the status has to do.
    }
    const type = answer.__type?.split('#').at(-1) ?? `status ${response.status}`;
    if (response.status === 400 && !passing.has(type))
      throw new CallError(type, answer.message ?? answer.Message ?? type);
    throw new Error(`${type}: ${answer.message ?? answer.Message ?? text.slice(0, 200)}`);
  };

  return async (service, operation, request) => {
    const body = JSON.stringify(request);
    const { TableName: table } = request as { readonly TableName?: string };
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await callOnce(service, operation, body);
      } catch (thrown) {
        if (thrown instanceof CallError) throw thrown;
        const delayMs = ports.random() * Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1));
        if (attempt >= maxTries || delayMs >= remainingMs()) {
          const { message } = asError(thrown);
          const what = table === undefined ? operation : `${operation} on table ${table}`;
          throw jobError(jobErrors.recordFailed, `${what} failed ${attempt} times, at last by: ${message}`, thrown);
        }
        await ports.sleep(delayMs);
      }
    }
  };
}

/** A call's failure as the job fails with it. */
export function refusal(what: string, thrown: unknown): Error {
  return thrown instanceof CallError
    ? jobError(jobErrors.recordFailed, `${what} was refused: ${thrown.type}: ${thrown.message}`, thrown)
    : asError(thrown);
}
