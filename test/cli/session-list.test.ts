import { expect, it } from 'vitest';
import { sessionTable } from '../../lib/cli/commands/session-list.ts';
import type { SessionItem } from '../../lib/sessions/items.ts';
import { textWidth } from '../../lib/cli/text-width.ts';
import { recordedTerminal } from './outputs.ts';
import { t0 } from './views.ts';

function item(id: string, fields: Partial<SessionItem>): SessionItem {
  return {
    session_id: id.padEnd(26, '0'),
    created_at: new Date(t0).toISOString(),
    started_at: new Date(t0).toISOString(),
    pipeline_id: 'flights',
    pipeline_name: 'flights',
    pipeline_version: 'abc',
    status: 'completed',
    total_jobs: 1,
    completed_jobs: 1,
    failed_jobs: 0,
    generation: 1,
    input: '{}',
    trigger: { kind: 'manual' },
    region: 'us-east-1',
    updated_at: new Date(t0).toISOString(),
    ...fields,
  };
}

const items = [
  item('01b', { status: 'running' }),
  item('01a', {
    status: 'failed',
    pipeline_name: 'a-pipeline-with-a-name-of-some-length',
    completed_at: new Date(t0 + 61_000).toISOString(),
    error_code: 'RangeError',
    error_message: `row 7\r\nhas no airport, ${'and so on, '.repeat(20)}`,
  }),
];

it('fits the terminal, with the error on a line of its own', () => {
  const { err, unicode, out } = recordedTerminal();
  const lines = sessionTable(items, { terminal: { err, unicode, out: { ...out, live: true } } }, t0 + 120_000);
  expect(lines.map((line) => line.replaceAll(/\d\d-\d\d \d\d:\d\d/g, 'MM-DD hh:mm'))).toStrictEqual([
    'STATUS     SESSION                     PIPELINE  STARTED                   TIME',
    '▶ running  01b00000000000000000000000  flights   2 min ago  MM-DD hh:mm  2m 00s',
    '✗ failed   01a00000000000000000000000  a-pipel…  2 min ago  MM-DD hh:mm  1m 01s',
    `             RangeError: row 7\\r\\nhas no airport, and so on, and so on, and so…`,
  ]);
  expect(lines.every((line) => textWidth(line) <= 79)).toBe(true);
});

it('leaves out columns where a terminal is narrow, the absolute time first, and cuts no row in two', () => {
  const shownAt = (columns: number) => {
    const { err, unicode, out } = recordedTerminal({ columns });
    const terminal = { err, unicode, out: { ...out, live: true } };
    const lines = sessionTable(items, { terminal }, t0 + 120_000, new Map([[items[0]?.session_id ?? '', t0 + 5_000]]));
    expect(lines.filter((line) => textWidth(line) >= columns)).toStrictEqual([]);
    return lines.slice(0, 2);
  };
  expect([78, 64, 60, 44].map(shownAt)).toStrictEqual([
    [
      'STATUS         SESSION                     PIPELINE         STARTED      TIME',
      '‖ interrupted  01b00000000000000000000000  flights          2 min ago    5.0s',
    ],
    [
      'STATUS         SESSION                     STARTED      TIME',
      '‖ interrupted  01b00000000000000000000000  2 min ago    5.0s',
    ],
    ['STATUS         SESSION                       TIME', '‖ interrupted  01b00000000000000000000000    5.0s'],
    ['STATUS         SESSION', '‖ interrupted  01b00000000000000000000000'],
  ]);
});

it('is one line for each session in a pipe', () => {
  const lines = sessionTable(items, { terminal: recordedTerminal() }, t0 + 120_000);
  expect(lines.length).toBe(3);
  expect(lines[2]).toMatch(
    /^✗ failed {3}01a0{23} {2}a-pipeline-with-a-name-of-some-length {2}2 min ago {2}2026-.*1m 01s {2}RangeError: row 7\\r\\n/,
  );
});
