/**
 * Follows an execution: takes its events in as they become durable, folds them, shows what has changed.
 */
import type { ExecutionStatus, HistoryEvent } from '../asl/history.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { emptyFold, foldEvents, view } from '../sessions/fold.ts';
import type { SessionView } from '../sessions/view.ts';
import type { FollowedSession, Progress } from './screen/progress.ts';

/** What the runtime answers: events after an id, in order, and the execution's status. */
export interface EventPage {
  readonly events: readonly HistoryEvent[];
  readonly status: ExecutionStatus;
}

export interface Feed {
  /**
   * Events after an id. Waits for one up to some seconds when there is none yet and `status` is RUNNING.
   */
  eventsAfter(eventId: number): Promise<EventPage>;
  /** Called when `eventsAfter` failed: makes the next call possible (the runtime's owner has gone), or throws. */
  recover(thrown: unknown): Promise<void>;
}

const isOver = (view_: SessionView) => view_.endedAt !== undefined;

/**
 * Shows an execution to its end.
 *
 * @returns the view of the whole history.
 * @throws what `recover` throws.
 */
export async function follow(
  artifact: PipelineArtifact,
  session: FollowedSession,
  feed: Feed,
  progress: Progress,
): Promise<SessionView> {
  let fold = emptyFold(artifact);
  let seen = view(fold);
  let lastId = 0;
  let begun = session.origin === 'started';
  if (begun) progress.began(session, seen);
  for (;;) {
    let page: EventPage;
    try {
      page = await feed.eventsAfter(lastId);
    } catch (thrown) {
      await feed.recover(thrown);
      continue;
    }
    const { events, status } = page;
    fold = foldEvents(fold, events);
    const now = view(fold);
    const newest = events.at(-1);
    lastId = newest?.id ?? lastId;
    // What has happened before somebody looked is not told again.
    if (!begun) progress.began(session, now);
    else if (newest !== undefined) progress.changed(now, newest.timestamp);
    begun = true;
    seen = now;
    if (isOver(seen)) return seen;
    // An end without its event would be a damaged journal: do not ask for ever.
    if (status !== 'RUNNING' && events.length === 0) return seen;
  }
}
