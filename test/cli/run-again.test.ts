import { expect, it } from 'vitest';
import { runAgain } from '../../lib/cli/run-again.ts';
import type { PipelineIr } from '../../lib/ir/nodes.ts';
import { recordedTerminal } from './outputs.ts';

const context = { terminal: recordedTerminal(), cwd: '/work', commandName: 'npx bunsui', environment: {} };
const pipeline: PipelineIr = {
  irVersion: 1,
  id: 'daily',
  source: { file: '/work/etl/daily.ts', line: 1, column: 1 },
  input: {
    properties: {
      date: { type: 'string' },
      hubs: { type: 'integer', default: 8 },
      regions: { type: 'array' },
      either: { anyOf: [{ type: 'string' }, { type: 'integer' }] },
    },
  },
  operations: {},
  body: { nodes: [] },
};
const again = (input: unknown) =>
  runAgain(context, pipeline, typeof input === 'string' ? input : JSON.stringify(input));

it('gives file and fields as they are typed, defaults left out', () => {
  expect([
    again({ date: '2026-11-20', hubs: 8, regions: ['eu'] }),
    again({ hubs: 9, either: 5 }),
    again({}),
  ]).toStrictEqual([
    `npx bunsui run etl/daily.ts -p date=2026-11-20 -p 'regions=["eu"]'`,
    'npx bunsui run etl/daily.ts -p hubs=9 -p either=5',
    'npx bunsui run etl/daily.ts',
  ]);
});

it('names an input file where fields cannot say it', () => {
  const unsayable = [
    { either: '5' },
    { 'a=b': 'x' },
    { date: 'a\nb' },
    { date: 'x'.repeat(300) },
    { truncated: true, bytes: 1, full: 's3', start: '' },
    [1],
    '{"cut',
  ];
  expect(unsayable.map(again)).toStrictEqual(unsayable.map(() => 'npx bunsui run etl/daily.ts --input INPUT.json'));
  expect(runAgain(context, undefined, '{"date":"x"}')).toBe('npx bunsui run FILE -p date=x');
});
