/** A job whose operation is a call of a service: one Task state, which checks the answer as it takes it in. */
import type { Expression, Json } from '../ir/expressions.ts';
import type { JobIr, TaskOperationIr } from '../ir/nodes.ts';
import { factTarget, type JobFact, withInput } from '../ir/operations.ts';
import { callArguments, startedSession, wholeCheck } from './emit-call.ts';
import type { Emitter, Exit, Frame, Overrides } from './emit-context.ts';
import { endedWith, leaving } from './emit-exits.ts';
import { retriers } from './emit-retry.ts';
import { printScope } from './emit-values.ts';
import { access, quoted, template, text } from './jsonata.ts';
import { outputChecks } from './output-checks.ts';

/** Where the output of a task stands in the answer of its state, as JSONata. */
export function taskResult({ task, call }: TaskOperationIr): string {
  if (call?.waits === false) return startedSession;
  return access('$states.result', task.result);
}

/** The state of a job that calls a service. */
export function taskState(
  emitter: Emitter,
  node: JobIr,
  operation: TaskOperationIr,
  frame: Frame,
  exit: Exit,
): { readonly [field: string]: Json } {
  const { task } = operation;
  const given = withInput(task.arguments, operation, node.input) ?? ({ kind: 'literal', value: {} } as const);
  const seconds = node.timeoutSeconds ?? operation.timeoutSeconds;
  const value = taskResult(operation);
  const { call } = operation;
  const checks = [
    ...(call?.waits ? [wholeCheck(value, call)] : []),
    ...(call?.waits === false ? [] : outputChecks(value, operation.output, operation.id)),
  ];
  const { Assign: assigned = {}, ...left } = leaving(emitter, exit, frame, endedWith(node, value));
  const assign = withChecks(emitter, node.id, frame, checks, assigned as Assigned);
  const asked = node.retry ?? operation.retry;
  // Of a call that is tried again each try has a name of its own: what may have begun is not begun again by itself.
  const isNamedAnew = call !== undefined && asked !== undefined && asked.max > 0;
  const retry = isNamedAnew
    ? retriers(asked, notBegun, checks.length > 0, mayHaveBegun)
    : retriers(asked, task.transient, checks.length > 0);
  const scope = printScope(emitter, factsAt(node, frame), frame.known);
  return {
    Type: 'Task',
    Resource: task.resource,
    Arguments:
      call === undefined
        ? template(scope, given)
        : callArguments(call, childInput(given), scope, {
            path: pathAt(node, frame),
            identity: frame.identity,
            retries: isNamedAnew,
          }),
    ...(seconds === undefined ? {} : { TimeoutSeconds: seconds }),
    ...(retry.length === 0 ? {} : { Retry: retry }),
    ...(Object.keys(assign).length === 0 ? {} : { Assign: assign }),
    ...left,
  };
}

type Assigned = { readonly [variable: string]: Json };

/** What a state assigns, where the answer is checked first: before the job's own value, or by itself where nobody reads that. */
export function withChecks(
  emitter: Emitter,
  id: string,
  frame: Frame,
  checks: readonly string[],
  assigned: Assigned,
): Assigned {
  if (checks.length === 0) return assigned;
  const own = emitter.variable(id, frame.depth);
  const value = assigned[own];
  const inner = typeof value === 'string' ? /^\{% ([\s\S]*) %\}$/.exec(value)?.[1] : undefined;
  if (inner !== undefined) return { ...assigned, [own]: quoted(`(${[...checks, inner].join('; ')})`) };
  return {
    [emitter.variable(`${id} checked`, frame.depth)]: quoted(`(${[...checks, 'true'].join('; ')})`),
    ...assigned,
  };
}

/** Faults of Step Functions after which a call has not begun, and may have. */
const notBegun = ['StepFunctions.ThrottlingException'];
const mayHaveBegun = ['StepFunctions.SdkClientException', 'StepFunctions.ExecutionAlreadyExistsException'];

/** What a called pipeline is given, of the arguments that the kind has made. */
function childInput(given: Expression): Expression {
  const input = given.kind === 'object' ? given.fields['Input'] : undefined;
  const value = given.kind === 'literal' ? (given.value as { readonly [name: string]: Json })['Input'] : undefined;
  return input ?? { kind: 'literal', value: value ?? {} };
}

/** The path of a job, as JSONata. */
function pathAt(node: JobIr, frame: Frame): string {
  return frame.maps.length === 0 ? text(node.id) : `($states.input.path & ${text(`/${node.id}`)})`;
}

/** What arguments may say of the job, as JSONata. */
function factsAt(node: JobIr, frame: Frame): Overrides {
  const path = pathAt(node, frame);
  const values: { readonly [fact in JobFact]: string } = {
    job: path,
    execution: `$states.context.${frame.identity.execution}`,
    attempt: '$states.context.State.RetryCount',
    unique: '$uuid()',
  };
  const idOf = (fact: JobFact) => {
    const target = factTarget(fact);
    return target.kind === 'node' ? target.id : '';
  };
  return new Map(Object.entries(values).map(([fact, value]) => [idOf(fact as JobFact), value]));
}
