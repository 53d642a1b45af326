/** A session as it stands: folded from its history, or from its records where that is not kept any more. */
import { ExecutionDoesNotExist, type SFNClient } from '@aws-sdk/client-sfn';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { StoreDeps } from './deps.ts';
import { foldHistory } from './fold.ts';
import { readHistory } from './history.ts';
import type { SessionItem } from './items.ts';
import { type ArtifactDeps, readArtifact } from './pipelines.ts';
import { recordedView } from './recorded-view.ts';
import { isTerminal } from './status.ts';
import { bodiesRead, listJobRecords } from './store.ts';
import type { SessionView } from './view.ts';

/** The pipeline of a session, in the version it runs. @throws {BunsuiError} BS3003 when that is not kept any more */
export async function artifactOf(deps: ArtifactDeps, item: SessionItem): Promise<PipelineArtifact> {
  const { pipeline_id: pipeline, pipeline_version: version } = item;
  return readArtifact(deps, pipeline, version).catch((thrown: unknown) => {
    if (!(thrown instanceof Error) || thrown.name !== 'NoSuchKey') throw thrown;
    throw new BunsuiError(
      'PipelineError',
      'BS3003',
      `version ${version} of pipeline "${pipeline}" is not kept any more`,
      {
        hint: 'its artifact was deleted from the bucket; run the pipeline again',
        cause: thrown,
      },
    );
  });
}

export async function sessionNow(
  deps: StoreDeps & { readonly sfn: Pick<SFNClient, 'send'> },
  item: SessionItem,
  artifact: PipelineArtifact,
): Promise<SessionView> {
  const { execution_arn: arn } = item;
  const none = (thrown: unknown) => {
    if (thrown instanceof ExecutionDoesNotExist) return [];
    throw thrown;
  };
  const events = arn === undefined ? [] : await readHistory(deps.sfn, arn).catch(none);
  if (events.length > 0 || !isTerminal(item.status)) return foldHistory(artifact, events);
  return recordedView(artifact, item, (await listJobRecords(deps, item.session_id, bodiesRead(artifact))).attempts);
}
