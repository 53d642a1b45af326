import { expect, it } from 'vitest';
import { logLines, readableLines } from '../../lib/cli/log-text.ts';
import { requireJobs } from '../../lib/cli/log-request.ts';
import { isFolderOfJob, isOfJob } from '../../lib/sessions/log-query.ts';
import { jobKeyPart } from '../../lib/storage-layout.ts';
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
  expect([failed, invoke, other].filter(readableLines())).toStrictEqual([failed, other]);
});

it('takes a path for itself and what is in it, and an id for all that bear it', () => {
  const paths = ['load', 'each', 'each[0]/convert', 'each[1]/convert', 'each[1]/deep[0]/inner', 'eachother'];
  const names = ['load', 'each', 'each[1]', 'each[1]/convert', 'convert', 'deep', 'none'];
  const found = names.map((name) => paths.filter((path) => isOfJob(path, name)));
  expect(found).toStrictEqual([
    ['load'],
    ['each', 'each[0]/convert', 'each[1]/convert', 'each[1]/deep[0]/inner'],
    ['each[1]/convert', 'each[1]/deep[0]/inner'],
    ['each[1]/convert'],
    ['each[0]/convert', 'each[1]/convert'],
    ['each[1]/deep[0]/inner'],
    [],
  ]);
  // The folders of the archive are found by the same names.
  expect(names.map((name) => paths.filter((path) => isFolderOfJob(jobKeyPart(path), name)))).toStrictEqual(found);
});

it('refuses the name of a job that there is not', () => {
  const nodes = ['load', 'each', 'convert'];
  requireJobs(['load', 'each[7]', 'each[7]/convert'], nodes);
  expect(() => requireJobs(['load', 'convrt'], nodes)).toThrow(
    expect.objectContaining({ code: 'BS3006', hint: 'did you mean "convert"?' }),
  );
  expect(() => requireJobs(['each[0]/\u001b[2J'], nodes)).toThrow(expect.objectContaining({ code: 'BS3006' }));
});
