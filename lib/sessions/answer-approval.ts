/**
 * Answering an approval: once, by a person, whichever way it comes.
 *
 *     check → claim in the item (the first one wins) → record → Step Functions → item deleted
 *
 * Whoever finds a claim that is still there does what is missing: sending an answer twice changes nothing.
 */
import {
  InvalidToken,
  SendTaskFailureCommand,
  SendTaskSuccessCommand,
  TaskDoesNotExist,
  TaskTimedOut,
} from '@aws-sdk/client-sfn';
import { answerKey, type ApprovalOutput, type ApprovalWay } from '../approval-layout.ts';
import { BunsuiError, jobErrors } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';
import type { ApprovalIr } from '../ir/nodes.ts';
import { placedNodes } from '../ir/walk.ts';
import { isJobPath, type PlatformNames } from '../storage-layout.ts';
import {
  answersOf,
  type ApprovalSendDeps,
  type AskedApproval,
  claimAnswer,
  endOfWait,
  forgetAsking,
  hasEnded,
  readAsking,
  recordAnswer,
  tokenOf,
  withdrawAnswer,
} from './approval-store.ts';
import { iso } from './attempt-items.ts';
import type { LiveDeps } from './deps.ts';
import { checkInput } from './input-schema.ts';
import type { AnswerItem, SessionItem } from './items.ts';
import { readArtifact } from './pipelines.ts';
import { getSession } from './store.ts';

export interface AnswerDeps extends ApprovalSendDeps {
  readonly s3: LiveDeps['s3'];
  readonly names: PlatformNames;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What somebody answers. */
export interface AnswerRequest {
  /** Id. */
  readonly session: string;
  /** Path: `signoff`, `release[3]/signoff`. */
  readonly job: string;
  /** What was filled in; or that it is rejected. */
  readonly answer: { readonly approve: Json } | 'reject';
  /** At most 1,024 characters. */
  readonly reason?: string;
  /** Who answers, as far as this way knows. */
  readonly by: string;
  readonly via: Exclude<ApprovalWay, 'timeout'>;
  /** When it was asked, where the answer is to that and to no other asking. */
  readonly askedAt?: string;
}

/** An answer that was taken. */
export interface TakenAnswer extends ApprovalOutput<Json> {
  readonly session_id: string;
  readonly job_id: string;
}

export const longestReason = 1_024;
/** It goes through the state machine as it is. */
const maxAnswerBytes = 16_384;

/**
 * Answers an approval that waits.
 *
 * @throws {BunsuiError} BS3002 without such a session, BS3013 without such an approval in it, BS3005 when the session has
 *   ended, BS3014 when the approval does not wait (yet, or any more), BS3015 when the answer does not fit the form
 */
export async function answerApproval(deps: AnswerDeps, request: AnswerRequest): Promise<TakenAnswer> {
  const { job } = request;
  const { session, node, asked } = await askedApproval(deps, request);
  const answer = checkedAnswer(request, node, deps.now());
  if ((await claimAnswer(deps, asked, answer)) === 'stale') {
    throw await notWaiting(deps, session, job, await readAsking(deps, asked.execution, job));
  }
  const item = answerItem(session, asked, answer);
  await recordAnswer(deps, item);
  if (!(await send(deps, node, asked, answer))) {
    await withdrawAnswer(deps, item);
    await forgetAsking(deps, asked);
    throw await notWaiting(deps, session, job, undefined);
  }
  await forgetAsking(deps, asked);
  return { session_id: session.session_id, job_id: job, ...answer };
}

/** An approval that waits for an answer, with its session and its node. */
export interface OpenApproval {
  readonly session: SessionItem;
  readonly node: ApprovalIr;
  readonly asked: AskedApproval;
}

/** The approval that an answer is for. @throws {BunsuiError} as `answerApproval` does, but for the form */
export async function askedApproval(
  deps: AnswerDeps,
  { session: id, job, askedAt }: Pick<AnswerRequest, 'session' | 'job' | 'askedAt'>,
): Promise<OpenApproval> {
  const session = await getSession(deps, id);
  if (session === undefined) {
    throw new BunsuiError('SessionError', 'BS3002', `no session has the id "${id.slice(0, 100)}"`);
  }
  const node = approvalNode(await readArtifact(deps, session.pipeline_id, session.pipeline_version), job);
  const asked = await readAsking(deps, session.execution_arn ?? '', job);
  if (hasEnded(session, asked)) throw ended(session, job);
  if (asked?.answered !== undefined) await finishAnswer(deps, { session, node, asked });
  const isOpen = asked !== undefined && asked.answered === undefined && deps.now() < endOfWait(asked);
  if (!isOpen || (askedAt !== undefined && askedAt !== asked.askedAt)) {
    throw await notWaiting(deps, session, job, asked, askedAt);
  }
  return { session, node, asked };
}

/** Does what is missing of an answer that was taken. */
export async function finishAnswer(deps: AnswerDeps, { session, node, asked }: OpenApproval): Promise<void> {
  const { answered } = asked;
  if (answered === undefined) return;
  await recordAnswer(deps, answerItem(session, asked, answered));
  // A token that is dead now was sent, or its execution has gone on without it: the history tells which.
  await send(deps, node, asked, answered);
  await forgetAsking(deps, asked);
}

/** The node of an approval by a job's path. @throws {BunsuiError} BS3013 */
export function approvalNode(artifact: PipelineArtifact, job: string): ApprovalIr {
  const id = isJobPath(job) ? (job.split('/').at(-1) ?? '') : '';
  const nodes = placedNodes(artifact.pipeline.body).map(({ node }) => node);
  const found = nodes.find((node) => node.id === id);
  if (found?.kind === 'approval') return found;
  const approvals = artifact.approvals ?? [];
  const what = found === undefined ? 'there is no job' : 'a function runs, and no person answers,';
  throw new BunsuiError('SessionError', 'BS3013', `${what} "${job.slice(0, 100)}" in ${artifact.pipeline.id}`, {
    context: { job_id: job.slice(0, 100) },
    hint:
      approvals.length === 0
        ? 'the pipeline has no approvals'
        : `its approvals are ${approvals.join(', ')}; inside of a map give the item: map[0]/approval`,
  });
}

function checkedAnswer(
  { answer, reason, by, via }: AnswerRequest,
  node: ApprovalIr,
  nowMs: number,
): ApprovalOutput<Json> {
  if (reason !== undefined && reason.length > longestReason) {
    const message = `the reason has ${reason.length} characters, at most ${longestReason} are allowed`;
    throw new BunsuiError('ValidationError', 'BS3015', message);
  }
  const said = { ...(reason === undefined ? {} : { reason }), by, at: iso(nowMs), via };
  if (answer === 'reject') return { approved: false, ...said };
  const checked = checkInput(node.form, answer.approve);
  const bytes = Buffer.byteLength(JSON.stringify(answer.approve));
  if (bytes > maxAnswerBytes) {
    const message = `the answer has ${bytes} bytes, at most ${maxAnswerBytes} are taken`;
    throw new BunsuiError('ValidationError', 'BS3015', message, { hint: 'write the data to S3 and give its key' });
  }
  if (checked.ok) return { approved: true, answer: checked.value, ...said };
  const issues = checked.issues.map(({ path, message }) => `${path.join('.') || 'it'} ${message}`);
  throw new BunsuiError(
    'ValidationError',
    'BS3015',
    `the answer does not fit the form of "${node.id}": ${issues.join('; ')}`,
    {
      context: { issues: checked.issues.map(({ path, message }) => ({ path, message })) },
      hint: 'nothing was answered: give it again as the form asks',
    },
  );
}

function answerItem(session: SessionItem, asked: AskedApproval, answer: ApprovalOutput<Json>): AnswerItem {
  const { job, execution, redrive, askedAt, message, block } = asked;
  return {
    session_id: session.session_id,
    job_timestamp: answerKey(job, block.generation, redrive, askedAt),
    record_type: 'answer',
    pipeline_id: session.pipeline_id,
    job_id: job,
    generation: block.generation,
    execution_arn: execution,
    message,
    asked_at: askedAt,
    approved: answer.approved,
    ...(answer.answer === undefined ? {} : { answer: JSON.stringify(answer.answer) }),
    ...(answer.reason === undefined ? {} : { reason: answer.reason }),
    answered_by: answer.by,
    answered_at: answer.at,
    answered_via: answer.via,
  };
}

/** @returns false when nobody waits for it any more */
async function send(
  deps: ApprovalSendDeps,
  { onReject }: ApprovalIr,
  asked: AskedApproval,
  answer: ApprovalOutput<Json>,
): Promise<boolean> {
  const taskToken = await tokenOf(deps, asked);
  if (taskToken === undefined) return false;
  const why = answer.reason === undefined ? '' : `: ${answer.reason}`;
  const cause = { errorType: jobErrors.rejected, errorMessage: `rejected by ${answer.by}${why}`, ...answer };
  try {
    if (answer.approved || onReject === 'continue') {
      await deps.sfn.send(new SendTaskSuccessCommand({ taskToken, output: JSON.stringify(answer) }));
    } else {
      await deps.sfn.send(
        new SendTaskFailureCommand({ taskToken, error: jobErrors.rejected, cause: JSON.stringify(cause) }),
      );
    }
    return true;
  } catch (thrown) {
    if (thrown instanceof TaskTimedOut || thrown instanceof TaskDoesNotExist || thrown instanceof InvalidToken) {
      return false;
    }
    throw thrown;
  }
}

function ended({ session_id, status }: SessionItem, job: string): BunsuiError {
  return new BunsuiError(
    'SessionError',
    'BS3005',
    `session ${session_id} has ended as ${status}: "${job}" waits no more`,
    {
      context: { session_id, job_id: job, status },
      hint: 'nothing was answered; when the session is rerun it is asked anew',
    },
  );
}

/** Why an approval does not wait. */
async function notWaiting(
  deps: AnswerDeps,
  { session_id, generation }: SessionItem,
  job: string,
  asked: AskedApproval | undefined,
  askedAt?: string,
): Promise<BunsuiError> {
  const refuse = (why: string, hint: string) =>
    new BunsuiError('SessionError', 'BS3014', `"${job}" of session ${session_id} ${why}`, {
      context: { session_id, job_id: job },
      hint: `nothing was answered: ${hint}`,
    });
  const isAnew = askedAt !== undefined && asked !== undefined && asked.askedAt !== askedAt;
  const answers = (await answersOf(deps, session_id, job)).filter((one) => one.generation === generation);
  const last = answers.findLast((one) => one.asked_at === (askedAt ?? asked?.askedAt ?? one.asked_at));
  if (last !== undefined) {
    const what = last.approved ? 'approved' : 'rejected';
    return refuse(
      `was answered already: ${what} by ${last.answered_by} at ${last.answered_at}, by ${last.answered_via}`,
      'an answer cannot be changed',
    );
  }
  if (isAnew) return refuse(`was asked anew at ${asked.askedAt}`, 'this was for an earlier asking');
  if (asked !== undefined && deps.now() >= endOfWait(asked)) {
    return refuse(`waited until ${iso(endOfWait(asked))}`, 'that time is over');
  }
  return refuse('does not wait for an answer now', 'it was not asked yet, was skipped, or has gone on without one');
}
