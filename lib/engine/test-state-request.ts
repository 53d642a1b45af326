/** What TestState is asked: reading the request, and refusing what cannot be tested in AWS's words. */
import type { Definition, Json, State } from '../asl/definition.ts';
import { faultInResult, type ResultCheck } from '../asl/integration-results.ts';
import type { ServiceModels } from '../asl/service-model.ts';
import { validateDefinition } from '../asl/validate.ts';
import type { ExecutionIdentity } from './execution.ts';
import type { TaskOutcome } from './ports.ts';

/** A request as the API takes it: JSON values in it are text. */
export interface TestStateRequest {
  /** A state, or a machine whose state is named by `stateName`. */
  readonly definition: string;
  readonly stateName?: string;
  readonly roleArn?: string;
  readonly input?: string;
  /** @default "INFO" */
  readonly inspectionLevel?: 'INFO' | 'DEBUG' | 'TRACE';
  readonly revealSecrets?: boolean;
  readonly variables?: string;
  readonly context?: string;
  readonly mock?: {
    readonly result?: string;
    readonly errorOutput?: { readonly error?: string; readonly cause?: string };
    /** @default "STRICT" */
    readonly fieldValidationMode?: ResultCheck;
  };
  readonly stateConfiguration?: {
    readonly retrierRetryCount?: number;
    readonly errorCausedByState?: string;
    readonly mapIterationFailureCount?: number;
    readonly mapItemReaderData?: string;
  };
}

/** A request that is refused. `name` is AWS's code: ValidationException, InvalidDefinition, … */
export class TestStateRefusal extends Error {
  override readonly name: string;

  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/** A request that can be run. */
export interface Prepared {
  readonly identity: ExecutionIdentity;
  readonly input: string;
  readonly level: 'INFO' | 'DEBUG' | 'TRACE';
  readonly variables: { readonly [name: string]: Json };
  readonly mock: TaskOutcome | undefined;
  readonly retryCount: number;
  readonly iterationFailures: number;
  /** How many items the mocked reader gives. */
  readonly items: number | undefined;
}

/** Where a test runs. */
export interface TestPlace {
  readonly region: string;
  readonly accountId: string;
  /** What answers of `aws-sdk` are checked against. @default nothing */
  readonly models?: ServiceModels;
}

/** Reads a request. `name` is that of the execution. @throws {TestStateRefusal} */
export function checkTest(request: TestStateRequest, place: TestPlace, name: string, nowMs: number): Prepared {
  const { stateName = unnamed, input = '{}', stateConfiguration: config = {} } = request;
  const definition = machineAround(request, stateName);
  const state = definition.States[stateName] as State;
  const mock = checkMock(request, state, place.models);
  if (state.Type === 'Task' && mock === undefined && request.roleArn === undefined) {
    throw refusal('RoleArn must be specified when testing a Task state');
  }
  // Nobody would end it: its token belongs to no execution.
  if (state.Type === 'Task' && mock === undefined && /:activity:|\.waitForTaskToken$/.test(state.Resource)) {
    throw refusal(`The resource ${state.Resource} can only be tested when a mock is specified.`);
  }
  const machine = 'TestState';
  const prefix = `arn:aws:states:${place.region}:${place.accountId}`;
  const executionArn = `${prefix}:express:${machine}:${name}`;
  const stateMachineArn = `${prefix}:stateMachine:${machine}`;
  const time = new Date(nowMs).toISOString();
  const retryCount = config.retrierRetryCount ?? 0;
  const retries = ['Task', 'Map', 'Parallel'].includes(state.Type) ? { RetryCount: retryCount } : {};
  const context: Json = {
    Execution: {
      Id: executionArn,
      Input: parsed(input, 'input'),
      Name: name,
      RoleArn: request.roleArn ?? null,
      StartTime: time,
    },
    StateMachine: { Id: stateMachineArn, Name: machine },
    // As on AWS, whatever the state's name in its machine.
    State: { Name: unnamed, EnteredTime: time, ...retries },
  };
  const given = request.context === undefined ? undefined : checkContext(parsed(request.context, 'context'));
  return {
    identity: {
      executionArn,
      name,
      stateMachineArn,
      stateMachineName: machine,
      definition,
      context: given ?? context,
    },
    input,
    level: request.inspectionLevel ?? 'INFO',
    variables: request.variables === undefined ? {} : parsedObject(request.variables, 'variables'),
    mock,
    retryCount,
    iterationFailures: config.mapIterationFailureCount ?? 0,
    items: config.mapItemReaderData === undefined ? undefined : countOf(config.mapItemReaderData),
  };
}

/** What a state is called that comes without a machine. */
const unnamed = 'StateName';

function refusal(message: string): TestStateRefusal {
  return new TestStateRefusal('ValidationException', message);
}

function parsed(text: string, what: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw refusal(`The ${what} must be valid JSON`);
  }
}

function parsedObject(text: string, what: string): { readonly [name: string]: Json } {
  const value = parsed(text, what);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refusal(`The ${what} must be a JSON object`);
  return value as { readonly [name: string]: Json };
}

/** How many items a mocked reader gives. */
function countOf(text: string): number {
  const items = parsed(text, 'mapItemReaderData');
  if (!Array.isArray(items)) throw refusal('The mapItemReaderData must be a JSON array');
  return items.length;
}

/** The state in a machine of its own; what it goes on to need not be there. */
function machineAround(request: TestStateRequest, stateName: string): Definition {
  const given = parsed(request.definition, 'definition') as { readonly [field: string]: Json };
  const whole =
    request.stateName === undefined ? ({ StartAt: stateName, States: { [stateName]: given } } as const) : given;
  const checked = validateDefinition(whole);
  const faults = checked.ok ? [] : checked.diagnostics;
  const wrong = faults.filter(({ code }) => request.stateName !== undefined || code !== 'MISSING_TRANSITION_TARGET');
  if (wrong.length > 0) {
    const told = wrong.map(({ code, message, location }) => `${code}: ${message} at ${location}`).join(', ');
    throw new TestStateRefusal('InvalidDefinition', `Invalid State Machine Definition: '${told}'`);
  }
  const state = stateIn(whole as unknown as Definition, stateName);
  if (state === undefined) throw refusal('State not found in definition');
  const { QueryLanguage } = whole as Pick<Definition, 'QueryLanguage'>;
  const machine = { StartAt: stateName, States: { [stateName]: state } };
  return QueryLanguage === undefined ? machine : { ...machine, QueryLanguage };
}

/** A state by name, wherever in the machine it is. */
function stateIn(scope: Pick<Definition, 'States'>, name: string): State | undefined {
  if (Object.hasOwn(scope.States, name)) return scope.States[name];
  for (const state of Object.values(scope.States)) {
    const inner =
      state.Type === 'Parallel' ? state.Branches : state.Type === 'Map' ? [state.ItemProcessor, state.Iterator] : [];
    for (const each of inner) {
      const found = each === undefined ? undefined : stateIn(each, name);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function checkMock(
  request: TestStateRequest,
  state: State,
  models: ServiceModels | undefined,
): TaskOutcome | undefined {
  const { mock, stateConfiguration, revealSecrets } = request;
  if (mock === undefined) {
    if (stateConfiguration?.mapIterationFailureCount !== undefined) {
      throw refusal('TestState does not support MapIterationFailureCount when a mock is not specified.');
    }
    if (state.Type !== 'Map' && state.Type !== 'Parallel') return undefined;
    const message =
      'TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]';
    throw new TestStateRefusal('InvalidDefinition', message);
  }
  if (revealSecrets === true) throw refusal('TestState does not support RevealSecrets when a mock is specified.');
  if (state.Type !== 'Task' && state.Type !== 'Map' && state.Type !== 'Parallel') {
    throw refusal(`State type '${state.Type}' is not supported when a mock is specified`);
  }
  if (mock.result === undefined) return { ok: false, ...mock.errorOutput };
  let output: Json;
  try {
    output = JSON.parse(mock.result) as Json;
  } catch {
    throw refusal('Mocked result must be valid JSON');
  }
  if (state.Type === 'Task') {
    const fault = faultInResult(state.Resource, output, mock.fieldValidationMode ?? 'STRICT', models);
    if (fault !== undefined) throw refusal(`Mock result schema validation error: ${fault}`);
  } else if (!Array.isArray(output)) {
    throw refusal('Mocked result must be an array.');
  } else if (state.Type === 'Parallel' && output.length !== state.Branches.length) {
    throw refusal('Mocked result must contain the same number of items as number of Parallel branches.');
  }
  return { ok: true, output };
}

/** Fields of a context object that may be given, by part; each is a string but those named. */
const contextFields: { readonly [part: string]: { readonly [field: string]: 'string' | 'number' | 'any' } } = {
  Execution: {
    Id: 'string',
    Input: 'any',
    Name: 'string',
    RoleArn: 'string',
    StartTime: 'string',
    RedriveCount: 'number',
    RedriveTime: 'string',
  },
  State: { EnteredTime: 'string', Name: 'string', RetryCount: 'number' },
  StateMachine: { Id: 'string', Name: 'string' },
  Task: { Token: 'string' },
};

function checkContext(context: Json): Json {
  const wrong = (message: string) => refusal(`Invalid Context object provided: ${message}`);
  if (typeof context !== 'object' || context === null || Array.isArray(context)) throw wrong('it must be an object');
  for (const [part, fields] of Object.entries(context)) {
    if (part === 'Map') throw wrong("'Map' field is not supported when mocking a Context object");
    const known = Object.hasOwn(contextFields, part) ? contextFields[part] : undefined;
    if (known === undefined) throw wrong(`Field '${part}' is not allowed`);
    for (const [field, value] of Object.entries((fields ?? {}) as { readonly [field: string]: Json })) {
      const type = Object.hasOwn(known, field) ? known[field] : undefined;
      if (type === undefined) throw wrong(`Field '${field}' is not allowed`);
      if (type !== 'any' && typeof value !== type) throw wrong(`${part}.${field} must be a ${type}`);
    }
  }
  return context;
}
