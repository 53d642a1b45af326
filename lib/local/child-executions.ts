/**
 * The task that runs another state machine and waits for its end: `states:startExecution.sync:2`, as a pipeline that is
 * cut into several machines uses it. Its child is stopped when nobody waits any more; when this process ends it stays as
 * it is, and who takes the task up again finds it by its name.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
 */
import { ceasedToWork, type Json, type TaskOutcome, type TaskProgress, type TaskRequest } from '../engine/ports.ts';
import type { ExecutionRecord } from './execution-records.ts';
import { type Executions, executionArnOf } from './executions.ts';
import type { JournalHeader } from './journal.ts';
import type { Machine, MachineStore } from './machines.ts';
import { sha256 } from '../request-signature.ts';

export interface ChildParts {
  readonly machines: MachineStore;
  readonly executions: Executions;
}

export async function runChildExecution(
  parts: ChildParts,
  task: TaskRequest,
  signal: AbortSignal,
  progress: TaskProgress,
): Promise<TaskOutcome> {
  const { executions } = parts;
  const begun = await begunChild(parts, task, task.executionArn);
  if (!('header' in begun)) return begun;
  const { executionArn, startedAtMs } = begun.header;
  await executions.resume([executionArn]);
  if (task.submitted !== true) progress.submitted({ ExecutionArn: executionArn, StartDate: startedAtMs });
  const ended = await endOf(executions, executionArn, signal);
  if (ended === undefined) {
    if (signal.reason !== ceasedToWork) await executions.stop(executionArn);
    return { ok: false, error: 'States.TaskFailed', cause: 'stopped' };
  }
  const described = describedEnd(ended);
  if (ended.status === 'SUCCEEDED') return { ok: true, output: described };
  return { ok: false, error: 'States.TaskFailed', cause: JSON.stringify(described) };
}

/** The task that starts another state machine and goes on: `states:startExecution`. That outlasts who has started it. */
export async function startExecutionApart(parts: ChildParts, task: TaskRequest): Promise<TaskOutcome> {
  const begun = await begunChild(parts, task, undefined);
  if (!('header' in begun)) return begun;
  const { executionArn, startedAtMs } = begun.header;
  return { ok: true, output: { ExecutionArn: executionArn, StartDate: new Date(startedAtMs).toISOString() } };
}

/** The execution that a task starts, or the error of Step Functions. @param parent what it does not outlast */
async function begunChild(
  { machines, executions }: ChildParts,
  task: TaskRequest,
  parent: string | undefined,
): Promise<{ readonly header: JournalHeader } | (TaskOutcome & { readonly ok: false })> {
  const failed = (error: string, cause: string) => ({ ok: false, error: `StepFunctions.${error}`, cause }) as const;
  const given = task.arguments as { readonly [name: string]: Json };
  const others = Object.keys(given).filter((name) => !['StateMachineArn', 'Input', 'Name'].includes(name));
  if (others.length > 0) return failed('ValidationException', `fields that are not served: ${others.join(', ')}`);
  const { StateMachineArn: arn, Input: input = {}, Name: name } = given;
  const machine = typeof arn === 'string' ? await machines.find(arn.split(':')[6] ?? '') : undefined;
  if (machine === undefined || machine.arn !== arn)
    return failed('StateMachineDoesNotExistException', `State Machine Does Not Exist: ${JSON.stringify(arn)}`);
  const text = typeof input === 'string' ? input : JSON.stringify(input);
  const header = await started(executions, machine, task, text, name, parent);
  if (header !== undefined) return { header };
  return failed('ExecutionAlreadyExistsException', `Execution Already Exists: '${JSON.stringify(name)}'`);
}

/**
 * Starts the child of a try, or finds the one that was started before a crash. A redrive of the parent is another try;
 * jobs that had completed are not run again by its child.
 *
 * @returns undefined when the name that the state has chosen was used
 */
async function started(
  executions: Executions,
  machine: Machine,
  { tryId, submitted, restarts }: TaskRequest,
  input: string,
  chosen: Json | undefined,
  parent: string | undefined,
): Promise<JournalHeader | undefined> {
  const name = typeof chosen === 'string' ? chosen : `part-${sha256(tryId).slice(0, 32)}`;
  const begun = await executions.start(machine, name, input, {}, parent);
  if (begun !== 'exists') return begun;
  const isOurs = chosen === undefined || submitted === true || restarts > 0;
  const there = isOurs ? await executions.find(executionArnOf(machine, name)) : undefined;
  return there?.header;
}

/** @returns undefined when nobody waits any more */
async function endOf(
  executions: Executions,
  executionArn: string,
  signal: AbortSignal,
): Promise<ExecutionRecord | undefined> {
  for (let after = 0; !signal.aborted; ) {
    const followed = await executions.follow(executionArn, after, signal);
    after += followed?.events.length ?? 0;
    if (followed === undefined || followed.status !== 'RUNNING') return executions.find(executionArn);
  }
  return undefined;
}

/** What the integration gives: DescribeExecution with names in its spelling, input and output as values. */
function describedEnd({ header, status, stoppedAtMs, output, error, cause }: ExecutionRecord): {
  readonly [name: string]: Json;
} {
  return {
    ExecutionArn: header.executionArn,
    Input: JSON.parse(header.input) as Json,
    InputDetails: { Included: true },
    Name: header.name,
    ...(output === undefined ? {} : { Output: JSON.parse(output) as Json, OutputDetails: { Included: true } }),
    ...(error === undefined ? {} : { Error: error }),
    ...(cause === undefined ? {} : { Cause: cause }),
    StartDate: header.startedAtMs,
    StateMachineArn: header.stateMachineArn,
    Status: status,
    ...(stoppedAtMs === undefined ? {} : { StopDate: stoppedAtMs }),
  };
}
