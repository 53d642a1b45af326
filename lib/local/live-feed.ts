/**
 * The live feed of executions: hands the function that records them the events that somebody may want to be told of, in
 * the shape in which a log group's subscription would. A hint, as it is on AWS: what fails here is put right at the end.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { HistoryEvent } from '../asl/history.ts';
import type { Executions } from './executions.ts';
import type { FunctionPool } from './function-pool.ts';
import type { RuntimeLog } from './runtime-log.ts';

export interface LiveFeed {
  /** Follows an execution to its end, or until the feed is closed. @param afterEvent up to which all has been told */
  follow(executions: Executions, executionArn: string, afterEvent: number): void;
  /** What is being handed over may take two seconds to finish. */
  close(): Promise<void>;
}

const graceMs = 2_000;

/** A start, what waits, and attempts that failed: what is between, the function reads from the history. */
const toldTypes: ReadonlySet<HistoryEvent['type']> = new Set([
  'ExecutionStarted',
  'ExecutionRedriven',
  // Of an approval: it waits from now on.
  'TaskSubmitted',
  'TaskFailed',
  'TaskSubmitFailed',
  'TaskTimedOut',
]);

/** @param functionName of the function that records; asked for anew with each delivery, nobody while it is `undefined` */
export function openLiveFeed(functionName: () => string | undefined, pool: FunctionPool, log: RuntimeLog): LiveFeed {
  const stopped = new AbortController();
  const closed = new AbortController();
  const following = new Set<Promise<void>>();

  const deliver = async (executionArn: string, events: readonly HistoryEvent[]) => {
    const config = pool.find(functionName() ?? '');
    if (config === undefined || events.length === 0) return;
    const result = await pool.invoke(config, await deliveryOf(executionArn, events), closed.signal);
    if (!result.ok && !closed.signal.aborted) {
      log('warn', `events of ${executionArn} were not recorded: ${result.error.errorMessage}`);
    }
  };
  const run = async (executions: Executions, executionArn: string, afterEvent: number) => {
    let after = afterEvent;
    while (!stopped.signal.aborted) {
      const followed = await executions.follow(executionArn, after, stopped.signal);
      if (followed === undefined) return;
      const { events, status, driven } = followed;
      after += events.length;
      await deliver(
        executionArn,
        events.filter(({ type }) => toldTypes.has(type)),
      );
      if (status !== 'RUNNING' || !driven) return;
    }
  };
  return {
    follow(executions, executionArn, afterEvent) {
      if (functionName() === undefined) return;
      const work = run(executions, executionArn, afterEvent).catch((error: unknown) =>
        log('warn', `events of ${executionArn} are not followed: ${String(error)}`),
      );
      following.add(work);
      void work.finally(() => following.delete(work));
    },
    async close() {
      stopped.abort();
      const enough = new AbortController();
      const grace = wait(graceMs, undefined, { signal: enough.signal }).catch(() => {});
      await Promise.race([Promise.all(following), grace]);
      enough.abort();
      closed.abort();
    },
  };
}

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html */
async function deliveryOf(executionArn: string, events: readonly HistoryEvent[]): Promise<string> {
  const logEvents = events.map((event) => ({
    id: String(event.id),
    timestamp: event.timestamp,
    message: JSON.stringify({
      id: String(event.id),
      type: event.type,
      details: Object.entries(event).find(([name]) => name.endsWith('EventDetails'))?.[1] ?? {},
      previous_event_id: String(event.previousEventId),
      event_timestamp: String(event.timestamp),
      execution_arn: executionArn,
    }),
  }));
  const data = await promisify(gzip)(JSON.stringify({ messageType: 'DATA_MESSAGE', logEvents }));
  return JSON.stringify({ awslogs: { data: data.toString('base64') } });
}
