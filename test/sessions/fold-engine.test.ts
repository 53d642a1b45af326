import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyFold, foldEvents, foldHistory, view } from '../../lib/sessions/fold.ts';
import { jobMoves } from '../../lib/sessions/status.ts';
import type { SessionView } from '../../lib/sessions/view.ts';
import { rows } from '../fixtures/pipelines.ts';
import { runRow } from './fixture-run.ts';

const statuses = (seen: SessionView) => Object.fromEntries(seen.jobs.map((job) => [job.job, job.status]));

describe('the history of a pipeline of the fixture table, folded', () => {
  it.each(rows.map((row) => [row.name, row] as const))('%s tells what its operations did', async (_, row) => {
    const { artifact, events, tried } = await runRow(row);
    const seen = foldHistory(artifact, events);
    expect([seen.status, seen.output]).toStrictEqual(
      'output' in row.expected ? ['completed', row.expected.output] : ['failed', undefined],
    );
    // The paths that wrappers are given and those that the fold finds are made by different code.
    const told = seen.jobs.flatMap(({ job, attempts, input, output }) =>
      attempts.map(({ status }) => ({ job, input, status, ...(status === 'completed' ? { output } : {}) })),
    );
    const order = (a: { readonly job: string }, b: { readonly job: string }) =>
      a.job < b.job ? -1 : a.job > b.job ? 1 : 0;
    // What a failure elsewhere ended was still running: its answer came too late to count.
    const cancelled = new Set(seen.jobs.filter(({ status }) => status === 'cancelled').map(({ job }) => job));
    const counted = (one: { readonly job: string }) => !cancelled.has(one.job);
    expect(told.filter(counted).sort(order)).toStrictEqual(tried.filter(counted).sort(order));
    const open = seen.jobs.filter(({ status }) => ['pending', 'running', 'retrying'].includes(status));
    expect(open).toStrictEqual([]);
  });

  it.each(rows.map((row) => [row.name, row] as const))(
    '%s moves its jobs as allowed, in any order ends alike',
    async (_, row) => {
      const { artifact, events } = await runRow(row);
      let state = emptyFold(artifact);
      let before: Readonly<Record<string, keyof typeof jobMoves>> = statuses(view(state));
      for (const event of events) {
        state = foldEvents(state, [event]);
        const now = statuses(view(state));
        const wrong = Object.entries(now).filter(([job, status]) => {
          const from = before[job] ?? 'pending';
          return from !== status && !jobMoves[from].includes(status);
        });
        expect({ event: `${event.id} ${event.type}`, wrong }).toStrictEqual({
          event: `${event.id} ${event.type}`,
          wrong: [],
        });
        before = now;
      }
      const want = view(state);
      const all = events.map((_event, index) => index);
      fc.assert(
        fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (order) => {
          expect(
            foldHistory(
              artifact,
              order.flatMap((index) => events.slice(index, index + 1)),
            ),
          ).toStrictEqual(want);
        }),
        { numRuns: 20, seed: 9 },
      );
    },
  );
});
