import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { progressEvents } from '../../lib/cli/progress-events.ts';
import { jsonProgress } from '../../lib/cli/screen/json-progress.ts';
import { plainProgress } from '../../lib/cli/screen/plain-progress.ts';
import type { SessionView } from '../../lib/sessions/view.ts';
import { recordedTerminal } from './outputs.ts';
import { attempt, halfWay, job, session, t0, thrown } from './views.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: t0 });
});
afterEach(() => {
  vi.useRealTimers();
});

const start = session([
  job('flights', 'pending'),
  job('airports', 'pending'),
  job('by-hub', 'pending', [], { kind: 'map' }),
]);
const followed = {
  session: '01k9',
  pipeline: 'flights',
  version: 'abc123',
  origin: 'started' as const,
  createdAt: '2026-11-21T09:00:00.000Z',
};

it('tells each change once, in the order of time, however many views it is spread over', () => {
  const inOne = progressEvents(start, halfWay, t0 + 2000).map(({ type, atMs, job: path }) => [atMs - t0, type, path]);
  expect(inOne).toStrictEqual([
    [0, 'job.started', 'flights'],
    [0, 'job.started', 'airports'],
    [400, 'job.completed', 'airports'],
    [900, 'job.completed', 'flights'],
    [900, 'job.started', 'validate'],
    [1000, 'map.started', 'by-hub'],
    [1000, 'job.started', 'by-hub[0]/profile'],
    [1000, 'job.started', 'by-hub[1]/profile'],
    [1000, 'job.started', 'by-hub[2]/profile'],
    [1100, 'job.retrying', 'validate'],
    [1300, 'job.completed', 'by-hub[0]/profile'],
    [1300, 'job.completed', 'by-hub[1]/profile'],
    [1300, 'job.completed', 'by-hub[2]/profile'],
    [1300, 'job.started', 'by-hub[3]/profile'],
  ]);
  expect(progressEvents(halfWay, halfWay, t0 + 3000)).toStrictEqual([]);
});

it('tells how each job ended', () => {
  const failure = thrown('Boom', 'no');
  const before = session([
    job('a', 'running', [0]),
    job('b', 'retrying', [0], { attempts: [attempt(1, { endedAt: t0 + 5, status: 'failed', error: failure })] }),
    job('c', 'pending'),
    job('d', 'pending'),
    job('e', 'running', [0]),
    job('m', 'running', [0], { kind: 'map', iterations: { total: 2, completed: 1, failed: 0 } }),
    job('n', 'pending', [], { kind: 'map' }),
    job('g', 'running', [0]),
  ]);
  const after = session([
    job('a', 'timeout', [0, 30]),
    job('b', 'failed', [0, 20], {
      attempts: [attempt(1, { endedAt: t0 + 5, status: 'failed', error: failure })],
      error: failure,
    }),
    job('c', 'skipped'),
    job('d', 'failed', [], { endedAt: t0 + 8, error: { name: 'States.QueryEvaluationError', cause: 'no such field' } }),
    job('e', 'cancelled', [0, 40]),
    job('m', 'failed', [0, 50], { kind: 'map', iterations: { total: 2, completed: 1, failed: 1 } }),
    job('n', 'cancelled', [], { kind: 'map' }),
    job('g', 'failed', [0, 60], { attempts: [attempt(1, { endedAt: t0 + 55, status: 'completed' })], error: failure }),
  ]);
  expect(progressEvents(before, after, t0 + 99)).toStrictEqual([
    {
      type: 'job.failed',
      atMs: t0 + 8,
      job: 'd',
      error: { name: 'States.QueryEvaluationError', cause: 'no such field' },
    },
    { type: 'job.timeout', atMs: t0 + 30, job: 'a', attempt: 1, durationMs: 30 },
    { type: 'job.cancelled', atMs: t0 + 40, job: 'e', attempt: 1, durationMs: 40 },
    { type: 'map.failed', atMs: t0 + 50, job: 'm', durationMs: 50 },
    { type: 'job.completed', atMs: t0 + 55, job: 'g', attempt: 1, durationMs: 55 },
    { type: 'job.failed', atMs: t0 + 60, job: 'g', error: failure },
    { type: 'job.failed', atMs: t0 + 99, job: 'b', error: failure },
    { type: 'job.skipped', atMs: t0 + 99, job: 'c' },
  ]);
});

function told(view: SessionView, show: typeof plainProgress) {
  const terminal = recordedTerminal();
  const progress = show(terminal);
  progress.preparing('reading flights.ts');
  progress.began(followed, start);
  progress.changed(view, t0 + 2000);
  progress.changed(view, t0 + 2500);
  progress.stop();
  return { out: terminal.out.text().split('\n'), err: terminal.err.text() };
}

it('prints one plain line per change', () => {
  const { out } = told(halfWay, plainProgress);
  expect(out).toStrictEqual([
    '    0.0s  reading flights.ts',
    '    0.0s  session 01k9 started: flights abc123',
    '    0.0s  flights  started',
    '    0.0s  airports  started',
    '    0.4s  airports  completed  0.4s',
    '    0.9s  flights  completed  0.9s',
    '    0.9s  validate  started',
    '    1.0s  by-hub  started  8 items',
    '    1.0s  by-hub[0]/profile  started',
    '    1.0s  by-hub[1]/profile  started',
    '    1.0s  by-hub[2]/profile  started',
    '    1.1s  validate  retrying  0.2s  attempt 1 failed: SourceError: no answer',
    '    1.3s  by-hub[0]/profile  completed  0.3s',
    '    1.3s  by-hub[1]/profile  completed  0.3s',
    '    1.3s  by-hub[2]/profile  completed  0.3s',
    '    1.3s  by-hub[3]/profile  started',
    '',
  ]);
});

it('prints one JSON object per change', () => {
  const { out, err } = told(halfWay, jsonProgress);
  const lines = out.slice(0, -1).map((line): unknown => JSON.parse(line));
  expect(lines.slice(0, 4)).toStrictEqual([
    { v: 1, type: 'preparing', at: '2026-11-21T09:00:00.000Z', what: 'reading flights.ts' },
    {
      v: 1,
      type: 'session.started',
      at: '2026-11-21T09:00:00.000Z',
      session: '01k9',
      pipeline: 'flights',
      version: 'abc123',
      jobs: 3,
    },
    {
      v: 1,
      type: 'job.started',
      at: '2026-11-21T09:00:00.000Z',
      session: '01k9',
      job: 'flights',
      operation: 'do-flights',
      attempt: 1,
    },
    {
      v: 1,
      type: 'job.started',
      at: '2026-11-21T09:00:00.000Z',
      session: '01k9',
      job: 'airports',
      operation: 'do-airports',
      attempt: 1,
    },
  ]);
  expect(lines[11]).toStrictEqual({
    v: 1,
    type: 'job.retrying',
    at: '2026-11-21T09:00:01.100Z',
    session: '01k9',
    job: 'validate',
    attempt: 1,
    duration_ms: 200,
    error: { name: 'SourceError', message: 'no answer' },
  });
  expect([lines.length, err]).toStrictEqual([16, '']);
});
