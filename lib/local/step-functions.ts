/**
 * The Step Functions API: state machines and their executions, over the engine. Names, limits and refusals are AWS's.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html
 */
import { randomUUID } from 'node:crypto';
import { type MachineType, validateDefinitionText } from '../asl/validate.ts';
import { variableReferences } from '../asl/variable-references.ts';
import { systemClock } from '../engine/clock.ts';
import { testState } from '../engine/test-state.ts';
import { TestStateRefusal } from '../engine/test-state-request.ts';
import { BunsuiError } from '../errors.ts';
import { type AwsAnswer, AwsFault, jsonAnswer } from './aws-fault.ts';
import type { ExecutionOrigin } from './journal.ts';
import type { Service } from './http.ts';
import {
  type JsonInput,
  optionalBoolean,
  optionalNumber,
  optionalString,
  optionalWord,
  readJson,
  refuseOthers,
  requiredString,
} from './json-input.ts';
import type { Machine, MachineStore, MachineVersion } from './machines.ts';
import { isChildOfRun } from './map-runs.ts';
import { keyedTurns } from './object-store.ts';
import { serviceModels } from './service-models.ts';
import { activityOperations } from './step-functions-activities.ts';
import {
  checkDefinition,
  existingExecution,
  existingMachine,
  machineName,
  noExecution,
  type Operation,
  pageOf,
  readName,
  readRole,
  referredMachine,
  type StepFunctionsParts,
} from './step-functions-requests.ts';
import { describeChild, existingChild, listChildren, mapRunOperations } from './step-functions-map-runs.ts';
import { readConfigurations, readTest } from './step-functions-fields.ts';
import { describeExecution, describeSync, historyEvent, seconds } from './step-functions-shapes.ts';
import { published, readPublish, versionOperations } from './step-functions-versions.ts';

const protocol = 'json-1.0';
/** ValidateStateMachineDefinition tells of at most this many mistakes. */
const maxDiagnostics = 100;
const statuses = ['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'];

/** The Step Functions service. */
export function stepFunctionsService(parts: StepFunctionsParts): Service {
  const turns = keyedTurns();
  return {
    protocol,
    async handle({ headers, body, signal }): Promise<AwsAnswer> {
      const target = headers['x-amz-target'] ?? '';
      const name = target.replace(/^AWSStepFunctions\./, '');
      const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
      if (operation === undefined) {
        parts.log('warn', `unsupported Step Functions call: ${target}`);
        throw new AwsFault('UnknownOperationException', `the operation ${name} is not served here`);
      }
      const input = readJson(body);
      // Whoever changes a machine does so alone: between a look and a write nobody else comes in.
      const changes = /^(Create|Update|Delete|Publish)StateMachine(Version|Alias)?$/.test(name);
      const run = () => operation(parts, input, signal);
      return jsonAnswer(protocol, await (changes ? turns('machines', run) : run()));
    },
  };
}

const operations: Readonly<Record<string, Operation>> = {
  ...versionOperations,
  ...activityOperations,
  ...mapRunOperations,

  async CreateStateMachine({ machines, place }, input) {
    refuseOthers(input, [
      'name',
      'definition',
      'roleArn',
      'type',
      'publish',
      'versionDescription',
      'loggingConfiguration',
      'tracingConfiguration',
    ]);
    const name = readName(input, 'name');
    const roleArn = readRole(requiredString(input, 'roleArn'));
    const text = requiredString(input, 'definition');
    const type = readType(input);
    const { publish, description } = readPublish(input);
    const { loggingConfiguration, tracingConfiguration } = readConfigurations(input);
    checkDefinition(text, type);
    const known = await machines.find(name);
    const definition = await machines.saveDefinition(text);
    const answer = (machine: Machine, version: MachineVersion | undefined) => ({
      stateMachineArn: machine.arn,
      creationDate: seconds(machine.createdAtMs),
      ...(version !== undefined && { stateMachineVersionArn: version.arn }),
    });
    if (known !== undefined) {
      const asKnown =
        known.definition === definition &&
        (known.type ?? 'STANDARD') === type &&
        JSON.stringify([known.loggingConfiguration, known.tracingConfiguration]) ===
          JSON.stringify([loggingConfiguration, tracingConfiguration]);
      if (!asKnown) throw new AwsFault('StateMachineAlreadyExists', `State Machine Already Exists: '${known.arn}'`);
      if (!publish) return answer(known, undefined);
      const [machine, version] = published(known, description);
      await machines.save(machine);
      return answer(machine, version);
    }
    const nowMs = Date.now();
    const arn = `arn:aws:states:${place.region}:${place.accountId}:stateMachine:${name}`;
    const made: Machine = {
      name,
      arn,
      roleArn,
      definition,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      revisionId: randomUUID(),
      ...(type === 'EXPRESS' && { type }),
      ...(loggingConfiguration !== undefined && { loggingConfiguration }),
      ...(tracingConfiguration !== undefined && { tracingConfiguration }),
    };
    const [machine, version] = publish ? published(made, description) : [made, undefined];
    await machines.save(machine);
    return answer(machine, version);
  },

  async UpdateStateMachine(parts, input) {
    const given = ['definition', 'roleArn', 'loggingConfiguration', 'tracingConfiguration'];
    refuseOthers(input, ['stateMachineArn', 'publish', 'versionDescription', ...given]);
    const machine = await existingMachine(parts, input);
    const { publish, description } = readPublish(input);
    const text = optionalString(input, 'definition');
    const role = optionalString(input, 'roleArn');
    if (given.every((name) => input[name] === undefined)) {
      throw new AwsFault(
        'MissingRequiredParameter',
        'Either the definition, the role ARN, or a configuration must be specified',
      );
    }
    const { loggingConfiguration, tracingConfiguration } = readConfigurations(input);
    if (text !== undefined) checkDefinition(text, machine.type ?? 'STANDARD');
    const updated: Machine = {
      ...machine,
      ...(text !== undefined && { definition: await parts.machines.saveDefinition(text) }),
      ...(role !== undefined && { roleArn: readRole(role) }),
      ...(loggingConfiguration !== undefined && { loggingConfiguration }),
      ...(tracingConfiguration !== undefined && { tracingConfiguration }),
      updatedAtMs: Date.now(),
      revisionId: randomUUID(),
    };
    const [saved, version] = publish ? published(updated, description) : [updated, undefined];
    await parts.machines.save(saved);
    return {
      updateDate: seconds(saved.updatedAtMs),
      revisionId: saved.revisionId,
      ...(version !== undefined && { stateMachineVersionArn: version.arn }),
    };
  },

  async DescribeStateMachine(parts, input) {
    refuseOthers(input, ['stateMachineArn']);
    const { machine: known, version } = await referredMachine(parts, requiredString(input, 'stateMachineArn'));
    const machine = version === undefined ? known : { ...known, ...version };
    const references = await referencesIn(parts.machines, machine);
    return {
      ...(await describeMachine(parts.machines, machine)),
      ...(Object.keys(references).length === 0 ? {} : { variableReferences: references }),
      ...(version?.description !== undefined && { description: version.description }),
      status: 'ACTIVE',
      creationDate: seconds(machine.createdAtMs),
    };
  },

  async ValidateStateMachineDefinition(_parts, input) {
    refuseOthers(input, ['definition', 'type', 'severity', 'maxResults']);
    const type = readType(input);
    // Whatever is found is an error, so that either gives all of it.
    optionalWord(input, 'severity', ['ERROR', 'WARNING']);
    const checked = validateDefinitionText(requiredString(input, 'definition'), type);
    const most = optionalNumber(input, 'maxResults') ?? 0;
    if (!Number.isInteger(most) || most < 0 || most > maxDiagnostics)
      throw new AwsFault('ValidationException', `maxResults must be an integer between 0 and ${maxDiagnostics}`);
    const all = checked.ok ? [] : checked.diagnostics;
    const diagnostics = all.slice(0, most === 0 ? maxDiagnostics : most);
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

  async TestState({ tasks, place }, input, signal) {
    const request = readTest(input);
    const ports = { clock: systemClock(), random: Math.random, uuid: randomUUID, tasks };
    try {
      return await testState(ports, request, { ...place, models: serviceModels }, signal);
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
    const all = (await machines.list()).map(({ arn, name, type = 'STANDARD', createdAtMs }) => ({
      stateMachineArn: arn,
      name,
      type,
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
    const { machine, origin } = await machineToStart(parts, input);
    const name = input['name'] === undefined ? randomUUID() : readName(input, 'name');
    const text = optionalString(input, 'input') ?? '{}';
    if (machine.type === 'EXPRESS') {
      const begun = await startedWith(() => parts.express.start(machine, name, text, 'async'));
      return { executionArn: begun.executionArn, startDate: seconds(begun.startedAtMs) };
    }
    const header = await startedWith(() => parts.executions.start(machine, name, text, origin));
    if (header !== 'exists') return { executionArn: header.executionArn, startDate: seconds(header.startedAtMs) };
    const executionArn = `${machine.arn.replace(':stateMachine:', ':execution:')}:${name}`;
    throw new AwsFault('ExecutionAlreadyExists', `Execution Already Exists: '${executionArn}'`);
  },

  async StartSyncExecution(parts, input) {
    refuseOthers(input, ['stateMachineArn', 'name', 'input', 'includedData']);
    const { machine } = await machineToStart(parts, input);
    if (machine.type !== 'EXPRESS') throw wrongType();
    const name = input['name'] === undefined ? randomUUID() : readName(input, 'name');
    const text = optionalString(input, 'input') ?? '{}';
    const begun = await startedWith(() => parts.express.start(machine, name, text, 'sync'));
    const outcome = await begun.done;
    return describeSync(machine, begun, text, outcome, Date.now());
  },

  async RedriveExecution({ executions }, input) {
    refuseOthers(input, ['executionArn', 'clientToken']);
    if (isChildOfRun(requiredString(input, 'executionArn'))) {
      const cause = 'A child workflow execution is redriven by its Map Run only';
      throw new AwsFault('ExecutionNotRedrivable', cause);
    }
    const redriven = await executions.redrive(
      requiredString(input, 'executionArn'),
      optionalString(input, 'clientToken'),
    );
    if (redriven === undefined) throw noExecution(input);
    if ('refused' in redriven) throw new AwsFault('ExecutionNotRedrivable', redriven.refused);
    return { redriveDate: seconds(redriven.atMs) };
  },

  async StopExecution(parts, input) {
    refuseOthers(input, ['executionArn', 'error', 'cause']);
    const executionArn = requiredString(input, 'executionArn');
    const [error, cause] = [optionalString(input, 'error'), optionalString(input, 'cause')];
    if (isChildOfRun(executionArn)) {
      await existingChild(parts, input);
      await parts.mapRuns.stopChild(executionArn, error, cause);
      const { child } = await existingChild(parts, input);
      return { stopDate: seconds(child.stoppedAtMs ?? Date.now()) };
    }
    const stoppedAtMs = await parts.executions.stop(executionArn, error, cause);
    if (stoppedAtMs === undefined) throw noExecution(input);
    return { stopDate: seconds(stoppedAtMs) };
  },

  async DescribeExecution(parts, input) {
    refuseOthers(input, ['executionArn', 'includedData']);
    const metadataOnly = optionalString(input, 'includedData') === 'METADATA_ONLY';
    if (isChildOfRun(requiredString(input, 'executionArn')))
      return describeChild(await existingChild(parts, input), !metadataOnly);
    return describeExecution(await existingExecution(parts, input), !metadataOnly);
  },

  async ListExecutions(parts, input) {
    refuseOthers(input, ['stateMachineArn', 'mapRunArn', 'statusFilter', 'redriveFilter', 'maxResults', 'nextToken']);
    const hasRun = optionalString(input, 'mapRunArn') !== undefined;
    if (hasRun === (optionalString(input, 'stateMachineArn') !== undefined)) {
      throw new AwsFault('ValidationException', 'Either stateMachineArn or mapRunArn must be given, and not both');
    }
    if (hasRun) return listChildren(parts, input);
    if (input['redriveFilter'] !== undefined)
      throw new AwsFault('ValidationException', 'redriveFilter is for the executions of a Map Run: give mapRunArn');
    const asked = requiredString(input, 'stateMachineArn');
    const { machine } = await referredMachine(parts, asked);
    if (machine.type === 'EXPRESS') throw wrongType();
    const { arn } = machine;
    const filter = optionalString(input, 'statusFilter');
    if (filter !== undefined && !statuses.includes(filter)) {
      throw new AwsFault('ValidationException', `statusFilter must be one of ${statuses.join(', ')}`);
    }
    const all = (await parts.executions.list())
      .filter(({ stateMachineArn, status }) => stateMachineArn === arn && (filter ?? status) === status)
      .filter(({ origin }) => asked === arn || Object.values(origin ?? {}).includes(asked))
      .sort((a, b) => b.startedAtMs - a.startedAtMs || (a.name < b.name ? -1 : 1))
      .map(
        ({
          executionArn,
          stateMachineArn,
          name,
          status,
          startedAtMs,
          stoppedAtMs,
          redriveCount,
          redrivenAtMs,
          origin,
        }) => ({
          executionArn,
          stateMachineArn,
          name,
          status,
          startDate: seconds(startedAtMs),
          ...(stoppedAtMs !== undefined && { stopDate: seconds(stoppedAtMs) }),
          ...origin,
          redriveCount: redriveCount ?? 0,
          ...(redrivenAtMs !== undefined && { redriveDate: seconds(redrivenAtMs) }),
        }),
      );
    const page = pageOf(all, input, `${asked} ${filter ?? ''}`);
    return { executions: page.items, ...page.next };
  },

  async GetExecutionHistory(parts, input) {
    refuseOthers(input, ['executionArn', 'maxResults', 'nextToken', 'reverseOrder', 'includeExecutionData']);
    const executionArn = requiredString(input, 'executionArn');
    const events = isChildOfRun(executionArn)
      ? (await existingChild(parts, input)).child.events
      : await parts.executions.history(executionArn);
    if (events === undefined) throw noExecution(input);
    const reverse = optionalBoolean(input, 'reverseOrder') ?? false;
    const withData = optionalBoolean(input, 'includeExecutionData') ?? true;
    const page = pageOf(reverse ? events.toReversed() : events, input, `${executionArn} ${reverse}`);
    return { events: page.items.map((event) => historyEvent(event, withData)), ...page.next };
  },
};

async function describeMachine(machines: MachineStore, machine: Machine): Promise<object> {
  const { arn, name, type = 'STANDARD', roleArn, revisionId, loggingConfiguration, tracingConfiguration } = machine;
  return {
    stateMachineArn: arn,
    name,
    type,
    definition: await machines.definitionText(machine.definition),
    roleArn,
    revisionId,
    loggingConfiguration: loggingConfiguration ?? { level: 'OFF', includeExecutionData: false },
    tracingConfiguration: tracingConfiguration ?? { enabled: false },
  };
}

function readType(input: JsonInput): MachineType {
  const type = optionalString(input, 'type') ?? 'STANDARD';
  if (type === 'STANDARD' || type === 'EXPRESS') return type;
  throw new AwsFault('ValidationException', 'the type must be STANDARD or EXPRESS');
}

function wrongType(): AwsFault {
  return new AwsFault('StateMachineTypeNotSupported', 'This operation is not supported by this type of state machine');
}

/** Variables by state; none of a definition that an earlier version took and this one would refuse. */
async function referencesIn(machines: MachineStore, machine: Machine): Promise<ReturnType<typeof variableReferences>> {
  try {
    return variableReferences(await machines.definition(machine.definition));
  } catch (error) {
    if (error instanceof BunsuiError && error.code === 'BS4003') return {};
    throw error;
  }
}

/** The machine as it is to run, and the version and alias by which it was named. */
async function machineToStart(
  parts: StepFunctionsParts,
  input: JsonInput,
): Promise<{ readonly machine: Machine; readonly origin: ExecutionOrigin }> {
  const { machine, version, aliasArn } = await referredMachine(parts, requiredString(input, 'stateMachineArn'));
  if (version === undefined) return { machine, origin: {} };
  const { definition, roleArn } = version;
  const origin = {
    stateMachineVersionArn: version.arn,
    ...(aliasArn !== undefined && { stateMachineAliasArn: aliasArn }),
  };
  return { machine: { ...machine, definition, roleArn }, origin };
}

async function startedWith<T>(start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (error instanceof BunsuiError && error.code === 'BS3001')
      throw new AwsFault('InvalidExecutionInput', error.message);
    throw error;
  }
}
