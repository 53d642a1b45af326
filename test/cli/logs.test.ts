import { expect, it } from 'vitest';
import { logLines, pathsOf, readableLines } from '../../lib/cli/commands/logs.ts';
import { palette } from '../../lib/cli/terminal.ts';
import type { LogLine } from '../../lib/sessions/report-data.ts';

const line = (message: string, fields: { readonly [name: string]: LogLine[string] } = {}): LogLine => ({
  timestamp: '2026-11-21T09:00:01.000Z',
  level: 'ERROR',
  message,
  session_id: '01k9',
  job_id: 'load',
  operation_id: 'load',
  attempt: 1,
  ...fields,
});
const stack = [
  'RangeError: no price',
  '    at price (/work/handlers/price.ts:6:11)',
  '    at parse (/work/node_modules/csv/index.js:1:2)',
  '    at runChecked (/work/node_modules/bunsui/dist/lib/wrapper/wrap-handler.js:89:22)',
  '    at process.processTicksAndRejections (node:internal/process/task_queues:104:5)',
].join('\n');
const failed = line('job failed', { error: { name: 'RangeError', message: 'no price', stack } });
const invoke = line('ERROR\tInvoke Error\t{"errorType":"RangeError"}');

const shown = (one: LogLine) =>
  logLines(one, palette(false)).map((text) => text.replace(/^\d\d:\d\d:\d\d\.\d+/, 'CLOCK'));

it("shows an error's stack below it, without frames that are not the author's", () => {
  expect(shown(failed)).toStrictEqual([
    'CLOCK  load  ERROR     job failed  error=RangeError: no price',
    '  |     at price (/work/handlers/price.ts:6:11)',
    '  |     at parse (/work/node_modules/csv/index.js:1:2)',
  ]);
});

it('shows a message over its lines, none of which can pass for a record or move the cursor', () => {
  expect(shown(line('rows\t3\n09:00:00.000  other  INFO  forged\u001b[2J\r\n\tmore\n'))).toStrictEqual([
    'CLOCK  load  ERROR     rows  3',
    '  | 09:00:00.000  other  INFO  forged',
    '  |   more',
  ]);
});

it('leaves out what Lambda says of a failure that the wrapper has told', () => {
  const other = { ...invoke, attempt: 2 };
  expect(readableLines([failed, invoke, other])).toStrictEqual([failed, other]);
});

it('takes a path for itself, and an id for all of its iterations', () => {
  const jobs = [
    { job: 'load', node: 'load' },
    { job: 'each', node: 'each' },
    { job: 'each[0]/convert', node: 'convert' },
    { job: 'each[1]/convert', node: 'convert' },
  ];
  const nodes = ['load', 'each', 'convert', 'none', 'inner'];
  const names = ['load', 'each', 'each[1]', 'each[1]/convert', 'convert', 'inner'];
  expect(names.map((name) => pathsOf(name, jobs, nodes))).toStrictEqual([
    ['load'],
    ['each'],
    ['each[1]'],
    ['each[1]/convert'],
    ['each[0]/convert', 'each[1]/convert'],
    [],
  ]);
  expect(() => pathsOf('convrt', jobs, nodes)).toThrow(
    expect.objectContaining({ code: 'BS3006', hint: 'did you mean "convert"?' }),
  );
});
