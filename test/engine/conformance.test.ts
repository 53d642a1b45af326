import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bench = new URL('../../bench/conformance.ts', import.meta.url).pathname;
const floorProgram = new URL('../../bench/conformance/floor.ts', import.meta.url).pathname;
mkdirSync(join(folder, 'empty'));
const floor = join(folder, 'no-floor.json');
const replay = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bench, ...args], { encoding: 'utf8' });
  return { status, stdout: stdout.trim().split('\n'), stderr };
};

const execution = {
  arn: 'arn:aws:states:us-east-1:000000000000:execution:m:e',
  name: 'e',
  stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:m',
};
const task = {
  QueryLanguage: 'JSONata',
  StartAt: 'a',
  States: { a: { Type: 'Task', Resource: 'arn:aws:lambda:us-east-1:000000000000:function:f', End: true } },
};
const base = {
  kind: 'execution',
  category: 'own',
  source: { provenance: 'aws' },
  execution,
  definition: task,
  input: {},
};
const events = (output: unknown) => [
  { id: 1, previousEventId: 0, type: 'ExecutionStarted', executionStartedEventDetails: { input: {}, roleArn: 'r' } },
  { id: 2, previousEventId: 0, type: 'TaskStateEntered', stateEnteredEventDetails: { name: 'a', input: {} } },
  {
    id: 3,
    previousEventId: 2,
    type: 'LambdaFunctionScheduled',
    lambdaFunctionScheduledEventDetails: { input: {}, resource: task.States.a.Resource },
  },
  { id: 4, previousEventId: 3, type: 'LambdaFunctionStarted' },
  { id: 5, previousEventId: 4, type: 'LambdaFunctionSucceeded', lambdaFunctionSucceededEventDetails: { output } },
  { id: 6, previousEventId: 5, type: 'TaskStateExited', stateExitedEventDetails: { name: 'a', output } },
  { id: 7, previousEventId: 6, type: 'ExecutionSucceeded', executionSucceededEventDetails: { output } },
];
const answered = (output: unknown) => [{ state: 'a', result: { output } }];

describe('the conformance bench', () => {
  test('counts results and histories apart, by kind and category', () => {
    const cases = [
      {
        ...base,
        id: 'same',
        tasks: answered({ id: 'abc' }),
        expected: { status: 'SUCCEEDED', output: { id: '<uuid:1>' }, events: events({ id: '<uuid:1>' }) },
      },
      {
        ...base,
        id: 'other-history',
        tasks: answered({ a: 1 }),
        expected: { status: 'SUCCEEDED', output: { a: 1 }, events: events({ a: 1 }).slice(1) },
      },
      {
        ...base,
        id: 'other-result',
        tasks: answered({ a: 1 }),
        expected: { status: 'SUCCEEDED', output: { a: 2 }, events: events({ a: 2 }) },
      },
      {
        ...base,
        id: 'same-part-twice',
        tasks: answered({ a: 'x', b: 'y' }),
        expected: { status: 'SUCCEEDED', output: { a: '<p>', b: '<p>' }, events: events({ a: '<p>', b: '<p>' }) },
      },
      {
        ...base,
        id: 'never-answered',
        tasks: [{ state: 'a', result: { none: true } }],
        expected: { status: 'RUNNING', events: events(0).slice(0, 4) },
      },
      {
        ...base,
        id: 'unsupported',
        definition: { ...task, QueryLanguage: 'XPath' },
        expected: { status: 'SUCCEEDED', events: [] },
      },
    ];
    const table = [
      {
        id: 't',
        kind: 'table',
        category: 'own',
        source: { provenance: 'aws' },
        rows: [{ definition: { ...task, QueryLanguage: 'XPath' }, input: {}, expected: { status: 'SUCCEEDED' } }],
      },
    ];
    mkdirSync(join(folder, 'cases'));
    writeFileSync(join(folder, 'cases', 'execution.own.json'), JSON.stringify(cases));
    writeFileSync(join(folder, 'cases', 'table.own.json'), JSON.stringify(table));
    expect(replay(join(folder, 'cases'), '--failing', '--floor', floor)).toStrictEqual({
      status: 0,
      stderr: '',
      stdout: [
        'history\texecution\tother-history',
        'result\texecution\tother-result',
        'result\texecution\tsame-part-twice',
        'result\texecution\tunsupported',
        'result\ttable\tt',
        'execution own: result 3/6, history 2/5',
        'table own: result 0/1, rows 0/1',
        'conformance: result 3/7, history 2/5',
      ],
    });
  });

  test('exits 1 below the floor, which it raises and never lowers', () => {
    const cases = join(folder, 'floor');
    mkdirSync(cases);
    const passing = {
      ...base,
      id: 'passes',
      tasks: answered({ a: 1 }),
      expected: { status: 'SUCCEEDED', output: { a: 1 }, events: events({ a: 1 }) },
    };
    const write = (...written: readonly object[]) =>
      writeFileSync(join(cases, 'execution.own.json'), JSON.stringify(written));
    const floorFile = join(folder, 'raised.json');
    const floorText = () => JSON.parse(readFileSync(floorFile, 'utf8')) as unknown;
    write(passing);
    expect(replay(cases, '--floor', floorFile, '--raise').status).toBe(0);
    expect(floorText()).toStrictEqual({ 'execution own': { result: 1, history: 1, rows: 0 } });
    write({ ...passing, expected: { ...passing.expected, output: { a: 2 } } });
    const { status, stderr } = replay(cases, '--floor', floorFile, '--raise');
    expect([status, stderr.trim(), floorText()]).toStrictEqual([
      1,
      'conformance: below the floor: execution own: result 0 of 1',
      { 'execution own': { result: 1, history: 1, rows: 0 } },
    ]);
  });

  test('compares two floors', () => {
    const files = [3, 2].map((result, index) => {
      const file = join(folder, `floor-${index}.json`);
      writeFileSync(file, JSON.stringify({ 'execution own': { result, history: 1, rows: 0 } }));
      return file;
    });
    const compare = (...args: readonly (string | undefined)[]) => {
      const { status, stderr } = spawnSync(
        process.execPath,
        [floorProgram, ...args.filter((arg) => arg !== undefined)],
        {
          encoding: 'utf8',
        },
      );
      return [status, stderr.trim()];
    };
    expect([compare(files[1], files[0]), compare(files[0], files[1]), compare(files[0])]).toStrictEqual([
      [0, ''],
      [1, 'floor: sank: execution own: result 2 of 3'],
      [2, 'floor: name two floor files, as in: floor BEFORE AFTER'],
    ]);
  });

  test.each([[[]], [[join(folder, 'missing')]], [[join(folder, 'empty')]]])('exits 2 without cases: %j', (args) => {
    const { status, stderr } = replay(...args);
    expect([status, stderr.trim().split('\n').at(-1)]).toStrictEqual([
      2,
      'conformance: name a folder that holds cases, as in: conformance DIR',
    ]);
  });
});
