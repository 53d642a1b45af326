/** The session that a person names, with what its history tells. */
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { foldHistory } from '../sessions/fold.ts';
import type { SessionItem } from '../sessions/items.ts';
import type { SessionView } from '../sessions/view.ts';
import type { EventPage } from './follow.ts';
import { readEvents } from './execution-feed.ts';
import { isUnusedFolder, type LocalPlatform, openLocalPlatform } from './local-platform.ts';
import type { CommandContext } from './context.ts';

/**
 * Opens the platform for reading.
 *
 * @throws {BunsuiError} BS3002 when nothing was ever run with this state folder; none is made then.
 */
export async function openForSession(context: CommandContext, stateDir: string): Promise<LocalPlatform> {
  if (isUnusedFolder(stateDir, context.cwd)) {
    throw new BunsuiError('SessionError', 'BS3002', `there is no session in "${stateDir}"`, {
      hint: `start one: ${context.commandName} run FILE`,
    });
  }
  return openLocalPlatform(stateDir, context.cwd);
}

/** The session of an id, a part of one, or `latest`. @throws {BunsuiError} BS3002 when there is none, or several. */
export async function sessionNamed(platform: LocalPlatform, name: string): Promise<SessionItem> {
  const { findSession } = await import('../sessions/list-sessions.ts');
  return findSession(await platform.clients(), name);
}

/** The pipeline of a session, in the version it runs. @throws {BunsuiError} BS3003 when that is not kept any more. */
export async function artifactOf(platform: LocalPlatform, item: SessionItem): Promise<PipelineArtifact> {
  const { readArtifact } = await import('../sessions/pipelines.ts');
  const { pipeline_id: pipeline, pipeline_version: version } = item;
  return readArtifact(await platform.clients(), pipeline, version).catch((thrown: unknown) => {
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

/** A session's state now, folded from its whole history. `driven`: some process works on it, or it has ended. */
export async function viewNow(
  platform: LocalPlatform,
  item: SessionItem,
  artifact: PipelineArtifact,
): Promise<{ readonly view: SessionView; readonly driven: boolean }> {
  const none: EventPage & { readonly driven: boolean } = { events: [], status: 'RUNNING', driven: false };
  const { execution_arn: arn } = item;
  const page = arn === undefined ? none : await readEvents(platform.local, arn, 0);
  return { view: foldHistory(artifact, page.events), driven: page.driven };
}
