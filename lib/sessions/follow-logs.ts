/**
 * Following a session's log while it is written. CloudWatch Logs shows lines some time after they were printed, and those of
 * one stream later than those of another: each look reads again a little of what was read before, every now and
 * then more of it, and tells new lines by the ids of their events.
 */
import type { FilteredLogEvent } from '@aws-sdk/client-cloudwatch-logs';
import { archivedLogs } from './archived-logs.ts';
import type { LogDeps } from './deps.ts';
import { liveLines, loggedNow, type Printed, printedBy, readingFrom } from './live-logs.ts';
import type { Batches } from './log-merge.ts';
import { logFilter, type LogQuery } from './log-query.ts';
import { afterArchive, type LoggedSession } from './logs.ts';
import type { LogLine } from './report-data.ts';

/** How much of what was read before is read again: by most looks, and by the long ones. */
const overlapMs = 1_500;
const longOverlapMs = 15_000;
/** Ids of events that are remembered before those that no look reads again are forgotten. */
const forgetEvery = 10_000;

export interface LogFollower {
  /**
   * Lines that have come since the look before, the first time all of them, oldest first. After a look that has failed
   * the next one gives what that one has not given.
   *
   * @param isLong reads again more of what was read before: of each few looks one, and the last ones
   */
  look(deps: LogDeps, session: LoggedSession, isLong: boolean): Batches<LogLine>;
}

interface Remembered {
  /** Ids of events by their time, those that were read first in front. */
  readonly seen: Map<string, number>;
  newestMs: number;
}

/** Whether an event is read for the first time. */
function isNewTo(memory: Remembered, { eventId, logStreamName, timestamp = 0, message }: FilteredLogEvent): boolean {
  const id = eventId ?? `${logStreamName} ${timestamp} ${message}`;
  const { seen } = memory;
  if (seen.has(id)) return false;
  seen.set(id, timestamp);
  memory.newestMs = Math.max(memory.newestMs, timestamp);
  if (seen.size % forgetEvery === 0) {
    for (const [old, at] of seen) {
      if (at >= memory.newestMs - longOverlapMs) break;
      seen.delete(old);
    }
  }
  return true;
}

/** Follows the lines of a session that are asked for. */
export function followLogs(query: LogQuery = {}): LogFollower {
  const isWanted = logFilter(query);
  const isRead: LogLine[] = [];
  let memory: Remembered = { seen: new Map(), newestMs: 0 };
  let printed: readonly Printed[] = [];
  let executionArn: string | undefined;
  let given = 0;
  let isBegun = false;

  /** Functions do not come and go within an execution; containers do. */
  async function find(deps: LogDeps, session: LoggedSession): Promise<void> {
    const there = new Map(printed.map((one) => [one.key, one]));
    const now = printedBy(session.session_id, await loggedNow(deps, session));
    printed = now.map((one) => there.get(one.key) ?? one);
    if (printed.length > 0) executionArn = session.execution_arn;
  }

  async function* first(deps: LogDeps, session: LoggedSession): Batches<LogLine> {
    memory = { seen: new Map(), newestMs: 0 };
    printed = [];
    await find(deps, session);
    const startMs = readingFrom(session.created_at, query.sinceMs);
    memory.newestMs = startMs;
    const live = liveLines(deps.logs, printed, { startMs, isNew: (event) => isNewTo(memory, event) });
    // Begun again after a failure: what is older than some seconds comes as it came before.
    let skip = given;
    for await (const batch of afterArchive(await archivedLogs(deps, session, query.jobs), live)) {
      const lines = batch.slice(skip);
      skip -= batch.length - lines.length;
      given += lines.length;
      yield lines;
    }
    isBegun = true;
  }

  async function* next(deps: LogDeps, session: LoggedSession, isLong: boolean): Batches<LogLine> {
    if (isLong || session.execution_arn !== executionArn) await find(deps, session);
    // What has been read once is not read again: it is kept until it is given, whatever fails.
    const reading = printed.map((one) => ({
      ...one,
      read: (event: Parameters<Printed['read']>[0]) => {
        isRead.push(...one.read(event));
        return [];
      },
    }));
    const startMs = memory.newestMs - (isLong ? longOverlapMs : overlapMs);
    for await (const _ of liveLines(deps.logs, reading, { startMs, isNew: (event) => isNewTo(memory, event) }));
    yield isRead.splice(0).sort((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0));
  }

  return {
    async *look(deps, session, isLong) {
      for await (const batch of isBegun ? next(deps, session, isLong) : first(deps, session)) {
        const wanted = batch.filter(isWanted);
        if (wanted.length > 0) yield wanted;
      }
    },
  };
}
