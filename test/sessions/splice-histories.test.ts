import { describe, expect, it } from 'vitest';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import type { JobIr } from '../../lib/ir/nodes.ts';
import { foldHistory } from '../../lib/sessions/fold.ts';
import { wholeHistory } from '../../lib/sessions/splice-histories.ts';
import { type Written, written } from './written-history.ts';

const source = { file: 'flow.ts', line: 1, column: 1 };
const job = (id: string): JobIr => ({
  kind: 'job',
  id,
  operation: 'work',
  source,
  input: { kind: 'literal', value: null },
  after: [],
});
const task = { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', Arguments: {}, End: true } as const;
const part = {
  StartAt: 'fork',
  States: {
    fork: {
      Type: 'Parallel',
      End: true,
      Branches: [
        { StartAt: 'a', States: { a: task } },
        { StartAt: 'b', States: { b: task } },
      ],
    },
  },
};
const artifact = {
  artifactVersion: 1,
  version: 'v',
  pipeline: { irVersion: 1, id: 'flow', source, input: {}, operations: {}, body: { nodes: [job('a'), job('b')] } },
  definition: part,
  states: {
    a: { node: 'a', role: 'job', source, operation: 'work' },
    b: { node: 'b', role: 'job', source, operation: 'work' },
    fork: { node: 'a', role: 'fork', source },
    part: { node: 'a', role: 'shard', source },
  },
} as unknown as PipelineArtifact;
const cut = {
  ...artifact,
  definition: {
    StartAt: 'part',
    States: { part: { ...task, Arguments: { StateMachineArn: '${machine:1}' } } },
  },
  shards: [part],
} as unknown as PipelineArtifact;

const lambda = { resourceType: 'lambda', resource: 'invoke' };
const scheduled = (of: string) => ({
  taskScheduledEventDetails: {
    ...lambda,
    region: 'r',
    parameters: JSON.stringify({ Payload: { bunsui: { job: of }, input: {} } }),
  },
});
const entered = (name: string) => ({ stateEnteredEventDetails: { name, input: '{}' } });

/** `a` fails and aborts `b`; redriven, both are called again and `b` is done while `a` still runs. */
function redrivenFork({ add, events }: Written): readonly HistoryEvent[] {
  const started = add('ExecutionStarted', 0, { executionStartedEventDetails: { input: '{}' } });
  const fork = add('ParallelStateStarted', add('ParallelStateEntered', started, entered('fork')));
  const begin = (after: number, of: string) =>
    add('TaskStarted', add('TaskScheduled', after, scheduled(of)), { taskStartedEventDetails: lambda });
  const a = begin(add('TaskStateEntered', fork, entered('a')), 'a');
  begin(add('TaskStateEntered', fork, entered('b')), 'b');
  const error = { error: 'E', cause: 'c' };
  const failed = add('TaskFailed', a, { taskFailedEventDetails: { ...lambda, ...error } });
  const over = add('ParallelStateFailed', failed);
  add('TaskStateAborted', failed);
  const end = add('ExecutionFailed', over, { executionFailedEventDetails: error });
  const again = add('ExecutionRedriven', end, { executionRedrivenEventDetails: { redriveCount: 1 } });
  begin(again, 'a');
  const output = JSON.stringify({ Payload: { of: 'b' } });
  const done = add('TaskSucceeded', begin(again, 'b'), { taskSucceededEventDetails: { ...lambda, output } });
  add('TaskStateExited', done, { stateExitedEventDetails: { name: 'b', output: '{}' } });
  return events;
}

describe('a child machine that is redriven', () => {
  it('has each of its jobs where one machine has it', async () => {
    const root = written();
    const nested = { resourceType: 'states', resource: 'startExecution.sync:2' };
    const submit = (after: number) =>
      root.add(
        'TaskSubmitted',
        root.add(
          'TaskStarted',
          root.add('TaskScheduled', after, {
            taskScheduledEventDetails: { ...nested, region: 'r', parameters: '{}' },
          }),
          { taskStartedEventDetails: nested },
        ),
        { taskSubmittedEventDetails: { ...nested, output: JSON.stringify({ ExecutionArn: 'arn:child' }) } },
      );
    const started = root.add('ExecutionStarted', 0, { executionStartedEventDetails: { input: '{}' } });
    const submitted = submit(root.add('TaskStateEntered', started, entered('part')));
    const error = { error: 'E', cause: 'c' };
    const failed = root.add('TaskFailed', submitted, { taskFailedEventDetails: { ...nested, ...error } });
    const end = root.add('ExecutionFailed', failed, { executionFailedEventDetails: error });
    submit(root.add('ExecutionRedriven', end, { executionRedrivenEventDetails: { redriveCount: 1 } }));

    const child = redrivenFork(written());
    const shown = (of: PipelineArtifact, events: readonly HistoryEvent[]) =>
      foldHistory(of, events).jobs.map(({ job: path, status, attempts }) => [
        path,
        status,
        ...attempts.map((attempt) => attempt.status),
      ]);
    const expected = shown(artifact, child);
    expect(expected).toStrictEqual([
      ['a', 'running', 'failed', 'running'],
      ['b', 'completed', 'cancelled', 'completed'],
    ]);
    expect(shown(cut, await wholeHistory(root.events, async () => child))).toStrictEqual(expected);
  });
});
