/**
 * Telling of approvals that wait. The item of an approval is its own outbox: it says whether it was told of, and whoever
 * finds one that was not, and should have been by now, tells.
 */
import type { SourcePosition } from '../errors.ts';
import { type PipelinePolicy, readPolicy } from '../ir/policy.ts';
import { approvalNode, finishAnswer } from './answer-approval.ts';
import { type AskedApproval, endOfWait, listAsking, noteNoticed } from './approval-store.ts';
import { iso } from './attempt-items.ts';
import type { LiveDeps } from './deps.ts';
import type { SessionItem } from './items.ts';
import { isOpen } from './list-approvals.ts';
import { noticeOf, publishNotice } from './notices.ts';
import { findPipeline, readArtifact } from './pipelines.ts';
import { getSession } from './store.ts';

type Deps = LiveDeps & { readonly gatesTable: string };

/** Tells of an approval, once as a rule. @returns whether there was somebody to tell */
export async function tellApproval(
  deps: Deps,
  session: SessionItem,
  policy: PipelinePolicy,
  asked: AskedApproval,
  source?: SourcePosition,
): Promise<boolean> {
  const { notices } = deps;
  if (notices === undefined || asked.isNoticed) return false;
  const notice = noticeOf(notices, session, policy, {
    event: 'approval',
    at: asked.askedAt,
    job: { job_id: asked.job, attempt: 1, ...(source === undefined ? {} : { source }) },
    approval: {
      message: asked.message,
      who: asked.who,
      asked_at: asked.askedAt,
      expires_at: iso(endOfWait(asked)),
    },
  });
  if (notice === undefined) return false;
  await publishNotice(notices, notice);
  await noteNoticed(deps, asked, notice.delivery_id);
  return true;
}

/** What was found, as ids of sessions. */
export interface SweptApprovals {
  /** They were told of. */
  readonly told: readonly string[];
  /** Their answers had been taken, and Step Functions has them now. */
  readonly answered: readonly string[];
  readonly problems: readonly { readonly session_id: string; readonly error: unknown }[];
}

/**
 * Does for approvals what somebody else did not come to.
 *
 * @param graceMs what is younger may be in somebody else's hands
 */
export async function sweepApprovals(deps: Deps, graceMs: number): Promise<SweptApprovals> {
  const told: string[] = [];
  const answered: string[] = [];
  const problems: { readonly session_id: string; readonly error: unknown }[] = [];
  const isOld = (at: string) => deps.now() - Date.parse(at) >= graceMs;
  for (const asked of await listAsking(deps)) {
    const { session: session_id } = asked.block;
    if (!isOld(asked.answered?.at ?? asked.askedAt)) continue;
    try {
      const session = await getSession(deps, session_id);
      if (session === undefined) continue;
      if (asked.answered !== undefined) {
        const artifact = await readArtifact(deps, session.pipeline_id, session.pipeline_version);
        await finishAnswer(deps, { session, node: approvalNode(artifact, asked.job), asked });
        answered.push(session_id);
      } else if (!asked.isNoticed && isOpen(asked, session, deps.now())) {
        const policy = readPolicy((await findPipeline(deps, session.pipeline_id, session.pipeline_version))?.policy);
        if (await tellApproval(deps, session, policy, asked)) told.push(session_id);
      }
    } catch (error) {
      problems.push({ session_id, error });
    }
  }
  return { told, answered, problems };
}
