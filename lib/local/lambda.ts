/** Lambda, as far as calling functions goes: Invoke (waiting, or as an event), GetFunction, ListFunctions. */
import { randomUUID } from 'node:crypto';
import { type AwsAnswer, AwsFault } from './aws-fault.ts';
import type { FunctionConfig } from './function-process.ts';
import type { FunctionPool } from './function-pool.ts';
import type { AwsRequest, Service } from './http.ts';
import type { RuntimeLog } from './runtime-log.ts';

/** What Lambda takes: 6 MB from a caller who waits, 1 MB as an event. */
const maxPayloadBytes = { RequestResponse: 6_291_456, Event: 1_048_576 } as const;
/** Lambda tries an event twice more. */
const eventTries = 3;

/** The name in what callers say: a name, a partial or a whole ARN, each perhaps with a version. */
export function functionNameOf(reference: string): string {
  const parts = reference.split(':');
  const at = parts.indexOf('function');
  return (at < 0 ? parts[0] : parts[at + 1]) ?? '';
}

/** The Lambda service over a pool. */
export function lambdaService(pool: FunctionPool, arnOf: (name: string) => string, log: RuntimeLog): Service {
  // Nobody calls these invocations off.
  const never = new AbortController().signal;
  return {
    protocol: 'rest-json',
    async handle(request) {
      const path = request.path.replace(/\/$/, '');
      const [, reference, rest] = /^\/2015-03-31\/functions\/([^/]+)(\/invocations)?$/.exec(path) ?? [];
      if (request.method === 'POST' && reference !== undefined && rest !== undefined) {
        return invoke(pool, existing(pool, arnOf, reference), request, log, never);
      }
      if (request.method === 'GET' && reference !== undefined && rest === undefined) {
        const config = existing(pool, arnOf, reference);
        return answer(200, { Configuration: describe(config, arnOf), Tags: {} });
      }
      if (request.method === 'GET' && path === '/2015-03-31/functions') {
        return answer(200, { Functions: pool.list().map((config) => describe(config, arnOf)) });
      }
      log('warn', `unsupported Lambda call: ${request.method} ${path}`);
      throw new AwsFault('UnknownOperationException', `${request.method} ${path} is not served here`, 501);
    },
  };
}

function existing(pool: FunctionPool, arnOf: (name: string) => string, reference: string): FunctionConfig {
  const name = functionNameOf(decodeURIComponent(reference));
  const config = pool.find(name);
  if (config === undefined) {
    throw new AwsFault('ResourceNotFoundException', `Function not found: ${arnOf(name)}`, 404);
  }
  return config;
}

async function invoke(
  pool: FunctionPool,
  config: FunctionConfig,
  request: AwsRequest,
  log: RuntimeLog,
  never: AbortSignal,
): Promise<AwsAnswer> {
  const type = request.headers['x-amz-invocation-type'] ?? 'RequestResponse';
  if (type === 'DryRun') return { status: 204, headers: {}, body: '' };
  if (type !== 'RequestResponse' && type !== 'Event') {
    throw new AwsFault(
      'InvalidParameterValueException',
      `InvocationType ${type} is not one of Event, RequestResponse, DryRun`,
    );
  }
  if (request.headers['x-amz-client-context'] !== undefined) {
    log('warn', 'unsupported Lambda parameter: ClientContext');
    throw new AwsFault('InvalidParameterValueException', 'ClientContext is not served here');
  }
  const payload = payloadText(request.body, type);
  if (type === 'Event') {
    void deliverEvent(pool, config, payload, log, never);
    return { status: 202, headers: { 'content-type': 'application/json' }, body: '' };
  }
  // As on AWS, a caller who has gone does not end what he began.
  const result = await pool.invoke(config, payload, never);
  return {
    status: 200,
    headers: {
      'content-type': 'application/json',
      'x-amzn-requestid': result.requestId,
      'x-amz-executed-version': '$LATEST',
      ...(!result.ok && { 'x-amz-function-error': 'Unhandled' }),
      ...(request.headers['x-amz-log-type'] === 'Tail' && {
        'x-amz-log-result': Buffer.from(result.logTail).toString('base64'),
      }),
    },
    body: result.ok ? result.payload : JSON.stringify(result.error),
  };
}

async function deliverEvent(
  pool: FunctionPool,
  config: FunctionConfig,
  payload: string,
  log: RuntimeLog,
  never: AbortSignal,
): Promise<void> {
  for (let attempt = 1; attempt <= eventTries; attempt += 1) {
    const result = await pool.invoke(config, payload, never);
    if (result.ok) return;
    log('warn', `an event for ${config.name} failed, try ${attempt} of ${eventTries}`, { error: result.error });
  }
}

function payloadText(body: Uint8Array, type: keyof typeof maxPayloadBytes): string {
  const limit = maxPayloadBytes[type];
  if (body.length > limit) {
    throw new AwsFault(
      'RequestTooLargeException',
      `Request must be smaller than ${limit} bytes for the InvokeFunction operation`,
      413,
    );
  }
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8');
  if (text === '') return '{}';
  try {
    JSON.parse(text);
    return text;
  } catch {
    throw new AwsFault('InvalidRequestContentException', 'Could not parse request body into json');
  }
}

function describe(config: FunctionConfig, arnOf: (name: string) => string): object {
  return {
    FunctionName: config.name,
    FunctionArn: arnOf(config.name),
    Runtime: 'nodejs24.x',
    Handler: `index.${config.handler}`,
    Timeout: config.timeoutSeconds,
    MemorySize: config.memoryMiB,
    Version: '$LATEST',
    State: 'Active',
    PackageType: 'Zip',
    RevisionId: randomUUID(),
    Environment: { Variables: config.environment },
  };
}

function answer(status: number, value: object): AwsAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}
