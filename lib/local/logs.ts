/** CloudWatch Logs, as far as reading what functions printed goes: FilterLogEvents and DescribeLogGroups. */
import { type AwsAnswer, AwsFault, jsonAnswer } from './aws-fault.ts';
import { decodeToken, encodeToken, optionalNumber, optionalString, readJson, refuseOthers } from './json-input.ts';
import type { Service } from './http.ts';
import { eventId, type FoundEvent, type LogStore } from './log-store.ts';
import type { RuntimeLog } from './runtime-log.ts';

const protocol = 'json-1.1';
const maxEvents = 10_000;

/** The Logs service over a store. */
export function logsService(store: LogStore, log: RuntimeLog): Service {
  const operations: Readonly<Record<string, (input: Readonly<Record<string, unknown>>) => Promise<AwsAnswer>>> = {
    FilterLogEvents: (input) => filterLogEvents(store, input),
    DescribeLogGroups: (input) => describeLogGroups(store, input),
  };
  return {
    protocol,
    async handle({ headers, body }) {
      const target = headers['x-amz-target'] ?? '';
      const name = target.replace(/^Logs_20140328\./, '');
      const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
      if (operation === undefined) {
        log('warn', `unsupported Logs call: ${target}`);
        throw new AwsFault('UnknownOperationException', `the operation ${name} is not served here`);
      }
      return operation(readJson(body));
    },
  };
}

async function filterLogEvents(store: LogStore, input: Readonly<Record<string, unknown>>): Promise<AwsAnswer> {
  refuseOthers(input, [
    'logGroupName',
    'logGroupIdentifier',
    'logStreamNames',
    'startTime',
    'endTime',
    'filterPattern',
    'nextToken',
    'limit',
    'interleaved',
  ]);
  const group = optionalString(input, 'logGroupName') ?? optionalString(input, 'logGroupIdentifier')?.split(':').at(-1);
  if (group === undefined) throw new AwsFault('InvalidParameterException', 'logGroupName is required');
  const limit = optionalNumber(input, 'limit') ?? maxEvents;
  if (!Number.isInteger(limit) || limit < 1 || limit > maxEvents) {
    throw new AwsFault('InvalidParameterException', `limit must be an integer between 1 and ${maxEvents}`);
  }
  const contains = readPattern(optionalString(input, 'filterPattern') ?? '');
  const streams = readNames(input['logStreamNames']);
  const token = optionalString(input, 'nextToken');
  const after = token === undefined ? undefined : readPosition(token);
  const found = await store.find({
    group,
    startMs: optionalNumber(input, 'startTime') ?? 0,
    endMs: optionalNumber(input, 'endTime') ?? Number.MAX_SAFE_INTEGER,
    limit,
    ...(contains !== undefined && { contains }),
    ...(streams !== undefined && { streams }),
    ...(after !== undefined && { after }),
  });
  if (found === undefined) throw new AwsFault('ResourceNotFoundException', 'The specified log group does not exist.');
  const last = found.events.at(-1);
  return jsonAnswer(protocol, {
    events: found.events.map((event) => ({
      logStreamName: event.stream,
      timestamp: event.timestampMs,
      message: event.message,
      ingestionTime: event.timestampMs,
      eventId: eventId(event),
    })),
    searchedLogStreams: [],
    ...(found.more && last && { nextToken: encodeToken([last.timestampMs, last.stream, last.offset]) }),
  });
}

async function describeLogGroups(store: LogStore, input: Readonly<Record<string, unknown>>): Promise<AwsAnswer> {
  refuseOthers(input, ['logGroupNamePrefix']);
  const prefix = optionalString(input, 'logGroupNamePrefix') ?? '';
  const groups = (await store.groups()).filter((name) => name.startsWith(prefix));
  return jsonAnswer(protocol, { logGroups: groups.map((logGroupName) => ({ logGroupName })) });
}

/** Only what can be told from every other pattern is served: nothing, or one quoted term. */
function readPattern(pattern: string): string | undefined {
  if (pattern.trim() === '') return undefined;
  const term = /^\s*"((?:[^"\\]|\\.)*)"\s*$/.exec(pattern)?.[1];
  if (term === undefined) {
    throw new AwsFault(
      'InvalidParameterException',
      `filterPattern ${pattern} is not served here: only one quoted term is`,
    );
  }
  return term.replaceAll(/\\(.)/g, '$1');
}

function readNames(value: unknown): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value;
  throw new AwsFault('InvalidParameterException', 'logStreamNames must be a list of strings');
}

function readPosition(token: string): Pick<FoundEvent, 'timestampMs' | 'stream' | 'offset'> {
  const [timestampMs, stream, offset] = decodeToken(token) ?? [];
  if (typeof timestampMs !== 'number' || typeof stream !== 'string' || typeof offset !== 'number') {
    throw new AwsFault('InvalidParameterException', 'The specified nextToken is invalid.');
  }
  return { timestampMs, stream, offset };
}
