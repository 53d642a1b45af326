/**
 * Attends a session to its end: shows it, takes over when the process that runs it goes away, waits for its record,
 * stops cleanly when asked to.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { SessionItem } from '../sessions/items.ts';
import { isTerminal } from '../sessions/status.ts';
import type { SessionView } from '../sessions/view.ts';
import { withChildren } from './child-feeds.ts';
import { readEvents, readEventsIfThere, unfinishedExecutions } from './execution-feed.ts';
import type { EndRecords } from './late-records.ts';
import { type Feed, follow } from './follow.ts';
import { settlePause } from './paused.ts';
import { isGone, type LocalPlatform, openLocalPlatform } from './local-platform.ts';
import type { FollowedSession, Progress } from './screen/progress.ts';

/** The platform a session is attended on; another one stands here after a take-over. */
export interface Attendance {
  platform: LocalPlatform;
  readonly stateDir: string;
  readonly cwd: string;
  /** What the runtime says of ends, while it is in this process. */
  readonly ends: EndRecords;
}

/** How long the function that records ends may take, as long as nothing is heard of it. */
const recordPatienceMs = 120_000;
/** How long to go on waiting once it is known to fail. */
const failurePatienceMs = 15_000;
/** Take-overs in a row without a single answer in between. */
const maxTakeOvers = 5;

const reopened = ({ stateDir, cwd, ends }: Attendance) => openLocalPlatform(stateDir, cwd, ends.log);

/**
 * Does something that may be done again, on the platform of the attendance; on another one when the process that runs
 * the runtime ends in the meantime.
 */
export async function onAnyPlatform<T>(
  attendance: Attendance,
  work: (platform: LocalPlatform) => Promise<T>,
): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    const { platform } = attendance;
    try {
      return await work(platform);
    } catch (thrown) {
      if (platform.runtime.owner || !isGone(thrown) || tries === maxTakeOvers) throw thrown;
      attendance.platform = await reopened(attendance);
    }
  }
}

/** Opens the runtime again after its process has gone, here or as a client of who was faster, and goes on there. */
async function takeOver(attendance: Attendance, progress: Progress): Promise<void> {
  const { pid } = attendance.platform.runtime;
  attendance.platform = await reopened(attendance);
  const { runtime } = attendance.platform;
  const where = runtime.owner ? 'here' : `in process ${runtime.pid}`;
  progress.note(`process ${pid}, which ran this session, has gone; it goes on ${where}`);
  await runtime.resumeExecutions();
}

function feedOf(attendance: Attendance, executionArn: string, progress: Progress): Feed {
  let takeOvers = 0;
  let waitedForDriver = false;
  return {
    async eventsAfter(eventId) {
      const page = await readEvents(attendance.platform.local, executionArn, eventId);
      takeOvers = 0;
      if (!page.driven && page.status === 'RUNNING' && page.events.length === 0) {
        if (waitedForDriver) {
          throw new BunsuiError('SessionError', 'BS4001', 'the runtime cannot go on with this session', {
            hint: 'see runtime.log in the state folder, then resume the session',
          });
        }
        waitedForDriver = true;
        await attendance.platform.runtime.resumeExecutions([executionArn]);
      }
      return page;
    },
    async recover(thrown) {
      takeOvers += 1;
      if (attendance.platform.runtime.owner || !isGone(thrown) || takeOvers > maxTakeOvers) throw thrown;
      await takeOver(attendance, progress);
    },
  };
}

/**
 * The session's record once its end is in it; the record as it is when that takes too long. The runtime's process may
 * end while it records: the one that opens next records again.
 */
async function recordOf(
  attendance: Attendance,
  { session, executionArn }: { readonly session: string; readonly executionArn: string },
): Promise<SessionItem | undefined> {
  const { getSession } = await import('../sessions/store.ts');
  let untilMs = Date.now() + recordPatienceMs;
  for (;;) {
    const item = await onAnyPlatform(attendance, async (platform) => getSession(await platform.clients(), session));
    const { sinceMs = Number.POSITIVE_INFINITY } = attendance.ends.failure(executionArn) ?? {};
    if (item === undefined || isTerminal(item.status) || item.status === 'paused') return item;
    if (item.pausing !== undefined) {
      // It is waited for as long as its functions run.
      await onAnyPlatform(attendance, (platform) => settlePause(platform, item));
      untilMs = Date.now() + recordPatienceMs;
    }
    if (Date.now() > Math.min(untilMs, sinceMs + failurePatienceMs)) return item;
    await wait(40);
  }
}

/**
 * Follows a session until its end is recorded.
 *
 * @returns the view of the whole history, and the final record (`undefined` only when somebody has deleted it).
 */
export async function attend(
  attendance: Attendance,
  session: FollowedSession & { readonly executionArn: string },
  artifact: PipelineArtifact,
  progress: Progress,
): Promise<{ readonly view: SessionView; readonly item: SessionItem | undefined }> {
  const own = feedOf(attendance, session.executionArn, progress);
  const readChild = (arn: string, after: number) => readEventsIfThere(attendance.platform.local, arn, after);
  const feed = artifact.shards === undefined ? own : withChildren(own, readChild);
  const view = await follow(artifact, session, feed, progress);
  const item = await recordOf(attendance, session);
  return { view, item };
}

/**
 * Sessions of other processes that run in this process's runtime. Stays until they have ended and are recorded:
 * closing would interrupt them.
 *
 * @param own the session of this process, which has ended: whether it is recorded or not, it is not waited for.
 * @param onWaiting is told how many there are, once.
 */
export async function stayForOthers(
  { platform, ends }: Attendance,
  own: string,
  onWaiting: (count: number) => void,
): Promise<void> {
  if (!platform.runtime.owner) return;
  const { listSessions } = await import('../sessions/list-sessions.ts');
  const clients = await platform.clients();
  let told = false;
  let untilMs = Date.now() + recordPatienceMs;
  for (;;) {
    const interrupted = new Set<string>();
    let running = 0;
    for (const { executionArn, session } of await unfinishedExecutions(platform.local)) {
      const { driven, status } = await readEvents(platform.local, executionArn, 0);
      if (status === 'RUNNING' && !driven) interrupted.add(session);
      else running += 1;
    }
    // Those that have just ended are in no list of the runtime any more, but their records are still to be written.
    const { sessions } = await listSessions(clients, { status: 'running', limit: 1000 });
    const open = sessions.filter(
      ({ session_id: id, execution_arn: arn = '' }) =>
        id !== own && !interrupted.has(id) && ends.failure(arn) === undefined,
    );
    if (running > 0) untilMs = Date.now() + recordPatienceMs;
    if ((running === 0 && open.length === 0) || Date.now() > untilMs) return;
    if (running > 0 && !told) onWaiting(running);
    told ||= running > 0;
    await wait(100);
  }
}
