/** The session that a person names, with what its history tells. */
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { foldHistory } from '../sessions/fold.ts';
import type { SessionItem } from '../sessions/items.ts';
import type { SessionView } from '../sessions/view.ts';
import { type RuntimeEventPage, readEvents, unfinishedExecutions } from './execution-feed.ts';
import type { RuntimeLog } from '../local/runtime-log.ts';
import { isTerminal } from '../sessions/status.ts';
import { isUnusedFolder, type LocalPlatform, openLocalPlatform } from './local-platform.ts';
import type { CommandContext } from './context.ts';

/**
 * Opens the platform for reading.
 *
 * @throws {BunsuiError} BS3002 when nothing was ever run with this state folder; none is made then.
 */
export async function openForSession(
  context: CommandContext,
  stateDir: string,
  log?: RuntimeLog,
): Promise<LocalPlatform> {
  if (isUnusedFolder(stateDir, context.cwd)) {
    throw new BunsuiError('SessionError', 'BS3002', `there is no session in "${stateDir}"`, {
      hint: `start one: ${context.commandName} run FILE`,
    });
  }
  return openLocalPlatform(stateDir, context.cwd, log);
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

/** What a session's history tells, beside its view. */
export interface SessionNow {
  readonly view: SessionView;
  /** It has not ended, and no process works on it. */
  readonly interrupted: boolean;
  /** When its newest event happened; when it was created, where there is none. Milliseconds since the epoch. */
  readonly lastEventMs: number;
}

/** A start takes the function that does it a minute at most. */
const longestStartMs = 60_000;

/** A queued session whose execution nobody is about to start any more. */
function isAbandoned({ runtime }: LocalPlatform, { created_at: created }: SessionItem): boolean {
  const createdMs = Date.parse(created);
  // A start runs in the owner's process, and ends with it.
  return (runtime.owner && createdMs < performance.timeOrigin) || Date.now() - createdMs > longestStartMs;
}

/** The history of a session's execution; `undefined` while that is not there. */
export async function historyOf(
  { local }: LocalPlatform,
  { execution_arn: arn }: SessionItem,
): Promise<RuntimeEventPage | undefined> {
  if (arn === undefined) return undefined;
  return readEvents(local, arn, 0).catch((thrown: unknown) => {
    if (thrown instanceof BunsuiError && thrown.context['code'] === 'ExecutionDoesNotExist') return undefined;
    throw thrown;
  });
}

async function history(platform: LocalPlatform, item: SessionItem): Promise<RuntimeEventPage> {
  const found = await historyOf(platform, item);
  return found ?? { events: [], status: 'RUNNING', driven: isTerminal(item.status) || !isAbandoned(platform, item) };
}

/**
 * Ids of the sessions without an end, oldest first: those whose executions have none, and those whose executions were
 * never started.
 */
export async function unfinishedSessions(platform: LocalPlatform): Promise<readonly string[]> {
  const { listSessions } = await import('../sessions/list-sessions.ts');
  const [executions, { sessions: queued }] = await Promise.all([
    unfinishedExecutions(platform.local),
    listSessions(await platform.clients(), { status: 'queued', limit: 1000 }),
  ]);
  const abandoned = queued.filter((item) => isAbandoned(platform, item));
  const ids = [...executions.map(({ session }) => session), ...abandoned.map(({ session_id: id }) => id)];
  // Session ids begin with their time.
  return [...new Set(ids)].toSorted();
}

const newestMs = ({ events }: RuntimeEventPage, item: SessionItem) =>
  events.at(-1)?.timestamp ?? Date.parse(item.created_at);

/** A session's state now, folded from its whole history. */
export async function viewNow(
  platform: LocalPlatform,
  item: SessionItem,
  artifact: PipelineArtifact,
): Promise<SessionNow> {
  const page = await history(platform, item);
  const view = foldHistory(artifact, page.events);
  return { view, interrupted: !page.driven && view.endedAt === undefined, lastEventMs: newestMs(page, item) };
}

/**
 * Which of these sessions were interrupted.
 *
 * @returns by session id, when the newest event of its history happened (milliseconds since the epoch).
 */
export async function interruptedAmong(
  platform: LocalPlatform,
  items: readonly SessionItem[],
): Promise<ReadonlyMap<string, number>> {
  const unfinished = new Set((await unfinishedExecutions(platform.local)).map(({ executionArn }) => executionArn));
  const found = new Map<string, number>();
  for (const item of items) {
    const isRunning = item.execution_arn !== undefined && unfinished.has(item.execution_arn);
    if (!isRunning && item.status !== 'queued') continue;
    const page = await history(platform, item);
    if (page.status === 'RUNNING' && !page.driven) found.set(item.session_id, newestMs(page, item));
  }
  return found;
}
