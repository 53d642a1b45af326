import type { FilteredLogEvent } from '@aws-sdk/client-cloudwatch-logs';
import { DescribeStateMachineForExecutionCommand } from '@aws-sdk/client-sfn';
import { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { LogDeps } from '../../lib/sessions/deps.ts';
import { followLogs } from '../../lib/sessions/follow-logs.ts';

const session = {
  session_id: '01k9',
  created_at: '2026-03-04T05:00:00.000Z',
  status: 'running' as const,
  execution_arn: 'arn:aws:states:us-east-1:000000000000:execution:flow:session-01k9-1',
};
const beginMs = Date.parse(session.created_at);

interface Printed {
  readonly group: 'load' | 'one';
  readonly stream: string;
  /** Milliseconds after the beginning, and how long after that it can be read. */
  readonly atMs: number;
  readonly lateMs: number;
  readonly text: string;
}

/** CloudWatch Logs with what can be read at a time, in pages; some calls fail. */
function cloudWith(printed: readonly Printed[], pageSize: number, fails: (call: number) => boolean) {
  const world = { nowMs: 0, calls: 0 };
  const events = (group: string): readonly FilteredLogEvent[] =>
    printed
      .filter((one) => `/aws/lambda/flow-${one.group}` === group && one.atMs + one.lateMs <= world.nowMs)
      .map(({ stream, atMs, text }) => ({
        eventId: text,
        logStreamName: stream,
        timestamp: beginMs + atMs,
        message: JSON.stringify({
          timestamp: new Date(beginMs + atMs).toISOString(),
          level: 'INFO',
          message: text,
          session_id: session.session_id,
          job_id: stream,
          operation_id: stream,
          attempt: 1,
        }),
      }))
      .sort((a, b) => a.timestamp - b.timestamp);
  const send = async (command: unknown) => {
    if (command instanceof DescribeStateMachineForExecutionCommand) {
      const call = (name: string) => ({
        FunctionName: `arn:aws:lambda:us-east-1:000000000000:function:flow-${name}`,
        Payload: { bunsui: '', input: {} },
      });
      return { definition: JSON.stringify([call('load'), call('one')]) };
    }
    if (command instanceof ListObjectsV2Command) return {};
    if (!(command instanceof FilterLogEventsCommand)) throw new TypeError('a call that this world does not know');
    world.calls += 1;
    if (fails(world.calls)) throw new Error('the connection is gone');
    const { logGroupName = '', startTime = 0, nextToken = '0' } = command.input;
    const found = events(logGroupName).filter(({ timestamp = 0 }) => timestamp >= startTime);
    const from = Number(nextToken);
    return {
      events: found.slice(from, from + pageSize),
      ...(from + pageSize < found.length ? { nextToken: String(from + pageSize) } : {}),
    };
  };
  const deps = { sfn: { send }, logs: { send }, s3: { send }, names: { bucket: 'b' } } as unknown as LogDeps;
  return { deps, world };
}

/** Looks every half second until all can be read, and once more; every eighth look is a long one. */
async function followed(printed: readonly Printed[], pageSize: number, fails: (call: number) => boolean, fromMs = 0) {
  const { deps, world } = cloudWith(printed, pageSize, fails);
  world.nowMs = fromMs;
  const follower = followLogs();
  const told: string[] = [];
  const endMs = Math.max(0, ...printed.map(({ atMs, lateMs }) => atMs + lateMs));
  for (let looks = 0; ; looks += 1) {
    const isLast = world.nowMs > endMs;
    try {
      for await (const lines of follower.look(deps, session, looks % 8 === 0 || isLast)) {
        told.push(...lines.map(({ message }) => message));
      }
      if (isLast) return { told, calls: world.calls };
    } catch (thrown) {
      if (!(thrown instanceof Error) || thrown.message !== 'the connection is gone') throw thrown;
    }
    world.nowMs += 500;
  }
}

const printing = fc.array(
  fc.record({
    group: fc.constantFrom('load' as const, 'one' as const),
    stream: fc.constantFrom('a', 'b', 'c'),
    atMs: fc.nat({ max: 40_000 }),
    lateMs: fc.oneof(fc.nat({ max: 900 }), fc.nat({ max: 9_000 })),
  }),
  { maxLength: 120 },
);

it('tells every line once, however late it can be read, and whichever call fails', async () => {
  await fc.assert(
    fc.asyncProperty(
      printing,
      fc.integer({ min: 1, max: 9 }),
      fc.uniqueArray(fc.nat({ max: 60 }), { maxLength: 8 }),
      async (drawn, pageSize, failing) => {
        const printed = drawn.map((one, index) => ({
          ...one,
          stream: `${one.group}-${one.stream}`,
          text: `line ${index}`,
        }));
        const { told } = await followed(printed, pageSize, (call) => failing.includes(call));
        expect(told.toSorted()).toStrictEqual(printed.map(({ text }) => text).toSorted());
      },
    ),
    { numRuns: 60 },
  );
});

it('tells what was written before it looked, also when the first look fails on its way', async () => {
  const printed = Array.from(
    { length: 3_500 },
    (_, index): Printed => ({
      group: index % 3 === 0 ? 'load' : 'one',
      stream: index % 3 === 0 ? 'load-a' : 'one-a',
      atMs: index * 10,
      lateMs: 100,
      text: `line ${index}`,
    }),
  );
  const { told } = await followed(printed, 100, (call) => [5, 37, 60].includes(call), 60_000);
  expect(told).toStrictEqual(printed.map(({ text }) => text));
});

it('reads again only a little of what it has read', async () => {
  const printed = Array.from(
    { length: 4_000 },
    (_, index): Printed => ({
      group: 'load',
      stream: 'load-a',
      atMs: index * 10,
      lateMs: 100,
      text: `line ${index}`,
    }),
  );
  const { told, calls } = await followed(printed, 100, () => false);
  expect(told.length).toBe(4_000);
  // Pages of 100: two or three in a short look, fifteen in a long one. All from the beginning would be a thousand and more.
  expect(calls).toBeLessThan(600);
});
