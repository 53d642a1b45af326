/** Following an execution by questions that do not wait. The client is mocked: no endpoint lags when it is told to. */
import {
  DescribeExecutionCommand,
  ExecutionDoesNotExist,
  GetExecutionHistoryCommand,
  type HistoryEvent,
  SFNClient,
} from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, it } from 'vitest';
import { readAwsEvents } from '../../lib/cli/aws-feed.ts';

const sfn = mockClient(SFNClient);
const client = new SFNClient({ region: 'us-east-1' });
const paused: number[] = [];
const pause = async (ms: number) => void paused.push(ms);
beforeEach(() => {
  sfn.reset();
  paused.length = 0;
});

const event = (id: number, type: HistoryEvent['type'] = 'PassStateEntered'): HistoryEvent => ({
  id,
  type,
  timestamp: new Date(id * 1_000),
  previousEventId: id - 1,
});
const read = (after: number) => readAwsEvents(client, 'arn', after, pause);
const ids = (page: Awaited<ReturnType<typeof read>>) => page?.events.map(({ id }) => id);

it('reads back from the newest event to those it has, oldest first', async () => {
  sfn.on(DescribeExecutionCommand).resolves({ status: 'RUNNING' });
  sfn
    .on(GetExecutionHistoryCommand)
    .resolvesOnce({ events: [event(6), event(5)], nextToken: 'more' })
    .resolvesOnce({ events: [event(4), event(3)], nextToken: 'even more' });
  const page = await read(3);
  expect([ids(page), page?.status, page?.driven, paused]).toStrictEqual([[4, 5, 6], 'RUNNING', true, []]);
  expect(sfn.commandCalls(GetExecutionHistoryCommand)).toHaveLength(2);
});

it('asks again, less and less often, until something is new', async () => {
  sfn.on(DescribeExecutionCommand).resolves({ status: 'RUNNING' });
  sfn.on(GetExecutionHistoryCommand).resolves({ events: [event(1)] });
  expect([ids(await read(1)), paused.slice(0, 6)]).toStrictEqual([[], [500, 750, 1125, 1687.5, 2531.25, 3000]]);
  expect(paused.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(25_000);
});

it('takes an execution that has ended only with its last event', async () => {
  sfn.on(DescribeExecutionCommand).resolves({ status: 'SUCCEEDED' });
  sfn
    .on(GetExecutionHistoryCommand)
    .resolvesOnce({ events: [event(1)] })
    .resolves({ events: [event(2, 'ExecutionSucceeded'), event(1)] });
  expect([ids(await read(0)), paused]).toStrictEqual([[1, 2], [500]]);
});

it('has nothing while the execution is not there, and does not hide other errors', async () => {
  sfn
    .on(DescribeExecutionCommand)
    .rejectsOnce(new ExecutionDoesNotExist({ message: 'no', $metadata: {} }))
    .rejects(new Error('throttled'));
  expect(await read(0)).toBeUndefined();
  await expect(read(0)).rejects.toThrow('throttled');
});
