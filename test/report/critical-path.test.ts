import { describe, expect, test } from 'vitest';
import { graphOf } from '../../lib/graph/graph.ts';
import { criticalPath } from '../../lib/report/critical-path.ts';
import { worstStatus } from '../../lib/graph/status.ts';
import { reportModel } from '../../lib/report/model.ts';
import { job, literal, map, pipeline } from '../graph/sample.ts';
import { began, jobView, largeMap, manyJobs, running, succeeded } from './samples.ts';

describe('criticalPath', () => {
  test('goes back from what ended last along what was waited for longest, into maps', () => {
    const { view, artifact } = succeeded;
    expect([...criticalPath(graphOf(artifact.pipeline), view.jobs, began + 60_000)]).toStrictEqual([
      'publish',
      'delays',
      'join-airports',
      'by-origin',
      'by-origin[38]/enrich',
      'by-origin[38]/aggregate',
      'split',
      'validate',
      'ingest-flights',
    ]);
  });

  test('ends at now while jobs run, and is empty before any began', () => {
    const { view, artifact } = running;
    expect([...criticalPath(graphOf(artifact.pipeline), view.jobs, began + 29_000)].slice(0, 1)).toStrictEqual([
      'quarantine',
    ]);
    expect([...criticalPath(graphOf(artifact.pipeline), [], began)]).toStrictEqual([]);
  });

  test('takes the side of a branch that ran and does not circle', () => {
    const graph = graphOf(pipeline([job('a', ['b']), job('b', ['a'])]));
    const jobs = [jobView('a', { tries: [[0, 1]] }), jobView('b', { tries: [[1, 2]] })];
    expect([...criticalPath(graph, jobs, began)]).toStrictEqual(['b', 'a']);
  });

  test('knows nested maps', () => {
    const graph = graphOf(pipeline([map('o', literal([]), [map('i', literal([]), [job('x')])])]));
    const paths = ['o', 'o[0]/i', 'o[0]/i[0]/x', 'o[1]/i', 'o[1]/i[0]/x', 'o[1]/i[1]/x'];
    const jobs = paths.map((path, index) =>
      jobView(path, { tries: [[0, index === 3 || index === 5 ? 10 : 9 - index / 10]] }),
    );
    expect([...criticalPath(graph, jobs, began)]).toStrictEqual(['o', 'o[1]/i', 'o[1]/i[1]/x']);
  });
});

describe('reportModel', () => {
  test('shows of a map what failed first, then what decided the end, and counts what is left out', () => {
    const rows = reportModel(largeMap, 600).rows.map(({ view, hidden }) => [view.job, view.status, hidden]);
    expect(rows.slice(0, 7)).toStrictEqual([
      ['split', 'completed', undefined],
      ['by-origin', 'failed', undefined],
      ['by-origin[7]/enrich', 'failed', undefined],
      ['by-origin[19]/enrich', 'failed', undefined],
      ['by-origin[33]/enrich', 'failed', undefined],
      ['by-origin[38]/aggregate', 'completed', undefined],
      ['by-origin[38]/enrich', 'completed', undefined],
    ]);
    expect(rows.slice(-2)).toStrictEqual([
      ['by-origin[9]/enrich', 'completed', 56],
      ['publish', 'cancelled', undefined],
    ]);
  });

  test('keeps the most urgent jobs where there are too many', () => {
    const data = manyJobs(50);
    const jobs = data.view.jobs.map((each, index) =>
      index === 49 ? jobView('table-049', { status: 'failed', tries: [[0, 1]] }) : each,
    );
    const model = reportModel({ ...data, view: { ...data.view, jobs } }, 10);
    expect(model.hiddenJobs).toBe(40);
    expect(model.rows.at(-1)?.view.job).toBe('table-049');
  });

  test('damaged times do not become dates', () => {
    const { endedAt: _endedAt, startedAt: _startedAt, ...view } = succeeded.view;
    const { started_at: _started, ...session } = {
      ...succeeded.session,
      updated_at: 'yesterday',
      completed_at: 'soon',
    };
    const jobs = view.jobs.map((each) => ({ ...each, endedAt: Number.NaN }));
    const model = reportModel({ ...succeeded, view: { ...view, jobs }, session }, 600);
    expect([model.startedAt, model.endedAt, Number.isFinite(model.now)]).toStrictEqual([began + 200, undefined, true]);
  });

  test('the worst of several statuses is what a person wants to know first', () => {
    expect(worstStatus(['completed', 'running', 'failed'])).toBe('failed');
    expect(worstStatus(['skipped', 'completed'])).toBe('completed');
    expect(worstStatus([])).toBeUndefined();
  });
});
