/**
 * The Step Functions API: state machines and their executions, over the engine. Names, limits and refusals are AWS's.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html
 */
import { randomUUID } from 'node:crypto';
import { validateDefinitionText } from '../asl/validate.ts';
import { variableReferences } from '../asl/variable-references.ts';
import { systemClock } from '../engine/clock.ts';
import type { TaskRunner } from '../engine/ports.ts';
import { testState } from '../engine/test-state.ts';
import { TestStateRefusal, type TestStateRequest } from '../engine/test-state-request.ts';
import { BunsuiError } from '../errors.ts';
import { type AwsAnswer, AwsFault, jsonAnswer } from './aws-fault.ts';
import type { Executions } from './executions.ts';
import type { Service } from './http.ts';
import {
  decodeToken,
  encodeToken,
  type JsonInput,
  optionalBoolean,
  optionalNumber,
  optionalString,
  readJson,
  refuseOthers,
  requiredString,
} from './json-input.ts';
import type { Machine, MachineStore } from './machines.ts';
import { keyedTurns } from './object-store.ts';
import type { RuntimeLog } from './runtime-log.ts';
import { serviceModels } from './service-models.ts';
import { describeExecution, historyEvent, seconds } from './step-functions-shapes.ts';
import { type TaskTokens, taskOutput } from './task-tokens.ts';

const protocol = 'json-1.0';
const maxDefinitionBytes = 1_048_576;
/** ValidateStateMachineDefinition tells of at most this many mistakes. */
const maxDiagnostics = 100;
const statuses = ['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'];

export interface StepFunctionsParts {
  readonly machines: MachineStore;
  readonly executions: Executions;
  readonly tasks: TaskRunner;
  readonly tokens: TaskTokens;
  readonly place: { readonly region: string; readonly accountId: string };
  readonly log: RuntimeLog;
}

type Operation = (parts: StepFunctionsParts, input: JsonInput) => Promise<object>;

/** The Step Functions service. */
export function stepFunctionsService(parts: StepFunctionsParts): Service {
  const turns = keyedTurns();
  return {
    protocol,
    async handle({ headers, body }): Promise<AwsAnswer> {
      const target = headers['x-amz-target'] ?? '';
      const name = target.replace(/^AWSStepFunctions\./, '');
      const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
      if (operation === undefined) {
        parts.log('warn', `unsupported Step Functions call: ${target}`);
        throw new AwsFault('UnknownOperationException', `the operation ${name} is not served here`);
      }
      const input = readJson(body);
      // Whoever changes a machine does so alone: between a look and a write nobody else comes in.
      const changes = /^(Create|Update|Delete)StateMachine$/.test(name);
      const run = () => operation(parts, input);
      return jsonAnswer(protocol, await (changes ? turns('machines', run) : run()));
    },
  };
}

const operations: Readonly<Record<string, Operation>> = {
  async CreateStateMachine({ machines, place }, input) {
    refuseOthers(input, [
      'name',
      'definition',
      'roleArn',
      'type',
      'publish',
      'loggingConfiguration',
      'tracingConfiguration',
    ]);
    const name = readName(input, 'name');
    const roleArn = readRole(requiredString(input, 'roleArn'));
    const text = requiredString(input, 'definition');
    if ((optionalString(input, 'type') ?? 'STANDARD') !== 'STANDARD') {
      throw new AwsFault('StateMachineTypeNotSupported', 'only state machines of type STANDARD are served here');
    }
    refuseVersions(input);
    checkDefinition(text);
    const known = await machines.find(name);
    const { loggingConfiguration, tracingConfiguration } = input;
    const definition = await machines.saveDefinition(text);
    if (known !== undefined) {
      const asKnown =
        known.definition === definition &&
        JSON.stringify([known.loggingConfiguration, known.tracingConfiguration]) ===
          JSON.stringify([loggingConfiguration, tracingConfiguration]);
      if (!asKnown) throw new AwsFault('StateMachineAlreadyExists', `State Machine Already Exists: '${known.arn}'`);
      return { stateMachineArn: known.arn, creationDate: seconds(known.createdAtMs) };
    }
    const nowMs = Date.now();
    const arn = `arn:aws:states:${place.region}:${place.accountId}:stateMachine:${name}`;
    await machines.save({
      name,
      arn,
      roleArn,
      definition,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      revisionId: randomUUID(),
      ...(loggingConfiguration !== undefined && { loggingConfiguration }),
      ...(tracingConfiguration !== undefined && { tracingConfiguration }),
    });
    return { stateMachineArn: arn, creationDate: seconds(nowMs) };
  },

  async UpdateStateMachine(parts, input) {
    const given = ['definition', 'roleArn', 'loggingConfiguration', 'tracingConfiguration'];
    refuseOthers(input, ['stateMachineArn', 'publish', ...given]);
    const machine = await existingMachine(parts, input);
    refuseVersions(input);
    const text = optionalString(input, 'definition');
    const role = optionalString(input, 'roleArn');
    if (given.every((name) => input[name] === undefined)) {
      throw new AwsFault(
        'MissingRequiredParameter',
        'Either the definition, the role ARN, or a configuration must be specified',
      );
    }
    if (text !== undefined) checkDefinition(text);
    const { loggingConfiguration, tracingConfiguration } = input;
    const updated: Machine = {
      ...machine,
      ...(text !== undefined && { definition: await parts.machines.saveDefinition(text) }),
      ...(role !== undefined && { roleArn: readRole(role) }),
      ...(loggingConfiguration !== undefined && { loggingConfiguration }),
      ...(tracingConfiguration !== undefined && { tracingConfiguration }),
      updatedAtMs: Date.now(),
      revisionId: randomUUID(),
    };
    await parts.machines.save(updated);
    return { updateDate: seconds(updated.updatedAtMs), revisionId: updated.revisionId };
  },

  async DescribeStateMachine(parts, input) {
    refuseOthers(input, ['stateMachineArn']);
    const machine = await existingMachine(parts, input);
    const references = variableReferences(await parts.machines.definition(machine.definition));
    return {
      ...(await describeMachine(parts.machines, machine)),
      ...(Object.keys(references).length === 0 ? {} : { variableReferences: references }),
      status: 'ACTIVE',
      creationDate: seconds(machine.createdAtMs),
    };
  },

  async ValidateStateMachineDefinition(_parts, input) {
    refuseOthers(input, ['definition', 'type', 'severity', 'maxResults']);
    const type = optionalString(input, 'type') ?? 'STANDARD';
    if (type !== 'STANDARD' && type !== 'EXPRESS') {
      throw new AwsFault('ValidationException', 'the type must be STANDARD or EXPRESS');
    }
    const checked = validateDefinitionText(requiredString(input, 'definition'), type);
    const most = optionalNumber(input, 'maxResults') ?? 0;
    const all = checked.ok ? [] : checked.diagnostics;
    const diagnostics = all.slice(0, most === 0 ? maxDiagnostics : Math.min(most, maxDiagnostics));
    return {
      result: checked.ok ? 'OK' : 'FAIL',
      diagnostics: diagnostics.map(({ code, message, location }) => ({
        severity: 'ERROR',
        code,
        message,
        ...(location === '' ? {} : { location }),
      })),
      truncated: diagnostics.length < all.length,
    };
  },

  async TestState({ tasks, place }, input) {
    refuseOthers(input, [
      'definition',
      'stateName',
      'roleArn',
      'input',
      'inspectionLevel',
      'revealSecrets',
      'variables',
      'context',
      'mock',
      'stateConfiguration',
    ]);
    requiredString(input, 'definition');
    const ports = { clock: systemClock(), random: Math.random, uuid: randomUUID, tasks };
    try {
      return await testState(ports, input as unknown as TestStateRequest, { ...place, models: serviceModels });
    } catch (error) {
      if (error instanceof TestStateRefusal) throw new AwsFault(error.name, error.message);
      throw error;
    }
  },

  async DescribeStateMachineForExecution(parts, input) {
    refuseOthers(input, ['executionArn']);
    const { header } = await existingExecution(parts, input);
    const definition = await parts.machines.definitionText(header.definition);
    const { stateMachineArn, stateMachineName, roleArn, startedAtMs } = header;
    return { stateMachineArn, name: stateMachineName, definition, roleArn, updateDate: seconds(startedAtMs) };
  },

  async ListStateMachines({ machines }, input) {
    refuseOthers(input, ['maxResults', 'nextToken']);
    const all = (await machines.list()).map(({ arn, name, createdAtMs }) => ({
      stateMachineArn: arn,
      name,
      type: 'STANDARD',
      creationDate: seconds(createdAtMs),
    }));
    const page = pageOf(all, input, 'machines');
    return { stateMachines: page.items, ...page.next };
  },

  async DeleteStateMachine({ machines, place }, input) {
    refuseOthers(input, ['stateMachineArn']);
    await machines.remove(machineName(requiredString(input, 'stateMachineArn'), place));
    return {};
  },

  async StartExecution(parts, input) {
    refuseOthers(input, ['stateMachineArn', 'name', 'input']);
    const machine = await existingMachine(parts, input);
    const name = input['name'] === undefined ? randomUUID() : readName(input, 'name');
    try {
      const header = await parts.executions.start(machine, name, optionalString(input, 'input') ?? '{}');
      if (header !== 'exists') return { executionArn: header.executionArn, startDate: seconds(header.startedAtMs) };
    } catch (error) {
      if (error instanceof BunsuiError && error.code === 'BS3001')
        throw new AwsFault('InvalidExecutionInput', error.message);
      throw error;
    }
    const executionArn = `${machine.arn.replace(':stateMachine:', ':execution:')}:${name}`;
    throw new AwsFault('ExecutionAlreadyExists', `Execution Already Exists: '${executionArn}'`);
  },

  async SendTaskSuccess({ tokens }, input) {
    refuseOthers(input, ['taskToken', 'output']);
    const token = requiredString(input, 'taskToken');
    tokens.end(token, { ok: true, output: taskOutput(requiredString(input, 'output')) });
    return {};
  },

  async SendTaskFailure({ tokens }, input) {
    refuseOthers(input, ['taskToken', 'error', 'cause']);
    const token = requiredString(input, 'taskToken');
    const error = optionalString(input, 'error') ?? '';
    tokens.end(token, { ok: false, error, cause: optionalString(input, 'cause') ?? '' });
    return {};
  },

  async SendTaskHeartbeat({ tokens }, input) {
    refuseOthers(input, ['taskToken']);
    tokens.beat(requiredString(input, 'taskToken'));
    return {};
  },

  async RedriveExecution({ executions }, input) {
    refuseOthers(input, ['executionArn', 'clientToken']);
    const redriven = await executions.redrive(
      requiredString(input, 'executionArn'),
      optionalString(input, 'clientToken'),
    );
    if (redriven === undefined) throw noExecution(input);
    if ('refused' in redriven) throw new AwsFault('ExecutionNotRedrivable', redriven.refused);
    return { redriveDate: seconds(redriven.atMs) };
  },

  async StopExecution({ executions }, input) {
    refuseOthers(input, ['executionArn', 'error', 'cause']);
    const stoppedAtMs = await executions.stop(
      requiredString(input, 'executionArn'),
      optionalString(input, 'error'),
      optionalString(input, 'cause'),
    );
    if (stoppedAtMs === undefined) throw noExecution(input);
    return { stopDate: seconds(stoppedAtMs) };
  },

  async DescribeExecution(parts, input) {
    refuseOthers(input, ['executionArn', 'includedData']);
    const metadataOnly = optionalString(input, 'includedData') === 'METADATA_ONLY';
    return describeExecution(await existingExecution(parts, input), !metadataOnly);
  },

  async ListExecutions(parts, input) {
    refuseOthers(input, ['stateMachineArn', 'statusFilter', 'maxResults', 'nextToken']);
    const { arn } = await existingMachine(parts, input);
    const filter = optionalString(input, 'statusFilter');
    if (filter !== undefined && !statuses.includes(filter)) {
      throw new AwsFault('ValidationException', `statusFilter must be one of ${statuses.join(', ')}`);
    }
    const all = (await parts.executions.list())
      .filter(({ stateMachineArn, status }) => stateMachineArn === arn && (filter ?? status) === status)
      .sort((a, b) => b.startedAtMs - a.startedAtMs || (a.name < b.name ? -1 : 1))
      .map(({ executionArn, stateMachineArn, name, status, startedAtMs, stoppedAtMs, redriveCount, redrivenAtMs }) => ({
        executionArn,
        stateMachineArn,
        name,
        status,
        startDate: seconds(startedAtMs),
        ...(stoppedAtMs !== undefined && { stopDate: seconds(stoppedAtMs) }),
        redriveCount: redriveCount ?? 0,
        ...(redrivenAtMs !== undefined && { redriveDate: seconds(redrivenAtMs) }),
      }));
    const page = pageOf(all, input, `${arn} ${filter ?? ''}`);
    return { executions: page.items, ...page.next };
  },

  async GetExecutionHistory({ executions }, input) {
    refuseOthers(input, ['executionArn', 'maxResults', 'nextToken', 'reverseOrder', 'includeExecutionData']);
    const executionArn = requiredString(input, 'executionArn');
    const events = await executions.history(executionArn);
    if (events === undefined) throw noExecution(input);
    const reverse = optionalBoolean(input, 'reverseOrder') ?? false;
    const withData = optionalBoolean(input, 'includeExecutionData') ?? true;
    const page = pageOf(reverse ? events.toReversed() : events, input, `${executionArn} ${reverse}`);
    return { events: page.items.map((event) => historyEvent(event, withData)), ...page.next };
  },
};

/**
 * A page of a list. The token says what list it belongs to and where it goes on.
 * A list that grows at its beginning meanwhile may show an item twice, as AWS's may.
 */
function pageOf<T>(
  all: readonly T[],
  input: JsonInput,
  list: string,
): { readonly items: readonly T[]; readonly next: { readonly nextToken?: string } } {
  const asked = optionalNumber(input, 'maxResults') ?? 0;
  if (!Number.isInteger(asked) || asked < 0 || asked > 1000) {
    throw new AwsFault('ValidationException', `maxResults must be an integer between 0 and 1000, not ${asked}`);
  }
  const token = optionalString(input, 'nextToken');
  const [of, position] = token === undefined ? [list, 0] : (decodeToken(token) ?? []);
  if (of !== list || typeof position !== 'number' || !Number.isSafeInteger(position) || position < 0) {
    throw new AwsFault('InvalidToken', "Invalid Token: 'Invalid token'");
  }
  const end = position + (asked === 0 ? 100 : asked);
  return { items: all.slice(position, end), next: end < all.length ? { nextToken: encodeToken([list, end]) } : {} };
}

async function describeMachine(machines: MachineStore, machine: Machine): Promise<object> {
  const { arn, name, roleArn, revisionId, loggingConfiguration, tracingConfiguration } = machine;
  return {
    stateMachineArn: arn,
    name,
    type: 'STANDARD',
    definition: await machines.definitionText(machine.definition),
    roleArn,
    revisionId,
    loggingConfiguration: loggingConfiguration ?? { level: 'OFF', includeExecutionData: false },
    tracingConfiguration: tracingConfiguration ?? { enabled: false },
  };
}

async function existingMachine({ machines, place }: StepFunctionsParts, input: JsonInput): Promise<Machine> {
  const arn = requiredString(input, 'stateMachineArn');
  const machine = await machines.find(machineName(arn, place));
  if (machine === undefined || machine.arn !== arn) {
    throw new AwsFault('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
  }
  return machine;
}

function machineName(arn: string, place: StepFunctionsParts['place']): string {
  const match = /^arn:aws:states:([\w-]+):(\d{12}):stateMachine:(.+)$/.exec(arn);
  if (match === null) throw new AwsFault('InvalidArn', `Invalid Arn: 'Invalid ARN: ${arn}'`);
  const [, region, account, name = ''] = match;
  if (region !== place.region || account !== place.accountId || name.includes(':')) {
    throw new AwsFault('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
  }
  return name;
}

async function existingExecution({ executions }: StepFunctionsParts, input: JsonInput) {
  const record = await executions.find(requiredString(input, 'executionArn'));
  if (record === undefined) throw noExecution(input);
  return record;
}

function noExecution(input: JsonInput): AwsFault {
  const arn = requiredString(input, 'executionArn');
  if (!/^arn:aws:states:[\w-]+:\d{12}:execution:[^:]+:[^:]+$/.test(arn)) {
    return new AwsFault('InvalidArn', `Invalid Arn: 'Invalid ARN: ${arn}'`);
  }
  return new AwsFault('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
}

/** @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html (name) */
function readName(input: JsonInput, field: string): string {
  const name = requiredString(input, field);
  const forbidden = /[\s<>{}[\]?*"#%\\^|~`$&,;:/\u0000-\u001f\u007f-\u009f\ud800-\udfff\ufffe\uffff]/;
  if (name.length < 1 || name.length > 80 || forbidden.test(name)) {
    throw new AwsFault('InvalidName', `Invalid Name: ${JSON.stringify(name.slice(0, 100))}`);
  }
  return name;
}

function readRole(arn: string): string {
  if (!/^arn:aws[\w-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/.test(arn)) {
    throw new AwsFault('InvalidArn', `Invalid Role Arn: '${arn}'`);
  }
  return arn;
}

function refuseVersions(input: JsonInput): void {
  if (optionalBoolean(input, 'publish') === true) {
    throw new AwsFault('ValidationException', 'versions of state machines are not served here: publish must be false');
  }
}

function checkDefinition(text: string): void {
  const refuse = (why: string) => new AwsFault('InvalidDefinition', `Invalid State Machine Definition: '${why}'`);
  if (Buffer.byteLength(text) > maxDefinitionBytes) throw refuse(`larger than ${maxDefinitionBytes} bytes`);
  const result = validateDefinitionText(text);
  if (result.ok) return;
  const where = (location: string) => (location === '' ? '' : ` at ${location}`);
  throw refuse(
    result.diagnostics
      .map(({ code, message, location }) => `${code}: ${message.trimEnd()}${where(location)}`)
      .join(', '),
  );
}
