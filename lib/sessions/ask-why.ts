/** Asking of a session why one of its jobs did what it did: `why.ts` with what it has to know. */
import type { S3Client } from '@aws-sdk/client-s3';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { nearest } from '../ir/spelling.ts';
import type { PlatformNames } from '../storage-layout.ts';
import type { StoreDeps } from './deps.ts';
import type { SessionItem } from './items.ts';
import { readPlan, reusedIn } from './reuse-items.ts';
import { bodiesRead, listJobRecords } from './store.ts';
import type { SessionView } from './view.ts';
import { type Why, whyJob } from './why.ts';

/** @throws {BunsuiError} BS3006 when the session has no such job */
export async function askWhy(
  deps: StoreDeps & { readonly s3: Pick<S3Client, 'send'>; readonly names: PlatformNames },
  {
    item,
    artifact,
    view,
  }: { readonly item: SessionItem; readonly artifact: PipelineArtifact; readonly view: SessionView },
  job: string,
): Promise<Why> {
  const plan = item.rerun_plan === undefined ? undefined : (await readPlan(deps, item.rerun_plan)).jobs;
  const { checkpoints } =
    item.generation > 1 ? await listJobRecords(deps, item.session_id, bodiesRead(artifact)) : { checkpoints: [] };
  const reused = reusedIn(checkpoints, item.generation);
  const found = whyJob({ artifact, view, job, reused, ...(plan === undefined ? {} : { plan }) });
  if (found !== undefined) return found;
  const near = nearest(
    job,
    view.jobs.map((one) => one.job),
  );
  throw new BunsuiError('SessionError', 'BS3006', `session ${item.session_id} has no job "${job.slice(0, 100)}"`, {
    hint: near === undefined ? 'see session show; a job of a map is named convert[0]/one' : `is "${near}" meant?`,
  });
}
