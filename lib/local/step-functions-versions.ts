/**
 * The API of versions and aliases of state machines. A version is what a machine was when it was published; an alias
 * names one version, or two with a share of the starts each.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/concepts-cd-aliasing-versioning.html
 */
import { AwsFault } from './aws-fault.ts';
import { type JsonInput, optionalBoolean, optionalString, refuseOthers, requiredString } from './json-input.ts';
import type { AliasRoute, Machine, MachineAlias, MachineVersion } from './machines.ts';
import {
  existingMachine,
  machineName,
  type Operation,
  pageOf,
  readName,
  type StepFunctionsParts,
} from './step-functions-requests.ts';
import { seconds } from './step-functions-shapes.ts';

/** The machine with a version of what it is now; the version that it has already, when nothing has changed since. */
export function published(machine: Machine, description: string | undefined): readonly [Machine, MachineVersion] {
  const [newest] = machine.versions ?? [];
  if (newest?.revisionId === machine.revisionId) return [machine, newest];
  const number = (machine.lastVersion ?? 0) + 1;
  const { definition, roleArn, revisionId } = machine;
  const version: MachineVersion = {
    arn: `${machine.arn}:${number}`,
    definition,
    roleArn,
    revisionId,
    createdAtMs: Date.now(),
    ...(description !== undefined && { description }),
  };
  return [{ ...machine, lastVersion: number, versions: [version, ...(machine.versions ?? [])] }, version];
}

/** @throws {AwsFault} when a description is given for a version that is not to be made */
export function readPublish(input: JsonInput): { readonly publish: boolean; readonly description: string | undefined } {
  const publish = optionalBoolean(input, 'publish') ?? false;
  const description = optionalString(input, 'versionDescription');
  if (description !== undefined && !publish) {
    throw new AwsFault('ValidationException', 'Version description can only be set when publish is true');
  }
  return { publish, description };
}

function noResource(): AwsFault {
  return new AwsFault('ResourceNotFound', 'Request references a resource that does not exist.');
}

function readRoutes(input: JsonInput, machine: Machine | undefined): readonly AliasRoute[] {
  const given: unknown = input['routingConfiguration'];
  const refuse = (why: string) => new AwsFault('ValidationException', why);
  if (!Array.isArray(given) || given.length < 1 || given.length > 2) {
    throw refuse('routingConfiguration must have one or two entries');
  }
  const routes = given.map((route: unknown): AliasRoute => {
    const { stateMachineVersionArn: arn, weight } = (route ?? {}) as JsonInput;
    if (
      typeof arn !== 'string' ||
      typeof weight !== 'number' ||
      !Number.isInteger(weight) ||
      weight < 0 ||
      weight > 100
    ) {
      throw refuse('an entry of routingConfiguration has a stateMachineVersionArn and a weight from 0 to 100');
    }
    return { stateMachineVersionArn: arn, weight };
  });
  if (routes.reduce((sum, { weight }) => sum + weight, 0) !== 100)
    throw refuse('Sum of routing configuration weights must equal 100.');
  const arns = routes.map(({ stateMachineVersionArn }) => stateMachineVersionArn);
  if (new Set(arns).size < arns.length)
    throw refuse('Routing configuration must contain distinct state machine version ARNs.');
  if (machine === undefined || !arns.every((arn) => machine.versions?.some((version) => version.arn === arn))) {
    throw noResource();
  }
  return routes;
}

/** The machine that a version's or an alias's ARN belongs to, and what follows its name. */
async function owner(
  { machines, place }: StepFunctionsParts,
  arn: string,
): Promise<{ readonly machine: Machine | undefined; readonly qualifier: string }> {
  const match = /^(arn:aws:states:[\w-]+:\d{12}:stateMachine:[^:]+):([^:]+)$/.exec(arn);
  if (match === null) throw new AwsFault('InvalidArn', `Invalid Arn: 'Invalid ARN: ${arn}'`);
  const [, machineArn = '', qualifier = ''] = match;
  return { machine: await machines.find(machineName(machineArn, place)), qualifier };
}

async function existingAlias(parts: StepFunctionsParts, input: JsonInput): Promise<readonly [Machine, MachineAlias]> {
  const { machine, qualifier } = await owner(parts, requiredString(input, 'stateMachineAliasArn'));
  const alias = machine?.aliases?.find(({ name }) => name === qualifier);
  if (machine === undefined || alias === undefined) throw noResource();
  return [machine, alias];
}

const withAliases = (machine: Machine, aliases: readonly MachineAlias[]): Machine => ({ ...machine, aliases });

export const versionOperations: Readonly<Record<string, Operation>> = {
  async PublishStateMachineVersion(parts, input) {
    refuseOthers(input, ['stateMachineArn', 'revisionId', 'description']);
    const machine = await existingMachine(parts, input);
    const wanted = optionalString(input, 'revisionId');
    if (wanted !== undefined && wanted !== machine.revisionId) {
      const message = `Failed to publish the State Machine version for revision ${wanted}. The current State Machine revision is ${machine.revisionId}.`;
      throw new AwsFault('ConflictException', message);
    }
    const [changed, version] = published(machine, optionalString(input, 'description'));
    await parts.machines.save(changed);
    return { creationDate: seconds(version.createdAtMs), stateMachineVersionArn: version.arn };
  },

  async ListStateMachineVersions(parts, input) {
    refuseOthers(input, ['stateMachineArn', 'maxResults', 'nextToken']);
    const machine = await existingMachine(parts, input);
    const all = (machine.versions ?? []).map(({ arn, createdAtMs }) => ({
      stateMachineVersionArn: arn,
      creationDate: seconds(createdAtMs),
    }));
    const page = pageOf(all, input, `${machine.arn} versions`);
    return { stateMachineVersions: page.items, ...page.next };
  },

  async DeleteStateMachineVersion(parts, input) {
    refuseOthers(input, ['stateMachineVersionArn']);
    const arn = requiredString(input, 'stateMachineVersionArn');
    const { machine } = await owner(parts, arn);
    if (machine === undefined) return {};
    const users = (machine.aliases ?? []).filter(({ routes }) =>
      routes.some(({ stateMachineVersionArn }) => stateMachineVersionArn === arn),
    );
    if (users.length > 0) {
      const names = users.map(({ name }) => name).join(', ');
      const message = `Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [${names}]`;
      throw new AwsFault('ConflictException', message);
    }
    await parts.machines.save({
      ...machine,
      versions: (machine.versions ?? []).filter((version) => version.arn !== arn),
    });
    return {};
  },

  async CreateStateMachineAlias(parts, input) {
    refuseOthers(input, ['name', 'description', 'routingConfiguration']);
    const name = readName(input, 'name');
    if (/^\d+$/.test(name)) throw new AwsFault('ValidationException', 'the name of an alias must not be a number');
    const given: unknown = input['routingConfiguration'];
    const [first] = Array.isArray(given) ? (given as readonly (JsonInput | null)[]) : [];
    const { machine } = await owner(parts, requiredString(first ?? {}, 'stateMachineVersionArn'));
    const routes = readRoutes(input, machine);
    if (machine === undefined) throw noResource();
    const description = optionalString(input, 'description');
    const arn = `${machine.arn}:${name}`;
    const known = machine.aliases?.find((alias) => alias.name === name);
    if (known !== undefined) {
      if (JSON.stringify([known.routes, known.description]) !== JSON.stringify([routes, description])) {
        const message =
          'Failed to create alias because an alias with the same name and a different routing configuration already exists.';
        throw new AwsFault('ConflictException', message);
      }
      return { stateMachineAliasArn: arn, creationDate: seconds(known.createdAtMs) };
    }
    const nowMs = Date.now();
    const alias: MachineAlias = {
      name,
      routes,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      ...(description !== undefined && { description }),
    };
    await parts.machines.save(withAliases(machine, [alias, ...(machine.aliases ?? [])]));
    return { stateMachineAliasArn: arn, creationDate: seconds(nowMs) };
  },

  async UpdateStateMachineAlias(parts, input) {
    refuseOthers(input, ['stateMachineAliasArn', 'description', 'routingConfiguration']);
    const [machine, alias] = await existingAlias(parts, input);
    const description = optionalString(input, 'description');
    if (description === undefined && input['routingConfiguration'] === undefined) {
      throw new AwsFault(
        'ValidationException',
        'At least one of description or routingConfiguration must be specified',
      );
    }
    const changed: MachineAlias = {
      ...alias,
      ...(description !== undefined && { description }),
      ...(input['routingConfiguration'] !== undefined && { routes: readRoutes(input, machine) }),
      updatedAtMs: Date.now(),
    };
    const aliases = (machine.aliases ?? []).map((each) => (each === alias ? changed : each));
    await parts.machines.save(withAliases(machine, aliases));
    return { updateDate: seconds(changed.updatedAtMs) };
  },

  async DescribeStateMachineAlias(parts, input) {
    refuseOthers(input, ['stateMachineAliasArn']);
    const [machine, { name, description, routes, createdAtMs, updatedAtMs }] = await existingAlias(parts, input);
    return {
      stateMachineAliasArn: `${machine.arn}:${name}`,
      name,
      ...(description !== undefined && { description }),
      routingConfiguration: routes,
      creationDate: seconds(createdAtMs),
      updateDate: seconds(updatedAtMs),
    };
  },

  async ListStateMachineAliases(parts, input) {
    refuseOthers(input, ['stateMachineArn', 'maxResults', 'nextToken']);
    const arn = requiredString(input, 'stateMachineArn');
    const version = /:stateMachine:[^:]+:\d+$/.test(arn) ? arn : undefined;
    const machine = await existingMachine(parts, { stateMachineArn: version ? arn.replace(/:\d+$/, '') : arn });
    const all = (machine.aliases ?? [])
      .filter(({ routes }) => version === undefined || routes.some((route) => route.stateMachineVersionArn === version))
      .map(({ name, createdAtMs }) => ({
        stateMachineAliasArn: `${machine.arn}:${name}`,
        creationDate: seconds(createdAtMs),
      }));
    const page = pageOf(all, input, `${arn} aliases`);
    return { stateMachineAliases: page.items, ...page.next };
  },

  async DeleteStateMachineAlias(parts, input) {
    refuseOthers(input, ['stateMachineAliasArn']);
    const [machine, alias] = await existingAlias(parts, input);
    await parts.machines.save(
      withAliases(
        machine,
        (machine.aliases ?? []).filter((each) => each !== alias),
      ),
    );
    return {};
  },
};
