/**
 * A job whose operation is a container: a state writes its input to the platform's bucket, one runs it on Fargate and
 * waits, one reads what it has left and checks it. Where the objects lie stands in the container's environment.
 *
 *     containers/{pipeline}/{execution}/{job path}/input.json
 *     containers/{pipeline}/{execution}/{job path}/output-{redrives}-{retries}.json
 *
 * Each try has an output of its own, so that none takes what an earlier one has left.
 */
import { containerPlaceholder } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';
import type { ContainerOperationIr, JobIr } from '../ir/nodes.ts';
import { leavesOutput } from '../ir/operations.ts';
import { containerName, containerVariables } from '../storage-layout.ts';
import { type Emitter, type Exit, type Frame, noOverrides, noteOrigin, type State } from './emit-context.ts';
import { endedWith, handedOn, leaving } from './emit-exits.ts';
import { retriers } from './emit-retry.ts';
import { withChecks } from './emit-task.ts';
import { printScope } from './emit-values.ts';
import { quoted, template, text } from './jsonata.ts';
import { givenState, takenState } from './names.ts';
import { outputChecks } from './output-checks.ts';

/** Faults of S3 that say nothing about the job. */
const s3Faults = ['S3.S3Exception', 'S3.SdkClientException', 'S3.SlowDownException', 'S3.InternalErrorException'];
/** Faults of ECS, and Fargate having no room at the moment. */
const ecsFaults = [
  'ECS.ServerException',
  'ECS.AmazonECSException',
  'ECS.SdkClientException',
  'ECS.ThrottlingException',
];

/** Where the object lies that a container leaves, as JSONata, in the state that reads it. */
const leftBody = '$parse($states.result.Body)';

/**
 * The states of a job that runs a container.
 *
 * @param caught what becomes of a failure that is tolerated: in whichever state it is
 */
export function emitContainer(
  emitter: Emitter,
  node: JobIr,
  operation: ContainerOperationIr,
  frame: Frame,
  exit: Exit,
  caught: State,
): void {
  const { states } = frame;
  const { id } = operation;
  const path = frame.maps.length === 0 ? text(node.id) : `$states.input.path & ${text(`/${node.id}`)}`;
  const execution = `$states.context.${frame.identity.execution}`;
  const session = `$states.context.${frame.identity.block}.session`;
  const place = `${text(`containers/${emitter.pipeline.id}/`)} & $split(${execution}, ":")[-1] & "/" & ${path}`;
  const bucket = containerPlaceholder(id, 'bucket');
  const tried = emitter.variable(`${node.id} tried`, frame.depth);
  const now = '$string($states.context.Execution.RedriveCount) & "-" & $string($states.context.State.RetryCount)';
  const hasOutput = leavesOutput(operation);
  const seconds = node.timeoutSeconds ?? operation.timeoutSeconds;
  const variables: { readonly [name: string]: Json } = {
    [containerVariables.job]: quoted(path),
    [containerVariables.operation]: id,
    [containerVariables.execution]: quoted(execution),
    [containerVariables.startedAt]: quoted(`$states.context.${frame.identity.startedAt}`),
    [containerVariables.session]: quoted(`($exists(${session}) ? ${session} : "")`),
    [containerVariables.attempt]: quoted('$string($states.context.State.RetryCount + 1)'),
    [containerVariables.bucket]: bucket,
    [containerVariables.inputKey]: quoted(`${place} & "/input.json"`),
    [containerVariables.outputKey]: quoted(`${place} & "/output-" & ${now} & ".json"`),
    [containerVariables.logs]: containerPlaceholder(id, 'logs'),
  };
  states[givenState(node.id)] = {
    Type: 'Task',
    Resource: 'arn:aws:states:::aws-sdk:s3:putObject',
    Arguments: {
      Bucket: bucket,
      Key: quoted(`${place} & "/input.json"`),
      Body: template(printScope(emitter, noOverrides, frame.known), node.input),
      ContentType: 'application/json',
    },
    Retry: retriers(undefined, s3Faults, false),
    ...caught,
    Output: handedOn(frame),
    Next: node.id,
  };
  noteOrigin(emitter, givenState(node.id), 'given', node, id);
  const ran: State = hasOutput
    ? { Assign: { [tried]: quoted(now) }, Output: handedOn(frame), Next: takenState(node.id) }
    : leaving(emitter, exit, frame, endedWith(node, '{}'));
  states[node.id] = {
    Type: 'Task',
    Resource: 'arn:aws:states:::ecs:runTask.sync',
    Arguments: {
      LaunchType: 'FARGATE',
      Cluster: containerPlaceholder(id, 'cluster'),
      TaskDefinition: containerPlaceholder(id, 'task'),
      NetworkConfiguration: {
        AwsvpcConfiguration: {
          Subnets: containerPlaceholder(id, 'subnets'),
          SecurityGroups: containerPlaceholder(id, 'securityGroups'),
          AssignPublicIp: containerPlaceholder(id, 'publicIp'),
        },
      },
      Overrides: {
        ContainerOverrides: [
          { Name: containerName, Environment: Object.entries(variables).map(([Name, Value]) => ({ Name, Value })) },
        ],
      },
    },
    ...(seconds === undefined ? {} : { TimeoutSeconds: seconds }),
    Retry: retriers(node.retry ?? operation.retry, ecsFaults, false),
    ...caught,
    ...ran,
  };
  noteOrigin(emitter, node.id, 'job', node, id);
  if (!hasOutput) return;
  const checks = outputChecks(leftBody, operation.output, id);
  const { Assign: assigned = {}, ...left } = leaving(emitter, exit, frame, endedWith(node, leftBody));
  const assign = withChecks(emitter, node.id, frame, checks, assigned as { readonly [variable: string]: Json });
  states[takenState(node.id)] = {
    Type: 'Task',
    Resource: 'arn:aws:states:::aws-sdk:s3:getObject',
    Arguments: { Bucket: bucket, Key: quoted(`${place} & "/output-" & $${tried} & ".json"`) },
    Retry: retriers(undefined, s3Faults, false),
    ...caught,
    ...(Object.keys(assign).length === 0 ? {} : { Assign: assign }),
    ...left,
  };
  noteOrigin(emitter, takenState(node.id), 'taken', node, id);
}
