import { expect, test } from 'vitest';
import { thrownAt, withoutOwnFrames } from '../../lib/report/handler-output.ts';

const trace = [
  'RangeError: no price (at all:1:2)',
  '    at parse (/work/node_modules/csv/index.js:1:2)',
  '    at async price (file:///work/my%20handlers/price.ts:6:11)',
  '    at async <anonymous> (/work/node_modules/bunsui/dist/lib/wrapper/wrap-handler.js:172:22)',
  '    at runChecked (/home/ann/bunsui/lib/wrapper/wrap-handler.ts:89:22)',
  '    at async run (file:///home/ann/bunsui/lib/local/bootstrap.ts:134:13)',
  '    at node:internal/process/task_queues:104:5',
  '    at process.processTicksAndRejections (node:internal/process/task_queues:104:5)',
];

test("finds the innermost line of the author's files", () => {
  const alone = ['    at /work/a.ts:1:2'];
  const windows = ['    at load (C:\\work\\a.ts:3:4)'];
  expect([trace, trace.slice(3), alone, windows, []].map(thrownAt)).toStrictEqual([
    { file: '/work/my handlers/price.ts', line: 6, column: 11 },
    undefined,
    { file: '/work/a.ts', line: 1, column: 2 },
    { file: 'C:\\work\\a.ts', line: 3, column: 4 },
    undefined,
  ]);
});

test('takes out the frames of what runs handlers, and nothing else', () => {
  const others = ['    at values (/work/lib/values.ts:1:1)', '    at node (/work/node:x/a.ts:1:1)'];
  expect(withoutOwnFrames([...trace, ...others])).toStrictEqual([...trace.slice(0, 3), ...others]);
});
