/**
 * EventBridge Scheduler's API: schedules that call local functions, and groups of them. What fires them is
 * `schedule-loop.ts`.
 *
 * @see https://docs.aws.amazon.com/scheduler/latest/APIReference/Welcome.html
 */
import { timingProblem } from '../schedules/schedule.ts';
import { type AwsAnswer, AwsFault } from './aws-fault.ts';
import type { AwsRequest, Service } from './http.ts';
import {
  decodeToken,
  encodeToken,
  type JsonInput,
  optionalNumber,
  optionalString,
  readJson,
  refuseOthers,
  requiredString,
} from './json-input.ts';
import type { RuntimeLog } from './runtime-log.ts';
import { defaultGroup, type ScheduleStore, type StoredSchedule, withSchedule } from './schedule-store.ts';

interface Place {
  readonly region: string;
  readonly accountId: string;
}
interface Call {
  readonly store: ScheduleStore;
  readonly place: Place;
  readonly request: AwsRequest;
  readonly name: string;
}

const maxPage = 100;

/** The scheduler service over a store. */
export function schedulerService(store: ScheduleStore, place: Place, log: RuntimeLog): Service {
  return {
    protocol: 'rest-json',
    async handle(request) {
      const [, kind = '', name] = /^\/(schedules|schedule-groups)(?:\/([^/]+))?$/.exec(request.path) ?? [];
      const route = `${request.method} ${kind}${name === undefined ? '' : '/*'}`;
      const operation = Object.hasOwn(operations, route) ? operations[route] : undefined;
      if (operation === undefined) {
        log('warn', `unsupported Scheduler call: ${request.method} ${request.path.slice(0, 200)}`);
        throw new AwsFault('UnknownOperationException', `not served here: ${route}`, 404);
      }
      return answer(
        await operation({ store, place, request, name: checkedName('Name', decodeURIComponent(name ?? 'x')) }),
      );
    },
  };
}

const operations: { readonly [route: string]: (call: Call) => Promise<object> } = {
  async 'POST schedules/*'({ store, place, request, name }) {
    const schedule = readSchedule(name, readJson(request.body), wholeSecond());
    await store.change((before) => {
      requireGroup(store, schedule.group);
      if (before.schedules.some((one) => isSame(one, schedule))) {
        throw new AwsFault('ConflictException', `Schedule ${name} already exists.`, 409);
      }
      return { ...before, schedules: [...before.schedules, schedule] };
    });
    return { ScheduleArn: scheduleArn(place, schedule) };
  },

  async 'PUT schedules/*'({ store, place, request, name }) {
    const schedule = readSchedule(name, readJson(request.body), wholeSecond());
    requireSchedule(store, schedule);
    await store.change((before) => withSchedule(before, schedule, (old) => updated(old, schedule)));
    return { ScheduleArn: scheduleArn(place, schedule) };
  },

  async 'GET schedules/*'({ store, place, request, name }) {
    const schedule = requireSchedule(store, { name, group: groupOf(request) });
    const { group, expression, timezone, description, start, end, flexibleWindowMinutes: window, target } = schedule;
    return {
      Arn: scheduleArn(place, schedule),
      GroupName: group,
      Name: name,
      ScheduleExpression: expression,
      ScheduleExpressionTimezone: timezone,
      ...(description === undefined ? {} : { Description: description }),
      ...(start === undefined ? {} : { StartDate: Date.parse(start) / 1000 }),
      ...(end === undefined ? {} : { EndDate: Date.parse(end) / 1000 }),
      State: schedule.enabled ? 'ENABLED' : 'DISABLED',
      FlexibleTimeWindow: window === undefined ? { Mode: 'OFF' } : { Mode: 'FLEXIBLE', MaximumWindowInMinutes: window },
      ActionAfterCompletion: schedule.deleteAfterwards === true ? 'DELETE' : 'NONE',
      Target: {
        Arn: target.arn,
        RoleArn: target.roleArn,
        Input: target.input,
        RetryPolicy: target.retryPolicy ?? { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 },
        ...(target.deadLetterConfig === undefined ? {} : { DeadLetterConfig: target.deadLetterConfig }),
      },
      ...dates(schedule),
    };
  },

  async 'DELETE schedules/*'({ store, request, name }) {
    const schedule = requireSchedule(store, { name, group: groupOf(request) });
    await store.change((before) => withSchedule(before, schedule, () => undefined));
    return {};
  },

  async 'GET schedules'({ store, place, request: { query } }) {
    const [group, prefix = '', state] = ['ScheduleGroup', 'NamePrefix', 'State'].map(
      (key) => query.get(key) ?? undefined,
    );
    const found = store
      .now()
      .schedules.filter((one) => group === undefined || one.group === group)
      .filter((one) => one.name.startsWith(prefix))
      .filter((one) => state === undefined || one.enabled === (state === 'ENABLED'))
      .map((one) => ({
        Arn: scheduleArn(place, one),
        Name: one.name,
        GroupName: one.group,
        State: one.enabled ? 'ENABLED' : 'DISABLED',
        Target: { Arn: one.target.arn },
        ...dates(one),
      }))
      .sort((a, b) => (a.Arn < b.Arn ? -1 : 1));
    const { page, next } = pageOf(found, query);
    return { Schedules: page, ...next };
  },

  async 'POST schedule-groups/*'({ store, place, request, name }) {
    refuseOthers(readJson(request.body), ['ClientToken', 'Tags']);
    await store.change((before) => {
      if (before.groups.some((group) => group.name === name)) {
        throw new AwsFault('ConflictException', `Schedule group ${name} already exists.`, 409);
      }
      return { ...before, groups: [...before.groups, { name, createdAtMs: Date.now() }] };
    });
    return { ScheduleGroupArn: groupArn(place, name) };
  },

  async 'GET schedule-groups/*'({ store, place, name }) {
    return describeGroup(place, requireGroup(store, name));
  },

  async 'DELETE schedule-groups/*'({ store, name }) {
    requireGroup(store, name);
    if (name === defaultGroup)
      throw new AwsFault('ValidationException', 'The default schedule group cannot be deleted.');
    await store.change((before) => ({
      ...before,
      groups: before.groups.filter((group) => group.name !== name),
      schedules: before.schedules.filter(({ group }) => group !== name),
    }));
    return {};
  },

  async 'GET schedule-groups'({ store, place, request: { query } }) {
    const prefix = query.get('NamePrefix') ?? '';
    const found = store.now().groups.filter(({ name }) => name.startsWith(prefix));
    const { page, next } = pageOf(found, query);
    return { ScheduleGroups: page.map((group) => describeGroup(place, group)), ...next };
  },
};

function answer(value: object): AwsAnswer {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

function isSame(a: Pick<StoredSchedule, 'group' | 'name'>, b: Pick<StoredSchedule, 'group' | 'name'>): boolean {
  return a.group === b.group && a.name === b.name;
}

function checkedName(what: string, text: string): string {
  if (/^[0-9a-zA-Z-_.]{1,64}$/.test(text)) return text;
  throw new AwsFault('ValidationException', `${what} is ${JSON.stringify(text.slice(0, 80))}: 1 to 64 of 0-9a-zA-Z-_.`);
}

function groupOf({ query }: AwsRequest): string {
  return checkedName('GroupName', query.get('groupName') ?? defaultGroup);
}

function requireGroup(store: ScheduleStore, name: string) {
  const found = store.now().groups.find((group) => group.name === name);
  if (found !== undefined) return found;
  throw new AwsFault('ResourceNotFoundException', `Schedule group ${name} does not exist.`, 404);
}

function requireSchedule(store: ScheduleStore, wanted: Pick<StoredSchedule, 'group' | 'name'>): StoredSchedule {
  requireGroup(store, wanted.group);
  const found = store.now().schedules.find((one) => isSame(one, wanted));
  if (found !== undefined) return found;
  throw new AwsFault('ResourceNotFoundException', `Schedule ${wanted.name} does not exist.`, 404);
}

/** The ARN of a schedule. */
export function scheduleArn(
  { region, accountId }: Place,
  { group, name }: Pick<StoredSchedule, 'group' | 'name'>,
): string {
  return `arn:aws:scheduler:${region}:${accountId}:schedule/${group}/${name}`;
}

function groupArn({ region, accountId }: Place, name: string): string {
  return `arn:aws:scheduler:${region}:${accountId}:schedule-group/${name}`;
}

function describeGroup(place: Place, { name, createdAtMs }: { readonly name: string; readonly createdAtMs: number }) {
  const at = createdAtMs / 1000;
  return { Arn: groupArn(place, name), Name: name, State: 'ACTIVE', CreationDate: at, LastModificationDate: at };
}

function dates({ createdAtMs, updatedAtMs }: StoredSchedule) {
  return { CreationDate: createdAtMs / 1000, LastModificationDate: updatedAtMs / 1000 };
}

function pageOf<T>(all: readonly T[], query: URLSearchParams) {
  const from = Number(decodeToken(query.get('NextToken') ?? '')?.[0] ?? 0);
  const size = Math.min(Number(query.get('MaxResults') ?? maxPage) || maxPage, maxPage);
  const next = from + size < all.length ? { NextToken: encodeToken([from + size]) } : {};
  return { page: all.slice(from, from + size), next };
}

/**
 * A schedule as an update leaves it. Firings that were due before it was enabled or meant another time are not made up.
 */
export function updated(old: StoredSchedule, next: StoredSchedule): StoredSchedule {
  const isOther =
    old.expression !== next.expression || old.timezone !== next.timezone || old.start !== next.start || !old.enabled;
  const { createdAtMs, doneUntilMs, catchUp, owner } = old;
  const undated = (one: StoredSchedule) => JSON.stringify({ ...one, createdAtMs, doneUntilMs, updatedAtMs: 0 });
  if (undated(old) === undated(next)) return old;
  return {
    ...next,
    createdAtMs,
    doneUntilMs: isOther ? Math.max(doneUntilMs, next.updatedAtMs - 1) : doneUntilMs,
    catchUp: next.owner === undefined ? catchUp : next.catchUp,
    ...(next.owner === undefined && owner !== undefined ? { owner } : {}),
  };
}

const served = [
  'Name',
  'GroupName',
  'ScheduleExpression',
  'ScheduleExpressionTimezone',
  'StartDate',
  'EndDate',
  'Description',
  'State',
  'FlexibleTimeWindow',
  'ActionAfterCompletion',
  'ClientToken',
  'Target',
];

/** As AWS tells times: due times of a rate are counted from the schedule's creation. */
function wholeSecond(): number {
  return Math.floor(Date.now() / 1000) * 1000;
}

function readSchedule(name: string, input: JsonInput, nowMs: number): StoredSchedule {
  refuseOthers(input, served);
  const expression = requiredString(input, 'ScheduleExpression');
  const timezone = optionalString(input, 'ScheduleExpressionTimezone') ?? 'UTC';
  const problem = timingProblem({ expression, timezone });
  if (problem !== undefined)
    throw new AwsFault('ValidationException', `Invalid Schedule Expression: ${problem.message}`);
  const [start, end] = ['StartDate', 'EndDate'].map((field) => {
    const seconds = optionalNumber(input, field);
    return seconds === undefined ? undefined : new Date(seconds * 1000).toISOString();
  });
  const description = optionalString(input, 'Description');
  const window = readWindow(objectIn(input, 'FlexibleTimeWindow'));
  return {
    group: checkedName('GroupName', optionalString(input, 'GroupName') ?? defaultGroup),
    name,
    expression,
    timezone,
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    ...(description === undefined ? {} : { description }),
    ...(window === undefined ? {} : { flexibleWindowMinutes: window }),
    ...(oneOf(input, 'ActionAfterCompletion', ['NONE', 'DELETE']) === 'DELETE' ? { deleteAfterwards: true } : {}),
    enabled: oneOf(input, 'State', ['ENABLED', 'DISABLED']) === 'ENABLED',
    target: readTarget(objectIn(input, 'Target')),
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    doneUntilMs: nowMs - 1,
    catchUp: 'none',
  };
}

function oneOf(input: JsonInput, field: string, allowed: readonly [string, ...string[]]): string {
  const value = optionalString(input, field) ?? allowed[0];
  if (allowed.includes(value)) return value;
  throw new AwsFault('ValidationException', `${field} must be one of ${allowed.join(', ')}`);
}

function objectIn(input: JsonInput, field: string): JsonInput {
  const value = input[field];
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonInput;
  throw new AwsFault('ValidationException', `${field} is required`);
}

function readWindow(window: JsonInput): number | undefined {
  refuseOthers(window, ['Mode', 'MaximumWindowInMinutes']);
  if (oneOf(window, 'Mode', ['OFF', 'FLEXIBLE']) === 'OFF') return undefined;
  const minutes = optionalNumber(window, 'MaximumWindowInMinutes') ?? 0;
  if (Number.isInteger(minutes) && minutes >= 1 && minutes <= 1440) return minutes;
  throw new AwsFault('ValidationException', 'MaximumWindowInMinutes must be a whole number from 1 to 1440');
}

function readTarget(target: JsonInput): StoredSchedule['target'] {
  refuseOthers(target, ['Arn', 'RoleArn', 'Input', 'RetryPolicy', 'DeadLetterConfig']);
  const arn = requiredString(target, 'Arn');
  if (functionOf(arn) === undefined) {
    throw new AwsFault('ValidationException', `the target ${arn.slice(0, 200)} is not served here: only functions are`);
  }
  const { RetryPolicy: retryPolicy, DeadLetterConfig: deadLetterConfig } = target;
  return {
    arn,
    roleArn: requiredString(target, 'RoleArn'),
    input: optionalString(target, 'Input') ?? '{}',
    ...(retryPolicy === undefined ? {} : { retryPolicy }),
    ...(deadLetterConfig === undefined ? {} : { deadLetterConfig }),
  };
}

/** The name of the function that a target is. */
export function functionOf(arn: string): string | undefined {
  return /^arn:aws:lambda:[a-z0-9-]+:\d{12}:function:([\w-]{1,140})$/.exec(arn)?.[1];
}
