import { expect, it } from 'vitest';
import { frame, progressOf } from '../../lib/cli/screen/frame.ts';
import { palette } from '../../lib/cli/terminal.ts';
import { textWidth } from '../../lib/cli/text-width.ts';
import { halfWay, job, session, t0 } from './views.ts';

const options = {
  title: 'flights  01k9',
  columns: 80,
  rows: 24,
  unicode: true,
  palette: palette(false),
  nowMs: t0 + 2000,
};

it('shows every job with state, time and attempts, a map with its bar, and the whole', () => {
  expect(frame(halfWay, options)).toStrictEqual([
    'flights  01k9',
    ' ✓ flights              completed    0.9s',
    ' ✓ airports             completed    0.4s',
    ' ↻ validate             retrying     1.1s  SourceError: no answer',
    ' ⠋ by-hub               running      1.0s  ━━━━━━────────── 3/8',
    ' ⠋   by-hub[3]/profile  running      0.7s',
    ' ○ publish              pending',
    '',
    ' ━━━━━━━━━━━━━━━━━━━─────────────────────  2/5 steps  2.0s',
  ]);
});

it('uses ASCII where nothing else can be shown', () => {
  expect(frame(halfWay, { ...options, unicode: false }).slice(1, 6)).toStrictEqual([
    ' + flights              completed    0.9s',
    ' + airports             completed    0.4s',
    ' ~ validate             retrying     1.1s  SourceError: no answer',
    ' | by-hub               running      1.0s  ######---------- 3/8',
    ' |   by-hub[3]/profile  running      0.7s',
  ]);
});

const many = session([
  ...Array.from({ length: 120 }, (_, index) => job(`done-${index}`, 'completed', [0, 500])),
  job('broken', 'failed', [0, 700], { error: { name: 'States.TaskFailed', cause: 'it broke' } }),
  job('busy-1', 'running', [500]),
  job('busy-2', 'running', [600]),
  ...Array.from({ length: 177 }, (_, index) => job(`later-${index}`, 'pending')),
]);

it('keeps what matters of 300 jobs in a small terminal and counts the rest', () => {
  expect(frame(many, { ...options, rows: 12, columns: 60 })).toStrictEqual([
    'flights  01k9',
    ' ✓ done-116  completed    0.5s',
    ' ✓ done-117  completed    0.5s',
    ' ✓ done-118  completed    0.5s',
    ' ✓ done-119  completed    0.5s',
    ' ✗ broken    failed       0.7s  States.TaskFailed: it broke',
    ' ⠋ busy-1    running      1.5s',
    ' ⠋ busy-2    running      1.4s',
    '   … and 293 more: 116 completed, 177 pending',
    '',
    ' ━━━━━━━━━━━━━━━─────────────────────  121/300 steps  2.0s',
  ]);
});

it('never is higher or wider than the terminal', () => {
  const sizes = [
    [80, 24],
    [40, 10],
    [20, 5],
    [10, 3],
    [200, 100],
    [1, 1],
  ] as const;
  for (const [columns, rows] of sizes) {
    for (const view of [halfWay, many, session([])]) {
      const lines = frame(view, { ...options, columns, rows });
      expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
      for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(Math.max(1, columns - 1));
    }
  }
});

it('makes what errors and ids say harmless', () => {
  const view = session([job('x', 'failed', [0, 1], { error: { name: 'Bad\u001b[2J', cause: 'one\rtwo\u202e' } })]);
  expect(frame(view, options)[1]).toBe(' ✗ x         failed       0.0s  Bad: one\\rtwo\\u{202e}');
});

it('counts a map by its items in the whole', () => {
  expect([progressOf(halfWay), progressOf(session([])), progressOf(session([job('a', 'skipped')]))]).toStrictEqual([
    (2 + 3 / 8) / 5,
    0,
    1,
  ]);
});
