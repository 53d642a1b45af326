/**
 * What bunsui asks of its own runtime beyond AWS's protocols: registering functions, resuming executions, and
 * following one live. Signed like everything else, with `bunsui` as the service.
 */
import { isAbsolute } from 'node:path';
import { type AwsAnswer, AwsFault } from './aws-fault.ts';
import { isChildMachine } from '../storage-layout.ts';
import type { Executions } from './executions.ts';
import type { Firings, PipelineFirings } from './firings.ts';
import type { FunctionConfig } from './function-process.ts';
import type { FunctionPool } from './function-pool.ts';
import type { NoticeQueue, Notices } from './notices.ts';
import type { AwsRequest, Service } from './http.ts';
import {
  type JsonInput,
  optionalNumber,
  optionalString,
  readJson,
  refuseOthers,
  requiredString,
} from './json-input.ts';
import type { StatusEvents } from './status-events.ts';

/** A live view asks again after this long without news. */
const longestWaitMs = 20_000;
const reserved = /^(AWS_|_HANDLER$|LAMBDA_|TZ$)/;

export interface PrivateParts {
  readonly pool: FunctionPool;
  readonly executions: Executions;
  readonly statusEvents: StatusEvents;
  readonly notices: Notices;
  readonly firings: Firings;
}

/** The private service. */
export function privateService(parts: PrivateParts): Service {
  return {
    protocol: 'rest-json',
    async handle(request) {
      const [, root, ...rest] = request.path.split('/').map(decode);
      const route = `${request.method} ${rest.map((part, index) => (index === 1 && rest[0] !== 'targets' ? '*' : part)).join('/')}`;
      const handler = root === '_bunsui' && Object.hasOwn(routes, route) ? routes[route] : undefined;
      if (handler === undefined) throw new AwsFault('UnknownOperationException', `no such route: ${route}`, 404);
      const answer = await handler(parts, request, rest[1] ?? '');
      return jsonBody(answer);
    },
  };
}

type Route = (parts: PrivateParts, request: AwsRequest, name: string) => Promise<object>;

const routes: Readonly<Record<string, Route>> = {
  'GET ping': async () => ({ pid: process.pid }),

  async 'PUT functions/*'({ pool }, { body }, name) {
    await pool.register(readFunction(name, readJson(body)));
    return {};
  },

  async 'PUT targets/status-change'({ pool, statusEvents }, { body }) {
    const input = readJson(body);
    refuseOthers(input, ['functionName']);
    const functionName = requiredString(input, 'functionName');
    if (pool.find(functionName) === undefined) {
      throw new AwsFault('ResourceNotFoundException', `no such function: ${functionName}`, 404);
    }
    await statusEvents.setTarget(functionName);
    return {};
  },

  async 'PUT notices'({ notices }, { body }) {
    const input = readJson(body);
    refuseOthers(input, [
      'topicArn',
      'functionName',
      'recordFunctionName',
      'deadlineFunctionName',
      'queues',
      'secrets',
    ]);
    const deadlineFunctionName = optionalString(input, 'deadlineFunctionName');
    await notices.set({
      topicArn: requiredString(input, 'topicArn'),
      functionName: requiredString(input, 'functionName'),
      recordFunctionName: requiredString(input, 'recordFunctionName'),
      ...(deadlineFunctionName === undefined ? {} : { deadlineFunctionName }),
      queues: readList(input, 'queues', readNoticeQueue),
      secrets: readList(input, 'secrets', (name) => {
        if (typeof name !== 'string') throw refusal('secrets', name, 'a list of names');
        return name;
      }),
    });
    return {};
  },

  async 'PUT firings/*'({ firings, pool }, { body }, pipeline) {
    const input = readJson(body);
    refuseOthers(input, ['functionName', 'schedules', 'triggers']);
    const functionName = requiredString(input, 'functionName');
    if (pool.find(functionName) === undefined) {
      throw new AwsFault('ResourceNotFoundException', `no such function: ${functionName}`, 404);
    }
    // Taken as they stand in a compiled pipeline, which was checked: only our own command line calls this.
    const { schedules, triggers } = input as unknown as Pick<PipelineFirings, 'schedules' | 'triggers'>;
    await firings.deploy({ pipeline, functionName, schedules, triggers });
    return {};
  },

  async 'POST resume'({ executions }, { body }) {
    const input = readJson(body);
    refuseOthers(input, ['executionArn']);
    const executionArn = optionalString(input, 'executionArn');
    return { resumed: await executions.resume(executionArn === undefined ? undefined : [executionArn]) };
  },

  async 'GET executions'({ executions }) {
    const isOwn = (arn: string) => !isChildMachine(arn.split(':').at(-1) ?? '');
    const running = (await executions.list()).filter((one) => one.status === 'RUNNING' && isOwn(one.stateMachineArn));
    return { unfinished: running };
  },

  async 'GET executions/*/events'({ executions }, { query, signal }, executionArn) {
    const after = Number(query.get('after') ?? '0');
    if (!Number.isSafeInteger(after) || after < 0) {
      throw new AwsFault('ValidationException', 'after must be the id of an event, or 0');
    }
    const limit = AbortSignal.any([signal, AbortSignal.timeout(longestWaitMs)]);
    const followed = await executions.follow(executionArn, after, limit);
    if (followed === undefined) throw new AwsFault('ExecutionDoesNotExist', `no such execution: ${executionArn}`, 404);
    return followed;
  },
};

function readFunction(name: string, input: JsonInput): FunctionConfig {
  refuseOthers(input, ['handlerFile', 'handler', 'timeoutSeconds', 'memoryMiB', 'environment']);
  if (!/^[A-Za-z0-9_-]{1,140}$/.test(name))
    throw refusal('the name of a function', name, 'letters, digits, - and _, at most 140');
  const handlerFile = requiredString(input, 'handlerFile');
  if (!isAbsolute(handlerFile) || handlerFile.includes('\0'))
    throw refusal('handlerFile', handlerFile, 'an absolute path');
  const handler = requiredString(input, 'handler');
  if (!/^[A-Za-z_$][\w$]{0,127}$/.test(handler)) throw refusal('handler', handler, 'the name of an export');
  const timeoutSeconds = optionalNumber(input, 'timeoutSeconds') ?? 3;
  if (!(timeoutSeconds >= 1 && timeoutSeconds <= 86_400)) throw refusal('timeoutSeconds', timeoutSeconds, '1 to 86400');
  const memoryMiB = optionalNumber(input, 'memoryMiB') ?? 128;
  if (!(Number.isInteger(memoryMiB) && memoryMiB >= 128 && memoryMiB <= 10_240)) {
    throw refusal('memoryMiB', memoryMiB, 'an integer from 128 to 10240');
  }
  return { name, handlerFile, handler, timeoutSeconds, memoryMiB, environment: readEnvironment(input['environment']) };
}

function readList<T>(input: JsonInput, name: string, read: (item: unknown) => T): readonly T[] {
  const items = input[name];
  if (!Array.isArray(items)) throw refusal(name, items, 'a list');
  return items.map(read);
}

function readNoticeQueue(value: unknown): NoticeQueue {
  const input = (typeof value === 'object' && value !== null ? value : {}) as JsonInput;
  refuseOthers(input, ['channel', 'queue', 'deadLetters', 'maxReceives', 'visibilityTimeoutSeconds']);
  const name = (field: string) => {
    const text = requiredString(input, field);
    // It becomes the name of a folder.
    if (!/^[\w-]{1,80}$/.test(text)) throw refusal(field, text, '1 to 80 letters, digits, - and _');
    return text;
  };
  return {
    channel: name('channel'),
    queue: name('queue'),
    deadLetters: name('deadLetters'),
    maxReceives: optionalNumber(input, 'maxReceives') ?? 10,
    visibilityTimeoutSeconds: optionalNumber(input, 'visibilityTimeoutSeconds') ?? 30,
  };
}

function readEnvironment(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refusal('environment', value, 'an object of strings');
  }
  const entries = Object.entries(value).map(([name, text]): [string, string] => {
    if (!/^[A-Za-z]\w*$/.test(name) || reserved.test(name)) {
      throw refusal('environment', name, 'names of letters, digits and _ that Lambda does not keep for itself');
    }
    if (typeof text !== 'string' || text.includes('\0'))
      throw refusal(`environment.${name}`, text, 'a string without NUL');
    return [name, text];
  });
  return Object.fromEntries(entries);
}

function refusal(what: string, found: unknown, allowed: string): AwsFault {
  const shown = JSON.stringify(found)?.slice(0, 200);
  return new AwsFault('InvalidParameterValueException', `${what} is ${shown}, allowed is ${allowed}`);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new AwsFault('ValidationException', 'the path is not well-formed');
  }
}

function jsonBody(value: object): AwsAnswer {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}
