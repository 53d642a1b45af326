/** Reading the requests of the Step Functions API: names, ARNs, pages, and what they refer to. */
import { validateDefinitionText, type MachineType } from '../asl/validate.ts';
import type { TaskRunner } from '../engine/ports.ts';
import type { Activities } from './activities.ts';
import { AwsFault } from './aws-fault.ts';
import type { Executions } from './executions.ts';
import type { ExpressExecutions } from './express-executions.ts';
import {
  decodeToken,
  encodeToken,
  type JsonInput,
  optionalNumber,
  optionalString,
  requiredString,
} from './json-input.ts';
import type { Machine, MachineStore, MachineVersion } from './machines.ts';
import type { MapRuns } from './map-runs.ts';
import type { RuntimeLog } from './runtime-log.ts';
import type { TaskTokens } from './task-tokens.ts';

export interface StepFunctionsParts {
  readonly machines: MachineStore;
  readonly executions: Executions;
  readonly express: ExpressExecutions;
  readonly mapRuns: MapRuns;
  readonly activities: Activities;
  readonly tasks: TaskRunner;
  readonly tokens: TaskTokens;
  readonly place: { readonly region: string; readonly accountId: string };
  readonly log: RuntimeLog;
}

/** `signal` is aborted when the caller has gone. */
export type Operation = (parts: StepFunctionsParts, input: JsonInput, signal: AbortSignal) => Promise<object>;

const maxDefinitionBytes = 1_048_576;

/**
 * A page of a list. The token says what list it belongs to and where it goes on.
 * A list that grows at its beginning meanwhile may show an item twice, as AWS's may.
 */
export function pageOf<T>(
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

export function machineName(arn: string, place: StepFunctionsParts['place']): string {
  const match = /^arn:aws:states:([\w-]+):(\d{12}):stateMachine:(.+)$/.exec(arn);
  if (match === null) throw new AwsFault('InvalidArn', `Invalid Arn: 'Invalid ARN: ${arn}'`);
  const [, region, account, name = ''] = match;
  if (region !== place.region || account !== place.accountId || name.includes(':')) {
    throw new AwsFault('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
  }
  return name;
}

export async function existingExecution({ executions }: StepFunctionsParts, input: JsonInput) {
  const record = await executions.find(requiredString(input, 'executionArn'));
  if (record === undefined) throw noExecution(input);
  return record;
}

export function noExecution(input: JsonInput): AwsFault {
  const arn = requiredString(input, 'executionArn');
  if (!/^arn:aws:states:[\w-]+:\d{12}:execution:[^:]+:[^:]+$/.test(arn)) {
    return new AwsFault('InvalidArn', `Invalid Arn: 'Invalid ARN: ${arn}'`);
  }
  return new AwsFault('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
}

/** @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html (name) */
export function readName(input: JsonInput, field: string): string {
  const name = requiredString(input, field);
  const forbidden = /[\s<>{}[\]?*"#%\\^|~`$&,;:/\u0000-\u001f\u007f-\u009f\ud800-\udfff\ufffe\uffff]/;
  if (name.length < 1 || name.length > 80 || forbidden.test(name)) {
    throw new AwsFault('InvalidName', `Invalid Name: ${JSON.stringify(name.slice(0, 100))}`);
  }
  return name;
}

export function readRole(arn: string): string {
  if (!/^arn:aws[\w-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/.test(arn)) {
    throw new AwsFault('InvalidArn', `Invalid Role Arn: '${arn}'`);
  }
  return arn;
}

export function checkDefinition(text: string, type: MachineType): void {
  const refuse = (why: string) => new AwsFault('InvalidDefinition', `Invalid State Machine Definition: '${why}'`);
  if (Buffer.byteLength(text) > maxDefinitionBytes) throw refuse(`larger than ${maxDefinitionBytes} bytes`);
  const result = validateDefinitionText(text, type);
  if (result.ok) return;
  const where = (location: string) => (location === '' ? '' : ` at ${location}`);
  throw refuse(
    result.diagnostics
      .map(({ code, message, location }) => `${code}: ${message.trimEnd()}${where(location)}`)
      .join(', '),
  );
}

export async function existingMachine({ machines, place }: StepFunctionsParts, input: JsonInput): Promise<Machine> {
  const arn = requiredString(input, 'stateMachineArn');
  const machine = await machines.find(machineName(arn, place));
  if (machine === undefined || machine.arn !== arn) {
    throw new AwsFault('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
  }
  return machine;
}

/** A machine, and what of it an ARN means: the machine as it is now, a version, or an alias. */
export interface Referred {
  readonly machine: Machine;
  readonly version?: MachineVersion;
  readonly aliasArn?: string;
}

/**
 * What a machine's ARN refers to, with or without a version or alias. Of an alias with two versions, one by its weight.
 * @throws {AwsFault} StateMachineDoesNotExist
 */
export async function referredMachine(parts: StepFunctionsParts, arn: string): Promise<Referred> {
  const match = /^(arn:aws:states:[\w-]+:\d{12}:stateMachine:[^:]+):([^:]+)$/.exec(arn);
  const [, machineArn = '', qualifier = ''] = match ?? [];
  if (match === null) return { machine: await existingMachine(parts, { stateMachineArn: arn }) };
  const none = new AwsFault('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
  const machine = await parts.machines.find(machineName(machineArn, parts.place));
  if (machine?.arn !== machineArn) throw none;
  const versionOf = (versionArn: string): MachineVersion => {
    const version = machine.versions?.find((each) => each.arn === versionArn);
    if (version === undefined) throw none;
    return version;
  };
  if (/^\d+$/.test(qualifier)) return { machine, version: versionOf(arn) };
  const alias = machine.aliases?.find(({ name }) => name === qualifier);
  if (alias === undefined) throw none;
  let left = Math.random() * 100;
  const route = alias.routes.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  return { machine, version: versionOf((route ?? alias.routes[0])?.stateMachineVersionArn ?? ''), aliasArn: arn };
}
