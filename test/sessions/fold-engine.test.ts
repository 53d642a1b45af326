import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyFold, foldEvents, foldHistory, view } from '../../lib/sessions/fold.ts';
import { jobMoves } from '../../lib/sessions/status.ts';
import type { SessionView } from '../../lib/sessions/view.ts';
import { rows } from '../fixtures/pipelines.ts';
import { runRow, tinyBudget } from './fixture-run.ts';

const statuses = (seen: SessionView) => Object.fromEntries(seen.jobs.map((job) => [job.job, job.status]));

const machines = [
  ['in one machine', undefined],
  ['cut into machines', tinyBudget],
] as const;
const cases = machines.flatMap(([where, budget]) => rows.map((row) => [row.name, where, row, budget] as const));

describe('the history of a pipeline of the fixture table, folded', () => {
  it('is cut where that is asked for', async () => {
    const runs = await Promise.all(rows.map((row) => runRow(row, tinyBudget)));
    expect(runs.filter(({ artifact }) => artifact.shards !== undefined).length).toBeGreaterThan(8);
  });

  it.each(cases)('%s tells what its operations did, %s', async (_, __, row, budget) => {
    const { artifact, events, tried, whole } = await runRow(row, budget);
    const seen = foldHistory(artifact, events);
    expect([seen.status, seen.output]).toStrictEqual(
      'output' in row.expected ? ['completed', row.expected.output] : ['failed', undefined],
    );
    // The paths that wrappers are given and those that the fold finds are made by different code.
    const told = seen.jobs
      .filter(({ isApproval }) => !isApproval)
      .flatMap(({ job, attempts, input, output }) =>
        attempts.map(({ status }) => ({
          job,
          input: whole(input ?? null),
          status,
          ...(status === 'completed' ? { output: whole(output ?? null) } : {}),
        })),
      );
    const order = (a: { readonly job: string }, b: { readonly job: string }) =>
      a.job < b.job ? -1 : a.job > b.job ? 1 : 0;
    // What a failure elsewhere ended was still running: its answer came too late to count.
    const cancelled = new Set(seen.jobs.filter(({ status }) => status === 'cancelled').map(({ job }) => job));
    const counted = (one: { readonly job: string }) => !cancelled.has(one.job);
    expect(told.filter(counted).sort(order)).toStrictEqual(tried.filter(counted).sort(order));
    const open = seen.jobs.filter(({ status }) => ['pending', 'running', 'waiting', 'retrying'].includes(status));
    expect(open).toStrictEqual([]);
  });

  it('tells of a failure in a child machine as of one in the root', async () => {
    const failing = rows.find(({ name }) => name === 'failing');
    if (failing === undefined) throw new Error('there is no such row');
    const told = async (budget?: typeof tinyBudget) => {
      const { artifact, events } = await runRow(failing, budget);
      const { error, jobs } = foldHistory(artifact, events);
      const named = jobs.map(({ job, status, error: own }) => ({ job, status, error: own?.name }));
      expect(artifact.shards !== undefined).toBe(budget !== undefined);
      return { error, named };
    };
    const inRoot = await told();
    expect(inRoot.error).toMatchObject({ name: 'Broken', job: 'one' });
    expect(await told(tinyBudget)).toStrictEqual(inRoot);
  });

  it.each(cases)('%s moves its jobs as allowed, in any order ends alike, %s', async (_, __, row, budget) => {
    const { artifact, events } = await runRow(row, budget);
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
  });
});
