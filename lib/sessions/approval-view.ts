/** An approval as its session shows it: what is asked in place of the call that asks, and who has answered what. */
import { approvalsPartition, type ApprovalRequest } from '../approval-layout.ts';
import { jobErrors } from '../errors.ts';
import { gateAttributes } from '../gate-layout.ts';
import { answerOfNobody } from '../ir/approvals.ts';
import type { Json } from '../ir/expressions.ts';
import type { ApprovalIr } from '../ir/nodes.ts';
import { iso } from './attempt-items.ts';
import type { JobFacts } from './job-view.ts';
import type { FailureView } from './view.ts';

interface Call {
  readonly Key?: { readonly [attribute: string]: { readonly S?: unknown } | undefined };
  readonly ExpressionAttributeValues?: { readonly ':asked'?: { readonly S?: unknown } };
}

/** Whether a call is the one by which an approval asks: the token stands in it, so that nobody is shown it as it is. */
export function isAsking(call: Json | undefined): boolean {
  const { Key } = (call ?? {}) as Call;
  return Key?.[gateAttributes.partitionKey]?.S === approvalsPartition;
}

/** What an approval asks, as its state has sent it; `undefined` when the call is none of an approval, or is cut off. */
export function askedBy(call: Json | undefined): ApprovalRequest | undefined {
  if (!isAsking(call)) return undefined;
  const text = (call as Call).ExpressionAttributeValues?.[':asked']?.S;
  return typeof text === 'string' ? readAsked(text) : undefined;
}

/** The attribute `asked` of an item. The machine has written it, and nobody else. */
export function readAsked(text: string): ApprovalRequest | undefined {
  try {
    return JSON.parse(text) as ApprovalRequest;
  } catch {
    return undefined;
  }
}

/** An error of an approval in its own words. */
export function approvalFailure(node: ApprovalIr, error: FailureView): FailureView {
  if (error.name !== 'States.Timeout') return error;
  return { name: jobErrors.approvalTimedOut, cause: `nobody has answered within ${node.timeoutSeconds} seconds` };
}

/** What is known of an approval, by what is known of its task. */
export function approvalFacts(node: ApprovalIr, facts: JobFacts): JobFacts {
  const instead = facts.status === 'timeout' ? answerOfNobody(node) : undefined;
  return instead === undefined ? inItsWords(node, facts) : answeredByNobody(facts, instead);
}

function inItsWords(node: ApprovalIr, facts: JobFacts): JobFacts {
  const told = <T extends { readonly error?: FailureView }>(at: T): T =>
    at.error === undefined ? at : { ...at, error: approvalFailure(node, at.error) };
  return { ...told(facts), attempts: facts.attempts.map(told) };
}

/** The machine catches the timeout and goes on: it has got its answer. */
function answeredByNobody({ error: _, ...facts }: JobFacts, answer: object): JobFacts {
  const endedAt = facts.attempts.at(-1)?.endedAt ?? facts.startedAt;
  return {
    ...facts,
    attempts: facts.attempts.map(({ error: why, ...attempt }, index) =>
      index === facts.attempts.length - 1
        ? { ...attempt, status: 'completed' }
        : { ...attempt, ...(why === undefined ? {} : { error: why }) },
    ),
    status: 'completed',
    delivered: true,
    endedAt,
    output: { ...answer, at: iso(endedAt) } as unknown as Json,
  };
}
