/**
 * A job: the Choice of its condition, and its Task. That of a job with a function invokes it with the envelope and the
 * input; other jobs call a service (`emit-task.ts`).
 */
import { jobErrors } from '../errors.ts';
import { functionPlaceholder } from '../ir/artifact.ts';
import { type Expression, type Json, type RefExpression, secretsOf } from '../ir/expressions.ts';
import type { JobIr, LambdaOperationIr, NodeIr } from '../ir/nodes.ts';
import { isContainer, isLambda, lambdaFaults } from '../ir/operations.ts';
import { maxInlineBytes } from '../payload-layout.ts';
import {
  type Around,
  type Emitter,
  type Exit,
  type Frame,
  noOverrides,
  noteOrigin,
  type State,
} from './emit-context.ts';
import { assignNothing, endedWith, handedOn, leaving, nothingFrom, skipTo } from './emit-exits.ts';
import { emitContainer } from './emit-container.ts';
import { entryState, gateWork } from './emit-gates.ts';
import { retriers } from './emit-retry.ts';
import { taskState } from './emit-task.ts';
import { payload, printScope } from './emit-values.ts';
import { isShort } from './inline-bytes.ts';
import { literal, print, quoted, template, text } from './jsonata.ts';
import { conditionState, failedState, passedState, skipState } from './names.ts';
import { failureOf, valuesOf } from './reads.ts';

/** What is around a job. */
export interface JobAround extends Around {
  /** The first of the states that open its gates where its function does not. */
  readonly opened?: string;
}

/** Emits a job, without its condition. */
export function emitJob(emitter: Emitter, node: JobIr, frame: Frame, exit: Exit, around: JobAround): void {
  const operation = emitter.pipeline.operations[node.operation];
  if (!operation) return;
  const { tolerate } = node;
  const caught = tolerate ? { Catch: [catcher(emitter, node, tolerate, frame, exit, around.opened)] } : {};
  if (isContainer(operation)) emitContainer(emitter, node, operation, frame, exit, caught);
  else {
    noteOrigin(emitter, node.id, 'job', node, operation.id);
    const state = isLambda(operation)
      ? functionState(emitter, node, operation, frame, exit, around)
      : taskState(emitter, node, operation, frame, exit);
    frame.states[node.id] = { ...state, ...caught };
  }
  for (const value of valuesOf(node))
    if (emitter.reads.has(value)) emitter.home.set(value, `$${emitter.variable(value, frame.depth)}`);
}

/** The state of a job that has a function. */
function functionState(
  emitter: Emitter,
  node: JobIr,
  operation: LambdaOperationIr,
  frame: Frame,
  exit: Exit,
  around: JobAround,
): State {
  const jobPath = frame.maps.length === 0 ? text(node.id) : `$states.input.path & ${text(`/${node.id}`)}`;
  const input = inputOf(emitter, node, frame);
  const secrets = secretsOf(node.input).map(({ at, name }) => ({ at, name }));
  const envelope = [
    `"job": ${jobPath}`,
    `"operation": ${text(operation.id)}`,
    '"attempt": State.RetryCount',
    '"redrive": Execution.RedriveCount',
    `"execution": ${frame.identity.execution}`,
    `"startedAt": ${frame.identity.startedAt}`,
    `"block": ${frame.identity.block}`,
    ...gateWork(emitter, node, around, input.fetched),
    ...outputSize(emitter, node, frame),
    ...(secrets.length === 0 ? [] : [`"secrets": ${literal(secrets)}`]),
    ...(node.compensate === undefined ? [] : ['"undoable": true']),
    ...(node.compensates === undefined
      ? []
      : [`"compensates": ${print(printScope(emitter, noOverrides, frame.known), node.compensates.path)}`]),
  ];
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Arguments: {
      FunctionName: functionPlaceholder(operation.id),
      // A step of a path into the context: every definition holds this once for each job.
      Payload: { bunsui: quoted(`$states.context.{${envelope.join(', ')}}`), input: input.template },
    },
    ...(node.timeoutSeconds === undefined ? {} : { TimeoutSeconds: node.timeoutSeconds }),
    Retry: retriers(node.retry ?? operation.retry, transient, false),
    ...leaving(emitter, exit, frame, endedWith(node, payload)),
  };
}

/** What of the output may not be moved to S3, and how much of it may stay; nothing where the function knows by itself. */
function outputSize({ pipeline, keeps, inline }: Emitter, node: JobIr, frame: Frame): readonly string[] {
  if (isShort(pipeline.operations[node.operation]?.output ?? {})) return [];
  const keep = keeps.jobs.get(node.id);
  const most = inline.most(node.id);
  const share = Math.min(most, inline.of(node.id));
  const lists = frame.listed ? frame.maps.filter((map) => inline.results(map).has(node.id)) : [];
  const around = lists.reduce((sum, map) => sum + inline.around(map), 0);
  return [
    ...(keep === undefined ? [] : [`"keep": ${literal(keep)}`]),
    ...(lists.length > 0
      ? [`"inline": $min([${most}, $floor(${inline.of(node.id)} / $states.input.of) - ${around}])`]
      : share < maxInlineBytes
        ? [`"inline": ${share}`]
        : []),
  ];
}

/** What a Catch has caught, as JSONata. */
export const caught =
  '{"name": $states.errorOutput.Error, "cause": ($exists($states.errorOutput.Cause) ? $states.errorOutput.Cause : "")}';

/** Where a job goes on that has failed with an error that it tolerates. A Catch cannot end a scope: a Pass does. */
function catcher(
  emitter: Emitter,
  node: JobIr,
  errors: readonly string[],
  frame: Frame,
  exit: Exit,
  opened: string | undefined,
): Json {
  const { reads, variable, states } = { ...emitter, ...frame };
  const failure = failureOf(node.id);
  if (exit.next !== undefined && opened === undefined) {
    const ended = new Map([...nothingFrom(node), [failure, caught]]);
    return { ErrorEquals: errors, ...leaving(emitter, exit, frame, ended) };
  }
  const own = [...nothingFrom(node).keys()].filter((value) => reads.has(value));
  const assign = own.map((value) => [variable(value, frame.depth), value === failure ? quoted(caught) : null]);
  const name = failedState(node.id);
  if (opened === undefined) {
    const ended = new Map([...nothingFrom(node), [failure, `$${variable(failure, frame.depth)}`]]);
    states[name] = { Type: 'Pass', ...leaving(emitter, exit, frame, ended) };
    noteOrigin(emitter, name, 'skip', node);
  }
  return {
    ErrorEquals: errors,
    ...(assign.length === 0 ? {} : { Assign: Object.fromEntries(assign) }),
    Output: handedOn(frame),
    Next: opened ?? name,
  };
}

/** The Choice in front of a node that has a condition. A skipped node's values are null. */
export function emitCondition(
  emitter: Emitter,
  node: NodeIr,
  when: Expression,
  frame: Frame,
  exit: Exit,
  opened: string | undefined,
): void {
  const name = conditionState(node.id);
  const isJob = node.kind === 'job' || node.kind === 'approval';
  const passed = isJob ? skipState(node.id) : passedState(node.id);
  const { next, assign } =
    opened === undefined
      ? skipTo(emitter, exit, frame, passed, node, nothingFrom(node))
      : { next: opened, assign: assignNothing(emitter, node, frame) };
  frame.states[name] = {
    Type: 'Choice',
    Choices: [
      {
        Condition: quoted(print(printScope(emitter, noOverrides, frame.known), when)),
        Next: entryState(emitter.pipeline, node),
      },
    ],
    ...assign,
    Default: next,
  };
  noteOrigin(emitter, name, 'condition', node);
}

/** A job's input. Values behind gates are left out of it and listed: the job's function fetches them. */
function inputOf(
  emitter: Emitter,
  node: JobIr,
  frame: Frame,
): { readonly template: Json; readonly fetched: readonly string[] } {
  const fetched: string[] = [];
  const fetches = ({ target, path }: RefExpression, at: readonly (string | number)[]): boolean => {
    const maps = target.kind === 'node' ? emitter.behind.get(target.id) : undefined;
    if (maps === undefined || target.kind !== 'node') return false;
    const job = pathTo(target.id, maps, frame);
    fetched.push(`{"at": ${literal([...at])}, "job": ${job}, "path": ${literal([...path])}}`);
    return true;
  };
  return { template: template({ ...printScope(emitter, noOverrides, frame.known), fetches }, node.input), fetched };
}

/** The path of a job that has so many maps around it, as JSONata, seen from a frame inside the innermost of them. */
function pathTo(job: string, maps: number, frame: Frame): string {
  if (maps === 0) return text(job);
  const own = '$states.input.path';
  const outer = `$join($filter($split(${own}, "/"), function($part, $index){ $index < ${maps} }), "/")`;
  return `${maps === frame.maps.length ? own : outer} & ${text(`/${job}`)}`;
}

/** What says nothing about the job: faults of Lambda, and of recording. */
const transient = [...lambdaFaults, jobErrors.recordFailed];
