import { expect, it } from 'vitest';
import { failureLines, jobTable, outcomeLines, resultLines } from '../../lib/cli/session-page.ts';
import type { LogLine } from '../../lib/sessions/report-data.ts';
import { recordedOutput } from './outputs.ts';
import { attempt, halfWay, job, session, t0, thrown } from './views.ts';

const options = { output: recordedOutput(), unicode: true, cwd: '/work', nowMs: t0 + 2000 };

const cause = {
  name: 'RangeError',
  cause: JSON.stringify({
    errorType: 'RangeError',
    errorMessage: 'row 7 has no airport\nsecond line',
    trace: ['RangeError: row 7', '    at check (/work/handlers/validate.ts:12:9)'],
  }),
};
const failed = session(
  [
    job('flights', 'completed', [0, 900]),
    job('early', 'failed', [0, 300], { error: thrown('Oops', 'caught by the pipeline') }),
    job('validate', 'failed', [900, 1500], {
      attempts: [
        attempt(1, { status: 'failed', startedAt: t0 + 900, endedAt: t0 + 1000 }),
        attempt(2, { status: 'failed', startedAt: t0 + 1200, endedAt: t0 + 1500 }),
      ],
      error: cause,
      source: { file: '/work/flights.ts', line: 60, column: 19 },
    }),
    job('publish', 'cancelled'),
  ],
  { status: 'failed', endedAt: t0 + 1600, error: { ...cause, job: 'validate' } },
);

const logLine = (level: LogLine['level'], message: string): LogLine => ({
  timestamp: '2026-11-21T09:00:01.000Z',
  level,
  message,
  session_id: '01k9',
  job_id: 'validate',
  operation_id: 'validate',
  attempt: 2,
});

it('says how a session ended', () => {
  const facts = { session: '01k9', pipeline: 'flights', version: 'abc' };
  expect([
    outcomeLines({ ...facts, view: failed }, options),
    outcomeLines({ ...facts, view: halfWay }, { ...options, unicode: false }),
    outcomeLines({ ...facts, view: session([], { status: 'queued' }) }, options),
  ]).toStrictEqual([
    ['✗ failed  flights  01k9  in 1.6s', '4 jobs: 2 failed, 1 cancelled, 1 completed'],
    ['> running  flights  01k9  for 2.0s', '8 jobs: 1 running, 1 retrying, 5 completed, 1 pending'],
    ['○ queued  flights  01k9  for 2.0s', '0 jobs'],
  ]);
});

it('says why a session failed, the job to blame first, with its place and last log lines', () => {
  const logs = [logLine('INFO', 'read 7 rows'), logLine('ERROR', 'job failed\u001b[2J\r')];
  const lines = failureLines(failed, (path) => (path === 'validate' ? logs : []), options);
  expect(lines).toStrictEqual([
    '  validate failed after 2 attempts',
    '    RangeError: row 7 has no airport',
    '    second line',
    '    at handlers/validate.ts:12:9',
    '    job at flights.ts:60:19',
    '    last log lines',
    '    | INFO  read 7 rows',
    '    | ERROR  job failed\\r',
    '  early failed',
    '    Oops: caught by the pipeline',
    '    at flights.ts:3:9',
  ]);
});

it('says why a session failed of which no job did', () => {
  const error = { name: 'States.Timeout', cause: '', source: { file: '/work/flights.ts', line: 1, column: 16 } };
  expect(failureLines(session([job('a', 'cancelled')], { status: 'timeout', error }), () => [], options)).toStrictEqual(
    ['  States.Timeout', '    at flights.ts:1:16'],
  );
});

it('counts failed jobs beyond the third', () => {
  const jobs = Array.from({ length: 5 }, (_, index) => job(`j${index}`, 'timeout', [0, 10]));
  const lines = failureLines(session(jobs, { status: 'failed' }), () => [], options);
  expect([lines.length, lines[0], lines.at(-1)]).toStrictEqual([7, '  j0 timed out', '  … and 2 more that failed']);
});

it('tables the jobs, iterations of a map only while they matter', () => {
  expect(jobTable(halfWay, options)).toStrictEqual([
    'STATUS       JOB                 ATTEMPTS  TIME  ERROR',
    '✓ completed  flights                    1  0.9s',
    '✓ completed  airports                   1  0.4s',
    '↻ retrying   validate                   1  1.1s  SourceError: no answer',
    '▶ running    by-hub             3/8 items  1.0s',
    '▶ running    by-hub[3]/profile          1  0.7s',
    '○ pending    publish',
  ]);
});

it('lays out what the pipeline gave back', () => {
  expect([resultLines(session([], { output: { rows: 3 } }), options), resultLines(halfWay, options)]).toStrictEqual([
    ['Result', '  rows  3'],
    [],
  ]);
  expect(resultLines(session([], { output: {} }), options)).toStrictEqual([]);
});
