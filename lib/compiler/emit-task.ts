/** A job whose operation is a call of a service: one Task state, which checks the answer as it takes it in. */
import type { Json } from '../ir/expressions.ts';
import type { JobIr, TaskOperationIr } from '../ir/nodes.ts';
import { factTarget, type JobFact, withInput } from '../ir/operations.ts';
import type { Emitter, Exit, Frame, Overrides } from './emit-context.ts';
import { endedWith, leaving } from './emit-exits.ts';
import { retriers } from './emit-retry.ts';
import { printScope } from './emit-values.ts';
import { access, quoted, template, text } from './jsonata.ts';
import { outputChecks } from './output-checks.ts';

/** Where the output of a task stands in the answer of its state, as JSONata. */
export function taskResult({ task }: TaskOperationIr): string {
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
  const checks = outputChecks(value, operation.output, operation.id);
  const { Assign: assigned = {}, ...left } = leaving(emitter, exit, frame, endedWith(node, value));
  const assign = withChecks(emitter, node.id, frame, checks, assigned as Assigned);
  const retry = retriers(node.retry ?? operation.retry, task.transient, checks.length > 0);
  return {
    Type: 'Task',
    Resource: task.resource,
    Arguments: template(printScope(emitter, factsAt(node, frame), frame.known), given),
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

/** What arguments may say of the job, as JSONata. */
function factsAt(node: JobIr, frame: Frame): Overrides {
  const path = frame.maps.length === 0 ? text(node.id) : `($states.input.path & ${text(`/${node.id}`)})`;
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
