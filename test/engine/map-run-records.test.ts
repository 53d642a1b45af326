/** Map runs as a journal tells of them. */
import { expect, test } from 'vitest';
import { mapRunsIn } from '../../lib/engine/map-run-records.ts';
import { type Answer, definitionOf, failed, identityOf, ok, run } from './machine.ts';

const task = { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', Parameters: { 'n.$': '$' }, End: true };
const distributed = (states: object) => ({
  ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
  StartAt: Object.keys(states)[0],
  States: states,
});
const map = (states: object, more: object = {}) => ({
  Type: 'Map',
  Label: 'load',
  ItemProcessor: distributed(states),
  End: true,
  ...more,
});
const machine = (states: object) => ({ QueryLanguage: 'JSONPath', StartAt: Object.keys(states)[0], States: states });
const told = async (definition: object, input: unknown, answer?: Answer) => {
  const { records } = await run(definition, input, answer);
  return mapRunsIn(identityOf(definitionOf(definition)), records);
};
const argumentOf = (request: { readonly arguments: unknown }) => (request.arguments as { readonly n: number }).n;

test('a run, its children and their histories', async () => {
  const answer: Answer = (request) => (argumentOf(request) === 2 ? failed('Boom') : ok('done'));
  const [only, ...others] = await told(machine({ m: map({ t: task }, { ToleratedFailureCount: 1 }) }), [1, 2], answer);
  expect([only?.status, only?.pending, others]).toStrictEqual(['SUCCEEDED', { executions: 0, items: 0 }, []]);
  expect(
    only?.children.map(({ status, input, output, failure, events }) => [
      status,
      input.text,
      output?.text,
      failure.error,
      events.map(({ id, type }) => `${id} ${type}`).slice(-2),
    ]),
  ).toStrictEqual([
    ['SUCCEEDED', '1', '"done"', undefined, ['6 TaskStateExited', '7 ExecutionSucceeded']],
    ['FAILED', '2', undefined, 'Boom', ['5 TaskFailed', '6 ExecutionFailed']],
  ]);
});

test('a run within a run belongs to the child that has started it', async () => {
  const inner = { m2: map({ p: { Type: 'Pass', End: true } }, { Label: 'inner' }) };
  const [outer, within] = await told(machine({ m: map(inner) }), [[1, 2]]);
  expect(outer?.executionArn).toBe('arn:aws:states:us-east-1:000000000000:execution:machine:run');
  expect(within?.executionArn).toBe(outer?.children[0]?.executionArn);
  expect(within?.children).toHaveLength(2);
});

test('a run whose Map fails by itself has failed, also once the execution has ended', async () => {
  const selector = { ItemSelector: { 'x.$': '$.none' } };
  const [only] = await told(machine({ m: map({ p: { Type: 'Pass', End: true } }, selector) }), [1]);
  expect([only?.status, only?.stoppedAtMs, only?.children]).toStrictEqual(['FAILED', expect.any(Number), []]);
});

test('a run that a failure beside it has ended is aborted, with its children, while the execution goes on', async () => {
  const branches = {
    Type: 'Parallel',
    Branches: [
      machine({ m: map({ t: task }) }),
      machine({ w: { Type: 'Wait', Seconds: 5, Next: 'f' }, f: { Type: 'Fail', Error: 'Beside' } }),
    ].map(({ StartAt, States }) => ({ StartAt, States })),
    Catch: [{ ErrorEquals: ['States.ALL'], Next: 'end' }],
    End: true,
  };
  const hangs: Answer = () => new Promise(() => undefined);
  const [only] = await told(machine({ all: branches, end: { Type: 'Succeed' } }), [1], hangs);
  const [child] = only?.children ?? [];
  expect([only?.status, child?.status, child?.stoppedAtMs, child?.events.at(-1)]).toStrictEqual([
    'ABORTED',
    'ABORTED',
    only?.stoppedAtMs,
    {
      id: 5,
      previousEventId: 4,
      timestamp: only?.stoppedAtMs,
      type: 'ExecutionAborted',
      executionAbortedEventDetails: {},
    },
  ]);
  expect(only?.stoppedAtMs).toBe(Date.parse('2026-03-01T12:00:05Z'));
});
