/** Approvals that wait for an answer, of all sessions. */
import type { JsonSchema } from '../ir/nodes.ts';
import { approvalNode, type AnswerDeps } from './answer-approval.ts';
import { type AskedApproval, endOfWait, hasEnded, listAsking } from './approval-store.ts';
import { iso } from './attempt-items.ts';
import type { SessionItem } from './items.ts';
import { readArtifact } from './pipelines.ts';
import { getSession } from './store.ts';

/** An approval that waits. */
export interface WaitingApproval {
  readonly session_id: string;
  readonly job_id: string;
  readonly pipeline_id: string;
  readonly pipeline_version: string;
  readonly message: string;
  readonly who: readonly string[];
  /** What is to be filled in: JSON Schema of an object. */
  readonly form: JsonSchema;
  /** ISO 8601 in UTC. */
  readonly asked_at: string;
  readonly expires_at: string;
}

/** The approvals that wait, the oldest first. */
export async function listApprovals(deps: AnswerDeps): Promise<readonly WaitingApproval[]> {
  const sessions = new Map<string, Promise<SessionItem | undefined>>();
  const artifacts = new Map<string, ReturnType<typeof readArtifact>>();
  const known = <T>(map: Map<string, T>, key: string, make: () => T): T => {
    const found = map.get(key) ?? make();
    map.set(key, found);
    return found;
  };
  const described = async (asked: AskedApproval): Promise<readonly WaitingApproval[]> => {
    const { session: id } = asked.block;
    const session = await known(sessions, id, () => getSession(deps, id));
    if (session === undefined || !isOpen(asked, session, deps.now())) return [];
    const { pipeline_id, pipeline_version } = session;
    const artifact = await known(artifacts, `${pipeline_id} ${pipeline_version}`, () =>
      readArtifact(deps, pipeline_id, pipeline_version),
    );
    return [
      {
        ...{ session_id: id, job_id: asked.job, pipeline_id, pipeline_version },
        ...{ message: asked.message, who: asked.who, form: approvalNode(artifact, asked.job).form },
        asked_at: asked.askedAt,
        expires_at: iso(endOfWait(asked)),
      },
    ];
  };
  const found: WaitingApproval[] = [];
  for (const asked of await listAsking(deps)) found.push(...(await described(asked)));
  return found.toSorted((a, b) => (a.asked_at < b.asked_at ? -1 : 1));
}

/** What was not cleared away after a session had ended, or had gone on, waits for nobody. */
export function isOpen(asked: AskedApproval, session: SessionItem, nowMs: number): boolean {
  return (
    asked.answered === undefined &&
    session.execution_arn === asked.execution &&
    !hasEnded(session, asked) &&
    nowMs < endOfWait(asked)
  );
}
