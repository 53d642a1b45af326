/**
 * Approvals in virtual time: functions in place of the people who answer. The task that asks is the compiled one; what
 * is given as an answer is checked against the form, as a person's is.
 */
import * as z from 'zod';
import { approvalsPartition, type ApprovalRequest } from '../approval-layout.ts';
import type { Pipeline } from '../dsl/scope.ts';
import type { Json, TaskOutcome, TaskRequest } from '../engine/ports.ts';
import { jobErrors } from '../errors.ts';
import { gateAttributes } from '../gate-layout.ts';
import { placedNodes } from '../ir/walk.ts';

/** What a person is asked in a test. */
export interface TestQuestion {
  /** The job's path. */
  readonly job: string;
  readonly message: string;
  readonly who: readonly string[];
}

/** What somebody answers: the form filled in, a rejection, or nothing at all. */
export type TestAnswer =
  | { readonly approve: unknown; readonly by?: string; readonly reason?: string }
  | { readonly reject: string; readonly by?: string }
  | 'nobody answers';

/** A function in place of the people who are asked. It may pass time before it answers. */
export type TestApprover = (
  question: TestQuestion,
  context: { sleep(milliseconds: number): Promise<void> },
) => TestAnswer | Promise<TestAnswer>;

interface VirtualTime {
  now(): number;
  hold(): () => void;
  wakeAt(atMs: number, wake: () => void): void;
}

type Asking = {
  readonly Key?: { readonly [name: string]: { readonly S?: string } };
  readonly ExpressionAttributeValues?: { readonly ':asked'?: { readonly S?: string } };
};

/** @returns undefined when the task is none of an approval */
export function runApproval(
  pipeline: Pipeline,
  approvers: { readonly [approval: string]: TestApprover },
  clock: VirtualTime,
  task: TaskRequest,
): Promise<TaskOutcome> | undefined {
  const { Key, ExpressionAttributeValues: values } = task.arguments as Asking;
  if (Key?.[gateAttributes.partitionKey]?.S !== approvalsPartition) return undefined;
  const { job, message, who } = JSON.parse(values?.[':asked']?.S ?? '') as ApprovalRequest;
  return answered(pipeline, approvers, clock, { job, message, who });
}

async function answered(
  pipeline: Pipeline,
  approvers: { readonly [approval: string]: TestApprover },
  clock: VirtualTime,
  question: TestQuestion,
): Promise<TaskOutcome> {
  const id = question.job.split('/').at(-1) ?? '';
  let release = clock.hold();
  const sleep = async (milliseconds: number) => {
    const woken = new Promise<void>((wake) => clock.wakeAt(clock.now() + milliseconds, wake));
    release();
    await woken;
    release = clock.hold();
  };
  try {
    const answer = (await approvers[id]?.(question, { sleep })) ?? 'nobody answers';
    // The machine's own timeout ends the wait.
    if (answer === 'nobody answers') return await new Promise<never>(() => release());
    return outcomeOf(pipeline, id, answer, new Date(clock.now()).toISOString());
  } finally {
    release();
  }
}

function outcomeOf(pipeline: Pipeline, id: string, given: Exclude<TestAnswer, string>, at: string): TaskOutcome {
  const { by = 'test' } = given;
  const node = placedNodes(pipeline.ir.body).find((placed) => placed.node.id === id)?.node;
  const said = { by, at, via: 'api' } as const;
  if ('reject' in given) {
    const output = { approved: false, reason: given.reject, ...said };
    if (node?.kind === 'approval' && node.onReject === 'continue') return { ok: true, output };
    const errorMessage = `rejected by ${by}: ${given.reject}`;
    const cause = JSON.stringify({ errorType: jobErrors.rejected, errorMessage, ...output });
    return { ok: false, error: jobErrors.rejected, cause };
  }
  const checked = z.safeParse(pipeline.forms[id] ?? z.unknown(), given.approve);
  if (!checked.success) return { ok: false, error: jobErrors.outputInvalid, cause: misfit(id, checked.error.issues) };
  const { reason } = given;
  const why = reason === undefined ? {} : { reason };
  return { ok: true, output: { approved: true, answer: checked.data as Json, ...why, ...said } };
}

function misfit(id: string, issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]) {
  const reasons = issues.map(({ path, message }) => `${path.map(String).join('.') || 'it'}: ${message}`);
  return `the answer does not fit the form of approval "${id}": ${reasons.join('; ')}`;
}
