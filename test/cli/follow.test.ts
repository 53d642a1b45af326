import { expect, it } from 'vitest';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { type Feed, follow } from '../../lib/cli/follow.ts';
import { jsonProgress } from '../../lib/cli/screen/json-progress.ts';
import { foldHistory } from '../../lib/sessions/fold.ts';
import { artifact, failureHistory, successHistory } from '../sessions/history-fixture.ts';
import { recordedTerminal } from './outputs.ts';

const session = {
  session: '01k9',
  pipeline: 'flow',
  version: 'abc',
  origin: 'started' as const,
  createdAt: '2026-11-21T09:00:00.000Z',
};

/** Gives a history out in pages; some calls fail first. */
function feedOf(history: readonly HistoryEvent[], pageSize: number, failing: readonly number[] = []) {
  const recovered: string[] = [];
  let calls = 0;
  const feed: Feed = {
    async eventsAfter(eventId) {
      calls += 1;
      if (failing.includes(calls)) throw new Error(`call ${calls}`);
      const events = history.filter(({ id }) => id > eventId).slice(0, pageSize);
      const isLast = events.at(-1)?.id === history.at(-1)?.id || events.length === 0;
      return { events, status: isLast ? 'SUCCEEDED' : 'RUNNING' };
    },
    async recover(thrown) {
      recovered.push(String(thrown));
    },
  };
  return { feed, recovered };
}

async function told(
  history: readonly HistoryEvent[],
  pageSize: number,
  options: { readonly resumed?: boolean; readonly failing?: readonly number[] } = {},
) {
  const terminal = recordedTerminal();
  const { feed, recovered } = feedOf(history, pageSize, options.failing);
  const view = await follow(
    artifact,
    { ...session, origin: options.resumed ? 'resumed' : 'started' },
    feed,
    jsonProgress(terminal),
  );
  const events = terminal.out
    .text()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .map(({ type, job, attempt }) => [type, job, attempt].filter((part) => part !== undefined).join(' '));
  return { view, recovered, events };
}

it('tells the same events and ends with the same view, however they are paged', async () => {
  const history = successHistory();
  const all = await Promise.all([1, 3, 1000].map((pageSize) => told(history, pageSize)));
  const [first] = all;
  expect(all.map(({ view }) => view)).toStrictEqual(all.map(() => foldHistory(artifact, history)));
  expect(all.map(({ events }) => events.toSorted())).toStrictEqual(all.map(() => first?.events.toSorted()));
  expect(first?.events.filter((event) => event.includes('convert[1]/one'))).toStrictEqual([
    'job.started convert[1]/one 1',
    'job.retrying convert[1]/one 1',
    'job.started convert[1]/one 2',
    'job.completed convert[1]/one 2',
  ]);
});

it('follows a session that fails to its end', async () => {
  const { view } = await told(failureHistory(), 2);
  expect(view).toStrictEqual(foldHistory(artifact, failureHistory()));
});

it('asks again where it stood when the runtime has gone', async () => {
  const history = successHistory();
  const { view, recovered, events } = await told(history, 5, { failing: [1, 4, 5] });
  expect(recovered).toStrictEqual(['Error: call 1', 'Error: call 4', 'Error: call 5']);
  expect([view, events]).toStrictEqual([foldHistory(artifact, history), (await told(history, 5)).events]);
});

it('does not tell again what happened before it was resumed', async () => {
  const history = successHistory();
  const { events } = await told(history, history.length - 4, { resumed: true });
  expect([events[0], events.filter((event) => event.includes('convert')).length]).toStrictEqual(['session.resumed', 0]);
});

it('does not wait for events of an execution that has ended without them', async () => {
  const cut = successHistory().slice(0, 6);
  const { view } = await told(cut, 3);
  expect(view).toStrictEqual(foldHistory(artifact, cut));
});
