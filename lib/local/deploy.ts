/**
 * Brings a compiled pipeline onto the local runtime: functions bundled and registered, the state machine created or
 * updated. Through the endpoint's own API, so it is the same whether this process runs the runtime or not.
 */
import { fileURLToPath } from 'node:url';
import { handlerExport } from '../handler-bundle.ts';
import {
  type ContainerPart,
  containerPlaceholder,
  functionPlaceholder,
  machinePlaceholder,
  platformBucketPlaceholder,
  pipelinePlaceholder,
  type PipelineArtifact,
} from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';
import { BunsuiError } from '../errors.ts';
import { withFingerprints } from '../ir/fingerprints.ts';
import type { PipelineIr } from '../ir/nodes.ts';
import { callsOf, containersOf, lambdasOf, tasksOf } from '../ir/operations.ts';
import { gatesTablePlaceholder } from '../gate-layout.ts';
import {
  childMachineName,
  commandVariable,
  type ContainerCommand,
  environment,
  gatesTableName,
  payloadPrefix,
  platformNames,
} from '../storage-layout.ts';
import { bundleHandlers } from './bundle.ts';
import { localClient, type JsonResult, type LocalClient } from './client.ts';
import type { Runtime } from './runtime.ts';
import { sha256 } from '../request-signature.ts';
import { withStandIns } from './stand-ins.ts';

/** A pipeline on the local runtime. */
export interface DeployedHere {
  readonly stateMachineArn: string;
  /** With the fingerprints of its jobs, and the version that its code gives it. */
  readonly artifact: PipelineArtifact;
}

/**
 * Deploys a pipeline. Doing it again changes what has changed; executions that run keep the definition they have.
 *
 * @param versions of the pipelines that it calls, by their ids: they are deployed by themselves, before it
 * @throws {BunsuiError} BS4004 when a handler cannot be bundled, BS5001 when the runtime refuses.
 */
export async function deployLocally(
  runtime: Runtime,
  artifact: PipelineArtifact,
  versions: ReadonlyMap<string, string> = new Map(),
): Promise<DeployedHere> {
  const { pipeline } = artifact;
  const functions = [...lambdasOf(pipeline), ...standInsOf(pipeline), ...commandsOf(pipeline)];
  const users = new Map<string, readonly string[]>();
  for (const { id, entry } of functions) users.set(entry, [...(users.get(entry) ?? []), id]);
  const bundles = await bundleHandlers(runtime.stateDir, [...users.keys()], users);
  const client = localClient(runtime);
  await Promise.all(
    functions.map(({ id, entry, timeoutSeconds, memoryMiB, environment: own }) =>
      client.private('PUT', `functions/${encodeURIComponent(functionName(pipeline.id, id))}`, {
        handlerFile: bundles.get(entry)?.file,
        handler: handlerExport,
        timeoutSeconds,
        memoryMiB,
        environment: {
          ...own,
          ...platformEnvironment(runtime),
          [environment.payloads]: payloadPrefix(pipeline.id),
          [environment.functionsEndWithTasks]: '1',
        },
      }),
    ),
  );
  const arnOf = ({ id }: { readonly id: string }) => functionArn(runtime, pipeline.id, id);
  const arns = lambdasOf(pipeline).map((one) => [functionPlaceholder(one.id), arnOf(one)] as const);
  const standIns = new Map([...standInsOf(pipeline), ...commandsOf(pipeline)].map((one) => [one.id, arnOf(one)]));
  const containers = containersOf(pipeline).flatMap(({ id }) => localContainer(runtime, id));
  const called = callsOf(pipeline).map(
    ({ pipeline: id }) => [pipelinePlaceholder(id), machineArn(runtime, id)] as const,
  );
  const { bucket } = platformNames({ account: runtime.accountId, region: runtime.region });
  const named = [
    [gatesTablePlaceholder, gatesTableName()],
    [platformBucketPlaceholder, bucket],
  ] as const;
  const placed = new Map<string, Json>([...arns, ...containers, ...called, ...named]);
  for (const [index, shard] of (artifact.shards ?? []).entries()) {
    const name = childMachineName('', pipeline.id, index + 1);
    const definition = JSON.stringify(withPlaced(withStandIns(shard, artifact.states, standIns), placed));
    placed.set(machinePlaceholder(index + 1), await putMachine(runtime, client, name, definition));
  }
  const definition = JSON.stringify(withPlaced(withStandIns(artifact.definition, artifact.states, standIns), placed));
  const code = new Map(functions.map(({ id, entry }) => [id, bundles.get(entry)?.codeHash ?? '']));
  return {
    stateMachineArn: await putMachine(runtime, client, pipeline.id, definition),
    artifact: withFingerprints(artifact, { sha256, code, called: versions }),
  };
}

/** Functions that take the place of services. One call may take as long as a function can. */
function standInsOf(pipeline: PipelineIr) {
  return tasksOf(pipeline).flatMap(({ id, standIn, timeoutSeconds = longestCallSeconds }) => {
    if (standIn === undefined) return [];
    const seconds = Math.min(timeoutSeconds, longestCallSeconds);
    return [{ id, entry: standIn, timeoutSeconds: seconds, memoryMiB: 1_024, environment: {} }];
  });
}

/** Functions that run programs in the place of containers, which may take as long as containers may. */
function commandsOf(pipeline: PipelineIr) {
  return containersOf(pipeline).flatMap(({ id, command, container, timeoutSeconds = longestRunSeconds }) => {
    if (command === undefined) return [];
    const told: ContainerCommand = { operation: id, ...command, environment: container.environment };
    const environment = { [commandVariable]: JSON.stringify(told) };
    return [{ id, entry: commandEntry, timeoutSeconds, memoryMiB: container.memoryMiB, environment }];
  });
}

/** The function that runs a program in a container's place. */
const commandEntry = fileURLToPath(
  new URL(`../wrapper/container-command.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);

/** A day: a program that hangs is to end once. */
const longestRunSeconds = 86_400;

/** What stands in the states of a container here. */
function localContainer(runtime: Runtime, id: string): readonly (readonly [string, Json])[] {
  const arn = (resource: string) => `arn:aws:ecs:${runtime.region}:${runtime.accountId}:${resource}`;
  const { bucket } = platformNames({ account: runtime.accountId, region: runtime.region });
  const parts: { readonly [part in ContainerPart]: Json } = {
    bucket,
    cluster: arn('cluster/local'),
    task: arn(`task-definition/${id}:1`),
    subnets: [],
    securityGroups: [],
    publicIp: 'DISABLED',
    logs: '',
  };
  return Object.entries(parts).map(([part, value]) => [containerPlaceholder(id, part as ContainerPart), value]);
}

/** As long as Lambda lets a function work. */
const longestCallSeconds = 900;

/** Environment variables that say where a platform's tables and bucket are. */
export function platformEnvironment(place: {
  readonly accountId: string;
  readonly region: string;
}): Record<string, string> {
  const names = platformNames({ account: place.accountId, region: place.region });
  return {
    [environment.sessionsTable]: names.sessionsTable,
    [environment.jobHistoryTable]: names.jobHistoryTable,
    [environment.pipelinesTable]: names.pipelinesTable,
    [environment.gatesTable]: gatesTableName(),
    [environment.bucket]: names.bucket,
  };
}

function functionName(pipeline: string, operation: string): string {
  return `${pipeline}-${operation}`;
}

function functionArn(runtime: Runtime, pipeline: string, operation: string): string {
  return `arn:aws:lambda:${runtime.region}:${runtime.accountId}:function:${functionName(pipeline, operation)}`;
}

// A placeholder is always a whole string, so nothing that an author wrote is taken for one by a part of it.
function withPlaced(value: Json, placed: ReadonlyMap<string, Json>): Json {
  if (typeof value === 'string') return placed.get(value) ?? value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => withPlaced(item, placed));
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, withPlaced(field, placed)]));
}

function machineArn({ region, accountId }: Runtime, name: string): string {
  return `arn:aws:states:${region}:${accountId}:stateMachine:${name}`;
}

async function putMachine(runtime: Runtime, client: LocalClient, name: string, definition: string): Promise<string> {
  const stateMachineArn = machineArn(runtime, name);
  const roleArn = `arn:aws:iam::${runtime.accountId}:role/bunsui-local`;
  const created = await client.json('states', 'AWSStepFunctions.CreateStateMachine', { name, definition, roleArn });
  if (created.ok) return stateMachineArn;
  if (created.code !== 'StateMachineAlreadyExists') throw refusal(created);
  const updated = await client.json('states', 'AWSStepFunctions.UpdateStateMachine', { stateMachineArn, definition });
  if (!updated.ok) throw refusal(updated);
  return stateMachineArn;
}

function refusal(result: JsonResult & { readonly ok: false }): BunsuiError {
  return new BunsuiError('AWSError', 'BS5001', `the state machine was refused: ${result.code}: ${result.message}`);
}
