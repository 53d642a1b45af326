/** What approvals come to beside the machine. */
import { type ApprovalOutput, nobody } from '../approval-layout.ts';
import type { Json } from './expressions.ts';
import type { ApprovalIr } from './nodes.ts';

/** What is taken when nobody has answered in time, without the time; `undefined` where the job fails then. */
export function answerOfNobody({ onTimeout }: ApprovalIr): Omit<ApprovalOutput<Json>, 'at'> | undefined {
  if (onTimeout.kind === 'fail') return undefined;
  const isApproved = onTimeout.kind === 'approve';
  const said = isApproved ? { answer: onTimeout.answer } : {};
  return { approved: isApproved, ...said, by: nobody, via: 'timeout' };
}
