/** Lambda, as far as calling functions goes: Invoke (waiting, or as an event), GetFunction, ListFunctions. */
import { randomUUID } from 'node:crypto';
import { type AwsAnswer, AwsFault } from './aws-fault.ts';
import type { FunctionConfig } from './function-process.ts';
import type { FunctionPool } from './function-pool.ts';
import type { AwsRequest, Service } from './http.ts';
import { decodeToken, encodeToken } from './json-input.ts';
import type { RuntimeLog } from './runtime-log.ts';

/** What Lambda takes: 6 MB from a caller who waits, 1 MB as an event. */
const maxPayloadBytes = { RequestResponse: 6_291_456, Event: 1_048_576 } as const;
/** Lambda tries an event twice more. */
const eventTries = 3;

/** How many functions a page of ListFunctions has at most. */
const maxPage = 50;
/** What a request may carry beside its signature; whatever else begins so would be passed over in silence. */
const knownHeaders = /^x-amz-(date|content-sha256|security-token|user-agent|invocation-type|log-type|client-context)$/;

/** Where the functions of a runtime are. */
export interface LambdaPlace {
  readonly region: string;
  readonly accountId: string;
}

/**
 * The function that callers mean by a name, a partial or a whole ARN, each perhaps with a qualifier.
 *
 * @param qualifier As given beside the name. There are no versions or aliases here: only `$LATEST` is found.
 * @throws {AwsFault} as Lambda refuses what is not there, not here, or not a name.
 * @see https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (FunctionName)
 */
export function referredFunction(
  pool: FunctionPool,
  place: LambdaPlace,
  reference: string,
  qualifier?: string,
): FunctionConfig {
  const match =
    /^(?:arn:aws:lambda:([a-z0-9-]+):(?=\d{12}:function:))?(?:(\d{12}):function:)?([\w-]{1,140})(?::(\$LATEST|[\w-]{1,128}))?$/.exec(
      reference,
    );
  if (match === null) {
    throw new AwsFault(
      'ValidationException',
      `FunctionName ${JSON.stringify(reference.slice(0, 300))} is no name or ARN`,
    );
  }
  const [, region = place.region, account = place.accountId, name = '', derived] = match;
  if (region !== place.region) {
    throw new AwsFault(
      'ResourceNotFoundException',
      `Functions from '${region}' are not reachable in this region ('${place.region}')`,
      404,
    );
  }
  if (account !== place.accountId) {
    throw new AwsFault(
      'AccessDeniedException',
      `No resource-based policy allows access to ${reference}: the account here is ${place.accountId}`,
      403,
    );
  }
  if (derived !== undefined && qualifier !== undefined && derived !== qualifier) {
    throw new AwsFault(
      'InvalidParameterValueException',
      'The derived qualifier from the function name does not match the specified qualifier.',
    );
  }
  const version = qualifier ?? derived ?? '$LATEST';
  const config = pool.find(name);
  if (config === undefined || version !== '$LATEST') {
    const arn = `arn:aws:lambda:${region}:${account}:function:${name}${version === '$LATEST' ? '' : `:${version}`}`;
    throw new AwsFault('ResourceNotFoundException', `Function not found: ${arn}`, 404);
  }
  return config;
}

/** The Lambda service over a pool. */
export function lambdaService(pool: FunctionPool, place: LambdaPlace, log: RuntimeLog): Service {
  // Nobody calls these invocations off.
  const never = new AbortController().signal;
  const arnOf = (name: string) => `arn:aws:lambda:${place.region}:${place.accountId}:function:${name}`;
  const refuseOthers = ({ query, headers }: AwsRequest, known: readonly string[]) => {
    const others = [
      ...[...query.keys()].filter((name) => !known.includes(name) && !name.startsWith('X-Amz-')),
      ...Object.keys(headers).filter((name) => name.startsWith('x-amz-') && !knownHeaders.test(name)),
    ];
    if (others.length === 0) return;
    log('warn', `unsupported Lambda parameter: ${others.join(', ')}`);
    throw new AwsFault('InvalidParameterValueException', `not served here: ${others.join(', ')}`);
  };
  const meant = (request: AwsRequest, reference: string) => {
    refuseOthers(request, ['Qualifier']);
    const name = decoded(reference);
    const qualifier = request.query.get('Qualifier') ?? undefined;
    try {
      return referredFunction(pool, place, name, qualifier);
    } catch (error) {
      const said = qualifier === undefined ? name : `${name}, Qualifier ${qualifier}`;
      if (error instanceof AwsFault) log('warn', `refused Lambda call: ${error.message}`, { function: said });
      throw error;
    }
  };
  return {
    protocol: 'rest-json',
    async handle(request) {
      const path = request.path.replace(/\/$/, '');
      const [, reference, rest] = /^\/2015-03-31\/functions\/([^/]+)(\/invocations)?$/.exec(path) ?? [];
      if (request.method === 'POST' && reference !== undefined && rest !== undefined) {
        return invoke(pool, meant(request, reference), request, log, never);
      }
      if (request.method === 'GET' && reference !== undefined && rest === undefined) {
        return answer(200, { Configuration: describe(meant(request, reference), arnOf), Tags: {} });
      }
      if (request.method === 'GET' && path === '/2015-03-31/functions') {
        refuseOthers(request, ['MaxItems', 'Marker']);
        const { functions, next } = pageOf(pool.list(), request.query);
        return answer(200, { Functions: functions.map((config) => describe(config, arnOf)), ...next });
      }
      log('warn', `unsupported Lambda call: ${request.method} ${path}`);
      throw new AwsFault('UnknownOperationException', `${request.method} ${path} is not served here`, 501);
    },
  };
}

/** A page of functions, which come in the order of their names. The marker says the last name of the page before. */
function pageOf(
  all: readonly FunctionConfig[],
  query: URLSearchParams,
): { readonly functions: readonly FunctionConfig[]; readonly next: { readonly NextMarker?: string } } {
  const asked = query.get('MaxItems') ?? String(maxPage);
  if (!/^\d{1,5}$/.test(asked) || Number(asked) < 1 || Number(asked) > 10_000) {
    throw new AwsFault('InvalidParameterValueException', `MaxItems must be 1 to 10000, not ${JSON.stringify(asked)}`);
  }
  const marker = query.get('Marker');
  const [after = ''] = marker === null ? [] : (decodeToken(marker) ?? [undefined, undefined]);
  if (typeof after !== 'string' || (marker !== null && after === '')) {
    throw new AwsFault('InvalidParameterValueException', 'Marker is none that ListFunctions gave');
  }
  const left = all.filter(({ name }) => name > after);
  const functions = left.slice(0, Math.min(Number(asked), maxPage));
  const last = functions.at(-1);
  return {
    functions,
    next: last !== undefined && functions.length < left.length ? { NextMarker: encodeToken([last.name]) } : {},
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new AwsFault('ValidationException', 'the path is not well-formed: its percent-encoding cannot be read');
  }
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
