import { describe, expect, it } from 'vitest';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { takingTurns } from '../../lib/cli/aws-feed.ts';
import { withChildren } from '../../lib/cli/child-feeds.ts';
import type { EventPage, Feed } from '../../lib/cli/follow.ts';
import { written } from '../sessions/written-history.ts';

const nested = { resourceType: 'states', resource: 'startExecution.sync:2' };
const submitted = { taskSubmittedEventDetails: { ...nested, output: JSON.stringify({ ExecutionArn: 'arn:child' }) } };
const failed = { taskFailedEventDetails: { ...nested, error: 'E' } };

/** A root up to its child's submission, and what comes after. */
function rootWith(more: (after: number, add: ReturnType<typeof written>['add']) => void): readonly HistoryEvent[] {
  const { add, events } = written();
  more(add('TaskSubmitted', add('ExecutionStarted', 0), submitted), add);
  return events;
}

function childWith(...types: readonly HistoryEvent['type'][]): readonly HistoryEvent[] {
  const { add, events } = written();
  for (const [at, type] of types.entries()) add(type, at);
  return events;
}

const never = () => new Promise<never>(() => {});
const page = (events: readonly HistoryEvent[], after: number, status: EventPage['status']): EventPage => ({
  events: events.filter(({ id }) => id > after),
  status,
});

/** Gives a history out at once; while it runs, nothing comes after it. */
function feedOf(events: readonly HistoryEvent[], status: EventPage['status']): Feed {
  return {
    eventsAfter: (after) =>
      status === 'RUNNING' && after >= events.length ? never() : Promise.resolve(page(events, after, status)),
    recover: async () => {},
  };
}

const shown = ({ events, status }: EventPage) => [status, ...events.map(({ type }) => type)];
const soon = (promise: Promise<unknown>) =>
  Promise.race([promise, new Promise((resolve) => void setTimeout(() => resolve('nothing'), 300))]);

const whole = rootWith((after, add) => {
  add('ExecutionSucceeded', add('TaskSucceeded', after, { taskSucceededEventDetails: { ...nested, output: '{}' } }));
});
const child = childWith('ExecutionStarted', 'TaskStateEntered', 'TaskStateExited', 'ExecutionSucceeded');
const all = [
  'SUCCEEDED',
  'TaskStateEntered',
  'TaskStateExited',
  'ExecutionStarted',
  'TaskSubmitted',
  'TaskSucceeded',
  'ExecutionSucceeded',
];

describe('an execution followed with its child machines', () => {
  it('tells of a child before the end that its root tells of', async () => {
    const feed = withChildren(feedOf(whole, 'SUCCEEDED'), async (_, after) => page(child, after, 'SUCCEEDED'));
    expect(shown(await feed.eventsAfter(0))).toStrictEqual(all);
  });

  it('loses nothing when a child cannot be read for a moment', async () => {
    let reads = 0;
    let asked = 0;
    const root: Feed = {
      async eventsAfter(after) {
        asked += 1;
        return page(whole, after, 'SUCCEEDED');
      },
      recover: async () => {},
    };
    // One page per event, and a fault before the third.
    const feed = withChildren(root, async (_, after) => {
      reads += 1;
      if (reads === 3) throw new Error('connection lost');
      return page(child.slice(0, after + 1), after, after + 1 === child.length ? 'SUCCEEDED' : 'RUNNING');
    });
    await expect(feed.eventsAfter(0)).rejects.toThrow('connection lost');
    expect(shown(await feed.eventsAfter(0))).toStrictEqual(all);
    expect(asked).toBe(1);
  });

  it('goes on with a child that was redriven, when its failure and its redrive are told at once', async () => {
    const root = rootWith((after, add) => {
      const end = add('ExecutionFailed', add('TaskFailed', after, failed), { executionFailedEventDetails: {} });
      add('TaskSubmitted', add('ExecutionRedriven', end), submitted);
    });
    const history = childWith('ExecutionStarted', 'TaskFailed', 'ExecutionFailed', 'ExecutionRedriven', 'TaskStarted');
    let now: readonly HistoryEvent[] = history.slice(0, 4);
    const feed = withChildren(feedOf(root, 'RUNNING'), async (_, after) => {
      if (after >= now.length) await never();
      return page(now, after, 'RUNNING');
    });
    expect(await soon(feed.eventsAfter(0).then(shown))).toStrictEqual([
      'RUNNING',
      'TaskFailed',
      'ExecutionStarted',
      'TaskSubmitted',
      'ParallelStateFailed',
      'ExecutionFailed',
      'ExecutionRedriven',
      'TaskSubmitted',
    ]);
    const again = withChildren(feedOf(root, 'RUNNING'), async (_, after) => {
      if (after >= now.length) await never();
      return page(now, after, 'RUNNING');
    });
    now = history;
    expect(await soon(again.eventsAfter(0).then(shown))).toContain('TaskStarted');
  });

  it('follows a child again that its root submits a second time', async () => {
    const { add, events } = written();
    const first = add('TaskSubmitted', add('ExecutionStarted', 0), submitted);
    add('TaskFailed', first, failed);
    let history: readonly HistoryEvent[] = childWith('ExecutionStarted', 'ExecutionFailed');
    let status: EventPage['status'] = 'FAILED';
    const feed = withChildren(
      {
        eventsAfter: async (after) => (after >= events.length ? never() : page(events, after, 'RUNNING')),
        recover: async () => {},
      },
      async (_, after) => (after >= history.length ? never() : page(history, after, status)),
    );
    expect(shown(await feed.eventsAfter(0))).toContain('ParallelStateFailed');
    // Both are redriven; the root is asked anew, as by a take-over.
    [history, status] = [
      childWith('ExecutionStarted', 'ExecutionFailed', 'ExecutionRedriven', 'TaskStarted'),
      'RUNNING',
    ];
    add('TaskSubmitted', add('ExecutionRedriven', 3), submitted);
    const seen = [shown(await feed.eventsAfter(0)), await soon(feed.eventsAfter(0).then(shown))];
    expect(seen).toStrictEqual([
      ['RUNNING', 'ExecutionRedriven', 'TaskSubmitted'],
      ['RUNNING', 'TaskStarted'],
    ]);
  });

  it('waits between two questions for a child that is not there, and not for ever for its end', async () => {
    const pauses: number[] = [];
    let reads = 0;
    const absent = async () => {
      reads += 1;
      return undefined;
    };
    const pause = async (ms: number) => void pauses.push(ms);
    const feed = withChildren(feedOf(whole, 'SUCCEEDED'), absent, pause);
    expect(shown(await feed.eventsAfter(0))).toStrictEqual(['SUCCEEDED', ...all.slice(3)]);
    expect([reads, pauses]).toStrictEqual([4, [500, 500, 500, 500]]);
  });

  it('ends with a root that was stopped, whatever its children go on to do', async () => {
    const root = rootWith((after, add) => void add('ExecutionAborted', after, { executionAbortedEventDetails: {} }));
    const feed = withChildren(feedOf(root, 'ABORTED'), async (_, after) => page(child.slice(0, 2), after, 'RUNNING'));
    expect(shown(await feed.eventsAfter(0))).toStrictEqual([
      'ABORTED',
      'TaskStateEntered',
      'ExecutionStarted',
      'TaskSubmitted',
      'ExecutionAborted',
    ]);
  });
});

it('asks for many children one after the other', async () => {
  const asked: string[] = [];
  let wake = () => {};
  const pause = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  const read = takingTurns(async (arn) => asked.push(arn), pause);
  const reads = Promise.all(['a', 'b', 'c'].map((arn) => read(arn, 0)));
  const seen: string[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(asked.join(''));
    wake();
  }
  expect(seen).toStrictEqual(['a', 'ab', 'abc']);
  await reads;
});
