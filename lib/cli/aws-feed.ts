/** Reads executions from Step Functions as they go on: it has no call that waits, so it is asked again and again. */
import {
  DescribeExecutionCommand,
  ExecutionDoesNotExist,
  GetExecutionHistoryCommand,
  type SFNClient,
} from '@aws-sdk/client-sfn';
import { setTimeout as wait } from 'node:timers/promises';
import type { ExecutionStatus, HistoryEvent } from '../asl/history.ts';
import { fromSdk } from '../sessions/history.ts';
import type { EventsNow } from './platform.ts';

type Sfn = Pick<SFNClient, 'send'>;

/** AWS gives no more at a time. */
const pageSize = 1_000;
/** How long one call waits for something new. */
const patienceMs = 20_000;
/** Step Functions answers 15 to 20 such questions a second in an account: two a second each leave room for others. */
const firstPauseMs = 500;
const longestPauseMs = 3_000;
/** Child machines together are asked so often, however many run. */
const turnMs = 250;

const ends = /^Execution(Succeeded|Failed|TimedOut|Aborted)$/;

/** Events after an id, oldest first: read from the newest back, so that a long history is not read again each time. */
async function eventsAfter(sfn: Sfn, executionArn: string, after: number): Promise<readonly HistoryEvent[]> {
  const newestFirst: HistoryEvent[] = [];
  let nextToken: string | undefined;
  do {
    const page = await sfn.send(
      new GetExecutionHistoryCommand({
        executionArn,
        maxResults: pageSize,
        reverseOrder: true,
        includeExecutionData: true,
        ...(nextToken === undefined ? {} : { nextToken }),
      }),
    );
    newestFirst.push(...(page.events ?? []).map(fromSdk));
    nextToken = (newestFirst.at(-1)?.id ?? 0) > after + 1 ? page.nextToken : undefined;
  } while (nextToken !== undefined);
  return newestFirst.filter(({ id }) => id > after).toReversed();
}

/**
 * Events after an id; `undefined` while there is no such execution. It waits up to 20 s for one.
 *
 * @param pause how to wait, milliseconds.
 */
export async function readAwsEvents(
  sfn: Sfn,
  executionArn: string,
  after: number,
  pause: (ms: number) => Promise<unknown> = wait,
): Promise<EventsNow | undefined> {
  let waitedMs = 0;
  let pauseMs = firstPauseMs;
  for (;;) {
    // The status first: when that says it has ended, the history read after it holds the end.
    const described = await sfn.send(new DescribeExecutionCommand({ executionArn })).catch((thrown: unknown) => {
      if (thrown instanceof ExecutionDoesNotExist) return undefined;
      throw thrown;
    });
    if (described === undefined) return undefined;
    const status = described.status as ExecutionStatus;
    const events = await eventsAfter(sfn, executionArn, after);
    // Both answers lag a little behind the execution, and not by the same.
    const isWhole = status === 'RUNNING' ? events.length > 0 : ends.test(events.at(-1)?.type ?? '');
    if (isWhole || waitedMs >= patienceMs) return { events, status, driven: true };
    await pause(pauseMs);
    waitedMs += pauseMs;
    pauseMs = Math.min(pauseMs * 1.5, longestPauseMs);
  }
}

type Pause = (ms: number) => Promise<unknown>;

/**
 * Reads of many executions that ask one after the other, in turn: Step Functions counts questions by the account.
 *
 * @param read waits between two questions as it is told to
 */
export function takingTurns<T>(
  read: (executionArn: string, after: number, pause: Pause) => Promise<T>,
  pause: Pause = wait,
): (executionArn: string, after: number) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  const turn = () => {
    const mine = last;
    last = mine.then(() => pause(turnMs));
    return mine;
  };
  return async (executionArn, after) => {
    await turn();
    return read(executionArn, after, async (ms) => {
      await pause(ms);
      await turn();
    });
  };
}
