/** Calls of AWS services that speak JSON, signed by hand: no SDK, because this rides in every function. */
import { AwsV4Signer } from 'aws4fetch';
import { jobErrors } from '../errors.ts';
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

/** Signing keys, for all signers of this process: to derive one takes longer than the rest of a call to sign. */
export const signingKeys = new Map<string, ArrayBuffer>();

/** Makes a call. @throws {CallError} for what no repetition helps; a job error when the tries or the time are used up */
export type SignedCall = (service: Service, operation: string, request: object) => Promise<unknown>;

/** @param remainingMs how long the function still has */
export function signedCalls(ports: WrapperPorts, remainingMs: () => number): SignedCall {
  const env = ports.environment;
  const region = env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? 'us-east-1';

  const callOnce = async (service: Service, operation: string, body: string): Promise<unknown> => {
    const url =
      env[endpointVariables[service.name]] ??
      env['AWS_ENDPOINT_URL'] ??
      `https://${service.name}.${region}.amazonaws.com`;
    const signer = new AwsV4Signer({
      method: 'POST',
      url,
      headers: {
        'content-type': `application/x-amz-json-${service.protocol}`,
        'x-amz-target': `${service.target}.${operation}`,
      },
      body,
      service: service.name,
      region,
      cache: signingKeys,
      accessKeyId: env['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] ?? '',
      ...(env['AWS_SESSION_TOKEN'] === undefined ? {} : { sessionToken: env['AWS_SESSION_TOKEN'] }),
    });
    const signed = await signer.sign();
    const signal = AbortSignal.timeout(Math.max(1, Math.min(maxCallMs, Math.floor(remainingMs()))));
    const response = await ports.fetch(signed.url, { method: signed.method, headers: signed.headers, body, signal });
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
