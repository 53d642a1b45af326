/** The session that a person names, with what its history tells. */
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { foldHistory } from '../sessions/fold.ts';
import { wholeHistory } from '../sessions/splice-histories.ts';
import type { SessionItem } from '../sessions/items.ts';
import type { SessionView } from '../sessions/view.ts';
import type { RuntimeLog } from '../local/runtime-log.ts';
import { isTerminal } from '../sessions/status.ts';
import { isUnusedFolder, type LocalPlatform } from './local-platform.ts';
import { type EventsNow, openPlatform, type Platform } from './platform.ts';
import type { LocalTarget, PlatformTarget } from './platform-target.ts';
import type { CommandContext } from './context.ts';
import { withRecordRows } from './record-rows.ts';

/**
 * Opens the platform for reading.
 *
 * @throws {BunsuiError} BS3002 when nothing was ever run with this state folder; none is made then. BS2003 when no such
 *   platform is deployed.
 */
export async function openForSession(
  context: CommandContext,
  target: LocalTarget,
  log?: RuntimeLog,
): Promise<LocalPlatform>;
export async function openForSession(
  context: CommandContext,
  target: PlatformTarget,
  log?: RuntimeLog,
): Promise<Platform>;
export async function openForSession(
  context: CommandContext,
  target: PlatformTarget,
  log?: RuntimeLog,
): Promise<Platform> {
  if (target.kind === 'local' && isUnusedFolder(target.stateDir, context.cwd)) {
    throw new BunsuiError('SessionError', 'BS3002', `there is no session in "${target.stateDir}"`, {
      hint: `start one: ${context.commandName} run FILE`,
    });
  }
  return openPlatform(context, target, log);
}

/** The session of an id, a part of one, or `latest`. @throws {BunsuiError} BS3002 when there is none, or several. */
export async function sessionNamed(platform: Platform, name: string): Promise<SessionItem> {
  const { findSession } = await import('../sessions/list-sessions.ts');
  return findSession(await platform.clients(), name);
}

/** The pipeline of a session, in the version it runs. @throws {BunsuiError} BS3003 when that is not kept any more. */
export async function artifactOf(platform: Platform, item: SessionItem): Promise<PipelineArtifact> {
  const { artifactOf: found } = await import('../sessions/session-now.ts');
  return found(await platform.clients(), item);
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
function isAbandoned(platform: Platform, { created_at: created }: SessionItem): boolean {
  // On AWS the platform itself finds it.
  if (platform.kind === 'aws') return false;
  const { runtime } = platform;
  const createdMs = Date.parse(created);
  // A start runs in the owner's process, and ends with it.
  return (runtime.owner && createdMs < performance.timeOrigin) || Date.now() - createdMs > longestStartMs;
}

/** The history of a session's execution; `undefined` while that is not there. */
export async function historyOf(
  platform: Platform,
  { execution_arn: arn }: SessionItem,
): Promise<EventsNow | undefined> {
  const page = arn === undefined ? undefined : await platform.readEvents(arn, 0);
  return (
    page && {
      ...page,
      events: await wholeHistory(page.events, async (child) => (await platform.readEvents(child, 0))?.events ?? []),
    }
  );
}

async function history(platform: Platform, item: SessionItem): Promise<EventsNow> {
  const found = await historyOf(platform, item);
  return found ?? { events: [], status: 'RUNNING', driven: isTerminal(item.status) || !isAbandoned(platform, item) };
}

/**
 * Ids of the sessions without an end, oldest first: those whose executions have none, and those whose executions were
 * never started.
 */
export async function unfinishedSessions(platform: Platform): Promise<readonly string[]> {
  const { listSessions } = await import('../sessions/list-sessions.ts');
  const [executions, { sessions: queued }] = await Promise.all([
    platform.unfinished(),
    listSessions(await platform.clients(), { status: 'queued', limit: 1000 }),
  ]);
  const abandoned = queued.filter((item) => isAbandoned(platform, item));
  const ids = [...executions.map(({ session }) => session), ...abandoned.map(({ session_id: id }) => id)];
  // Session ids begin with their time.
  return [...new Set(ids)].toSorted();
}

const newestMs = ({ events }: EventsNow, item: SessionItem) => events.at(-1)?.timestamp ?? Date.parse(item.created_at);

async function viewOfRecords(platform: Platform, item: SessionItem, artifact: PipelineArtifact): Promise<SessionView> {
  const [{ bodiesRead, listJobRecords }, { recordedView }] = await Promise.all([
    import('../sessions/store.ts'),
    import('../sessions/recorded-view.ts'),
  ]);
  const { attempts } = await listJobRecords(await platform.clients(), item.session_id, bodiesRead(artifact));
  return recordedView(artifact, item, attempts);
}

/** A session's state now, folded from its whole history; from its records where that is not kept any more. */
export async function viewNow(platform: Platform, item: SessionItem, artifact: PipelineArtifact): Promise<SessionNow> {
  const page = await history(platform, item);
  const isKept = page.events.length > 0 || !isTerminal(item.status);
  const view = isKept
    ? await withRecordRows(() => platform.clients(), artifact, foldHistory(artifact, page.events), item.execution_arn)
    : await viewOfRecords(platform, item, artifact);
  return { view, interrupted: !page.driven && view.endedAt === undefined, lastEventMs: newestMs(page, item) };
}

/**
 * Which of these sessions were interrupted.
 *
 * @returns by session id, when the newest event of its history happened (milliseconds since the epoch).
 */
export async function interruptedAmong(
  platform: Platform,
  items: readonly SessionItem[],
): Promise<ReadonlyMap<string, number>> {
  const unfinished = new Set((await platform.unfinished()).map(({ executionArn }) => executionArn));
  const found = new Map<string, number>();
  if (platform.kind === 'aws') return found;
  for (const item of items) {
    const isRunning = item.execution_arn !== undefined && unfinished.has(item.execution_arn);
    if (!isRunning && item.status !== 'queued') continue;
    const page = await history(platform, item);
    if (page.status === 'RUNNING' && !page.driven) found.set(item.session_id, newestMs(page, item));
  }
  return found;
}
