/** What functions and containers of a session have printed until now, as CloudWatch Logs has it. */
import {
  type CloudWatchLogsClient,
  type FilteredLogEvent,
  FilterLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { ExecutionDoesNotExist } from '@aws-sdk/client-sfn';
import type { RanContainer } from './container-view.ts';
import type { LogDeps } from './deps.ts';
import { type Logged, loggedBy } from './history.ts';
import type { SessionItem } from './items.ts';
import { logReader, type RawLogEvent } from './log-lines.ts';
import { type Batches, mergedByTime, type TimedSource } from './log-merge.ts';
import type { LogLine } from './report-data.ts';

/** Clocks of functions and bookkeeping differ a little. */
export const slackMs = 60_000;
/** Longer than a function can run: a line that it printed at its end is placed by what it printed at its beginning. */
const longestRunMs = 16 * 60_000;
/** CloudWatch Logs gives so many at most; of many groups fewer each, since a page of each is in memory. */
const maxEvents = 10_000;
const maxOpenEvents = 100_000;

/** A log group, or streams of it, with the reader that makes lines of a session of its events. */
export interface Printed {
  readonly key: string;
  readonly group: { readonly logGroupName: string; readonly logStreamNames?: string[] };
  readonly read: (event: RawLogEvent) => readonly LogLine[];
}

/** What a container has printed, as a line of the session's log: all of a stream belongs to one attempt. */
function containerLine(session: string, { job, operation, attempt }: RanContainer, event: RawLogEvent): LogLine {
  const timestamp = new Date(event.timestamp).toISOString();
  const of = { session_id: session, job_id: job, operation_id: operation, attempt };
  return { timestamp, level: 'INFO', message: event.message.replace(/\n$/, ''), ...of };
}

/** Where a session's lines are, each with a reader that has read nothing yet. */
export function printedBy(session: string, { functions, containers }: Logged): readonly Printed[] {
  return [
    ...functions.map((name) => ({
      key: name,
      group: { logGroupName: `/aws/lambda/${name}` },
      read: logReader(session),
    })),
    ...containers.map((one) => ({
      key: `${one.logGroup} ${one.logStream}`,
      group: { logGroupName: one.logGroup, logStreamNames: [one.logStream] },
      read: (event: RawLogEvent) => [containerLine(session, one, event)],
    })),
  ];
}

/** What writes a session's log; nothing while its execution is not there. */
export async function loggedNow(
  { sfn }: Pick<LogDeps, 'sfn'>,
  { execution_arn: arn }: Pick<SessionItem, 'execution_arn'>,
): Promise<Logged> {
  const nothing: Logged = { functions: [], containers: [] };
  if (arn === undefined) return nothing;
  return loggedBy(sfn, arn).catch((thrown: unknown) => {
    // The record names the execution before it is there.
    if (thrown instanceof ExecutionDoesNotExist) return nothing;
    throw thrown;
  });
}

export interface LiveOptions {
  /** Milliseconds since the epoch, both included. */
  readonly startMs: number;
  readonly endMs?: number;
  /** Whether an event has not been read before. @default all are new */
  readonly isNew?: (event: FilteredLogEvent) => boolean;
}

/** From when events are read to have all lines of a session from some moment on. */
export function readingFrom(createdAt: string, sinceMs = Number.NEGATIVE_INFINITY): number {
  return Math.max(Date.parse(createdAt) - slackMs, sinceMs - longestRunMs);
}

/** Lines of one group, in the order in which they were printed. */
async function* linesOf(
  logs: Pick<CloudWatchLogsClient, 'send'>,
  { group, read }: Printed,
  { startMs, endMs, isNew = () => true }: LiveOptions,
  limit: number,
): Batches<LogLine> {
  let nextToken: string | undefined;
  do {
    const command = new FilterLogEventsCommand({
      ...group,
      startTime: Math.max(0, startMs),
      limit,
      ...(endMs === undefined ? {} : { endTime: endMs }),
      ...(nextToken === undefined ? {} : { nextToken }),
    });
    const page = await logs.send(command).catch((thrown: unknown) => {
      // A function that never ran has no log group.
      if (thrown instanceof Error && thrown.name === 'ResourceNotFoundException')
        return { events: [], nextToken: undefined };
      throw thrown;
    });
    yield (page.events ?? [])
      .filter(isNew)
      .flatMap(({ logStreamName: stream = '', timestamp = 0, message = '' }) => read({ stream, timestamp, message }));
    ({ nextToken } = page);
  } while (nextToken !== undefined);
}

/** Lines of a session from some moment on, oldest first. */
export function liveLines(
  logs: Pick<CloudWatchLogsClient, 'send'>,
  printed: readonly Printed[],
  options: LiveOptions,
): Batches<LogLine> {
  const limit = Math.min(maxEvents, Math.max(500, Math.floor(maxOpenEvents / Math.max(1, printed.length))));
  const sources = printed.map(
    (one): TimedSource<LogLine> => ({ from: '', open: () => linesOf(logs, one, options, limit) }),
  );
  // One after the other: an account has five to ten such calls a second, for everybody.
  return mergedByTime(sources, ({ timestamp }) => timestamp, 1);
}
