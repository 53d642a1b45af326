/** The links by which channels answer what notices ask: each for one asking, and for the channel that it is sent to. */
import { type LinkKeyDeps, linkAddress, linkEnd, linkKey, signLink } from '../sessions/approval-links.ts';
import type { Notice } from '../sessions/notice.ts';

/** @param api address of the API, with its stage and a slash at its end */
export function answerLinks(
  deps: LinkKeyDeps,
  api: string,
  now: () => number,
): (notice: Notice, channel: string) => Promise<string | undefined> {
  const key = linkKey(deps);
  return async ({ session_id: session, job, approval }, channel) => {
    if (approval === undefined || job === undefined) return undefined;
    const expiresMs = linkEnd(Date.parse(approval.expires_at), now());
    const claims = { session, job: job.job_id, askedAt: approval.asked_at, expiresMs, channel };
    return linkAddress(api, signLink(await key(), claims));
  };
}
