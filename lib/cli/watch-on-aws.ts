/**
 * Follows a session that runs on AWS, in the form wanted, until its end is recorded. It goes on without anybody who
 * watches: Ctrl-C ends the watching alone.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { SessionItem } from '../sessions/items.ts';
import { isTerminal } from '../sessions/status.ts';
import { getSession } from '../sessions/store.ts';
import type { SessionView } from '../sessions/view.ts';
import type { AwsPlatform } from './aws-platform.ts';
import { readAwsEvents, takingTurns } from './aws-feed.ts';
import { withChildren } from './child-feeds.ts';
import type { CommandContext } from './context.ts';
import { type AttendedSession, failureLogs, progressFor, showEnd } from './ended-session.ts';
import { exitCodes } from './exit-codes.ts';
import { artifactOf, sessionNamed, viewNow } from './find-session.ts';
import { type Feed, follow } from './follow.ts';
import { listenForInterruption } from './interruption.ts';
import { isoTime, jsonLine } from './json-lines.ts';
import { roadText } from './rerun-page.ts';
import { commandLine, hintWith } from './places.ts';
import type { AwsTarget } from './platform-target.ts';
import { wholeToShow } from './whole-values.ts';
import { withRecordRows } from './record-rows.ts';

export interface WatchOptions {
  readonly target: AwsTarget;
  readonly json?: true;
}

/** How long the platform may take to record an end: its events come within seconds, its reconciler within minutes. */
const recordPatienceMs = 180_000;
const pauseMs = 500;

function feedOf(platform: AwsPlatform, executionArn: string, session: string): Feed {
  return {
    async eventsAfter(eventId) {
      const page = await platform.readEvents(executionArn, eventId);
      if (page !== undefined) return page;
      // Its session waits for its turn, where it may be cancelled, or was recorded before its execution is there.
      const item = await getSession(await platform.clients(), session);
      if (item === undefined || isTerminal(item.status)) return { events: [], status: 'ABORTED' };
      await wait(pauseMs);
      return { events: [], status: 'RUNNING' };
    },
    recover: (thrown) => Promise.reject(thrown),
  };
}

async function recordOf(platform: AwsPlatform, session: string): Promise<SessionItem | undefined> {
  const untilMs = Date.now() + recordPatienceMs;
  for (;;) {
    const item = await getSession(await platform.clients(), session);
    if (item === undefined || isTerminal(item.status) || item.status === 'paused' || Date.now() > untilMs) return item;
    await wait(pauseMs);
  }
}

type Watched = Pick<AttendedSession, 'session' | 'origin' | 'rerun'>;

/** @returns the exit code: 0 completed, 1 for any other end, 130 and 143 when interrupted. */
export async function watchOnAws(
  context: CommandContext,
  options: WatchOptions,
  platform: AwsPlatform,
  watched: Watched,
): Promise<number> {
  const progress = progressFor(context, options);
  const { err, out } = context.terminal;
  const sayInterrupted = () => {
    if (options.json) out.write(jsonLine('session.unwatched', { at: isoTime(Date.now()), session: watched.session }));
    const again = commandLine(context, `session watch ${watched.session}`, options.target);
    err.write(`\n${hintWith(err, 'the session goes on. Watch it again:', again)}\n`);
  };
  using interruption = listenForInterruption(() => progress.stop(), sayInterrupted);
  const work = followed(context, options, platform, watched, progress).finally(() => progress.stop());
  const ended = await Promise.race([
    work,
    interruption.asked.then((code) => {
      sayInterrupted();
      // A request of ours may still wait for an answer that nobody wants now.
      process.exit(code);
    }),
  ]);
  return ended;
}

async function seenToEnd(
  platform: AwsPlatform,
  item: SessionItem,
  session: AttendedSession,
  artifact: PipelineArtifact,
  progress: ReturnType<typeof progressFor>,
): Promise<SessionView> {
  if (!isTerminal(item.status)) {
    const own = feedOf(platform, session.executionArn, session.session);
    const { sfn } = await platform.clients();
    const readChild = takingTurns((arn, after, pause) => readAwsEvents(sfn, arn, after, pause));
    return follow(artifact, session, artifact.shards === undefined ? own : withChildren(own, readChild), progress);
  }
  const { view } = await viewNow(platform, item, artifact);
  progress.began(session, view);
  return view;
}

async function followed(
  context: CommandContext,
  options: WatchOptions,
  platform: AwsPlatform,
  { session: id, origin, rerun }: Watched,
  progress: ReturnType<typeof progressFor>,
): Promise<number> {
  const item = await sessionNamed(platform, id);
  const executionArn = item.execution_arn;
  if (executionArn === undefined) {
    throw new BunsuiError('SessionError', 'BS3002', `session ${item.session_id} has no execution to follow`, {
      hint: 'it was refused, or its start was cut off; start another one',
    });
  }
  const session: AttendedSession = {
    session: item.session_id,
    createdAt: item.created_at,
    pipeline: item.pipeline_id,
    version: item.pipeline_version,
    executionArn,
    origin,
    ...(rerun === undefined ? {} : { rerun }),
  };
  if (rerun !== undefined && !options.json) progress.note(roadText(rerun));
  const artifact = await artifactOf(platform, item);
  const seen = await seenToEnd(platform, item, session, artifact, progress);
  const recorded = await recordOf(platform, item.session_id);
  // What never ran, or ran too long ago, has no history.
  const isTold = seen.endedAt !== undefined || recorded === undefined;
  const { view: known } = isTold
    ? { view: await withRecordRows(() => platform.clients(), artifact, seen, executionArn) }
    : await viewNow(platform, recorded, artifact);
  const view = await wholeToShow(() => platform.clients(), item, known, options);
  progress.stop();
  const isRecorded = recorded === undefined || recorded.status === 'paused' || isTerminal(recorded.status);
  const logs = await failureLogs(view, session, async (one) => {
    const { readSessionLogs } = await import('../sessions/logs.ts');
    return readSessionLogs(await platform.clients(), one);
  });
  const places = platform.placesOf({ ...session, isRecorded });
  showEnd(context, options, { ...session, view, places, isRecorded, logsOf: (job) => logs.get(job) ?? [] });
  if (!isRecorded) {
    throw new BunsuiError('SessionError', 'BS5001', 'the session has ended, and its record does not say so yet', {
      hint: 'the platform looks for such ends every minute; if it stays so, see the log of its function session-ended',
    });
  }
  return view.status === 'completed' ? exitCodes.ok : exitCodes.pipelineFailed;
}
