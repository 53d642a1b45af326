/** A small pipeline in its compiled form, and a way to write histories of it by hand. */
import type { HistoryEvent, HistoryEventOf, HistoryEventType } from '../../lib/asl/history.ts';
import type { PipelineArtifact, StateOrigin } from '../../lib/ir/artifact.ts';
import type { Json } from '../../lib/ir/expressions.ts';
import type { JobIr } from '../../lib/ir/nodes.ts';

const at = (line: number) => ({ file: '/work/flow.ts', line, column: 3 });
const nothing = { kind: 'literal', value: null } as const;

function job(id: string, line: number, operation = id): JobIr {
  return { kind: 'job', id, source: at(line), after: [], operation, input: nothing };
}

function task(next: string | undefined, more: { readonly [key: string]: Json } = {}): Json {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Retry: [{ ErrorEquals: ['Flaky'], MaxAttempts: 2 }],
    ...more,
    ...(next === undefined ? { End: true } : { Next: next }),
  };
}

const origin = (node: string, role: StateOrigin['role'], line: number): StateOrigin => ({
  node,
  role,
  source: at(line),
  ...(role === 'job' ? { operation: node } : {}),
});

/**
 * `load`, then at once `check` (which runs only when its condition holds) and `convert`, a map of `one` and `two`;
 * then a branch: `alarm` or `publish`; then `close`.
 */
export const artifact: PipelineArtifact = {
  artifactVersion: 1,
  version: '0123456789ab',
  pipeline: {
    irVersion: 1,
    id: 'flow',
    source: at(1),
    input: { type: 'object', properties: { day: { type: 'string' } }, required: ['day'], additionalProperties: false },
    operations: {},
    body: {
      nodes: [
        job('load', 10),
        job('check', 11),
        {
          kind: 'map',
          id: 'convert',
          source: at(12),
          after: [],
          items: nothing,
          concurrency: 0,
          body: { nodes: [job('one', 13), job('two', 14)] },
        },
        {
          kind: 'branch',
          id: 'any',
          source: at(15),
          after: [],
          condition: nothing,
          yes: { nodes: [job('alarm', 16)] },
          no: { nodes: [job('publish', 17)] },
        },
        job('close', 18),
      ],
    },
  },
  definition: {
    QueryLanguage: 'JSONata',
    StartAt: 'load',
    States: {
      load: task('fork'),
      fork: {
        Type: 'Parallel',
        Next: 'any',
        Branches: [
          {
            StartAt: 'check.when',
            States: {
              'check.when': {
                Type: 'Choice',
                Choices: [{ Condition: '{% $x %}', Next: 'check' }],
                Default: 'check.skip',
              },
              check: task(undefined),
              'check.skip': { Type: 'Pass', End: true },
            },
          },
          {
            StartAt: 'convert',
            States: {
              convert: {
                Type: 'Map',
                End: true,
                ItemProcessor: { StartAt: 'one', States: { one: task('two'), two: task(undefined) } },
              },
            },
          },
        ],
      },
      any: { Type: 'Choice', Choices: [{ Condition: '{% $y %}', Next: 'alarm' }], Default: 'publish' },
      alarm: task('close', { Catch: [{ ErrorEquals: ['States.ALL'], Next: 'close' }] }),
      publish: task('close'),
      close: task(undefined),
    },
  },
  states: {
    load: origin('load', 'job', 10),
    fork: origin('check', 'fork', 11),
    'check.when': origin('check', 'condition', 11),
    check: origin('check', 'job', 11),
    'check.skip': origin('check', 'skip', 11),
    convert: origin('convert', 'map', 12),
    one: origin('one', 'job', 13),
    two: origin('two', 'job', 14),
    any: origin('any', 'condition', 15),
    alarm: origin('alarm', 'job', 16),
    publish: origin('publish', 'job', 17),
    close: origin('close', 'job', 18),
  },
};

type Details<T extends HistoryEventType> = Omit<HistoryEventOf<T>, 'id' | 'previousEventId' | 'timestamp' | 'type'>;

const lambda = { resourceType: 'lambda', resource: 'invoke' } as const;
const arn = (operation: string) => `arn:aws:lambda:us-east-1:000000000000:function:flow-${operation}`;

/**
 * A history under way. Every call adds one event, one second after the one before, and gives its id; `after` is the
 * event before it in its thread.
 */
export function historyOf(input: Json = { day: 'mon', bunsui: { session: 's', createdAt: 'c', generation: 1 } }) {
  const events: HistoryEvent[] = [];
  const push = (type: HistoryEventType, after: number, details: object): number => {
    const id = events.length + 1;
    // The details fit the type by the signatures below; TypeScript cannot see it through the union of all events.
    events.push({ id, previousEventId: after, timestamp: id * 1000, type, ...details } as unknown as HistoryEvent);
    return id;
  };
  const add = <T extends HistoryEventType>(type: T, after: number, details: Details<T>): number =>
    push(type, after, details);
  const schedule = (name: string, after: number, attempt: number): number => {
    const parameters = JSON.stringify({
      FunctionName: arn(name),
      Payload: { bunsui: { job: name, operation: name, attempt }, input: { to: name } },
    });
    const scheduled = add('TaskScheduled', after, {
      taskScheduledEventDetails: { ...lambda, region: 'us-east-1', parameters },
    });
    return add('TaskStarted', scheduled, { taskStartedEventDetails: lambda });
  };
  const startedAgain = (after: number): number => add('TaskStarted', after, { taskStartedEventDetails: lambda });
  const entered = (type: 'Task' | 'Choice' | 'Pass' | 'Parallel' | 'Map', name: string, after: number): number =>
    push(`${type}StateEntered`, after, { stateEnteredEventDetails: { name, input: '{}' } });
  const exited = (type: 'Task' | 'Choice' | 'Pass' | 'Parallel' | 'Map', name: string, after: number): number =>
    push(`${type}StateExited`, after, { stateExitedEventDetails: { name, output: '{}' } });
  const succeeded = (name: string, after: number): number =>
    add('TaskSucceeded', after, {
      taskSucceededEventDetails: { ...lambda, output: JSON.stringify({ Payload: { from: name }, StatusCode: 200 }) },
    });
  const failed = (error: string, after: number): number =>
    add('TaskFailed', after, { taskFailedEventDetails: { ...lambda, error, cause: `{"errorMessage":"${error}"}` } });
  const ran = (name: string, after: number): number =>
    exited('Task', name, succeeded(name, schedule(name, entered('Task', name, after), 0)));
  const iteration = (index: number, after: number): number =>
    add('MapIterationStarted', after, { mapIterationStartedEventDetails: { name: 'convert', index } });
  const iterated = (index: number, after: number): number =>
    add('MapIterationSucceeded', after, { mapIterationSucceededEventDetails: { name: 'convert', index } });
  add('ExecutionStarted', 0, { executionStartedEventDetails: { input: JSON.stringify(input) } });
  return { events, add, schedule, startedAgain, entered, exited, succeeded, failed, ran, iteration, iterated };
}

/** Everything goes well: `check` is skipped, `one` of the second item needs two tries, `publish` is taken. */
export function successHistory(): readonly HistoryEvent[] {
  const h = historyOf();
  const load = h.ran('load', 0);
  const fork = h.add('ParallelStateStarted', h.entered('Parallel', 'fork', load), {});
  const when = h.entered('Choice', 'check.when', fork);
  const map = h.add('MapStateStarted', h.entered('Map', 'convert', fork), {
    mapStateStartedEventDetails: { length: 2 },
  });
  const skip = h.exited('Pass', 'check.skip', h.entered('Pass', 'check.skip', h.exited('Choice', 'check.when', when)));
  const first = h.iteration(0, map);
  const second = h.iteration(1, map);
  const firstOne = h.schedule('one', h.entered('Task', 'one', first), 0);
  const secondOne = h.failed('Flaky', h.schedule('one', h.entered('Task', 'one', second), 0));
  const firstTwo = h.ran('two', h.exited('Task', 'one', h.succeeded('one', firstOne)));
  const again = h.exited('Task', 'one', h.succeeded('one', h.schedule('one', secondOne, 1)));
  h.iterated(0, firstTwo);
  const secondTwo = h.ran('two', again);
  h.iterated(1, secondTwo);
  const mapped = h.exited('Map', 'convert', h.add('MapStateSucceeded', secondTwo, {}));
  void skip;
  const joined = h.exited('Parallel', 'fork', h.add('ParallelStateSucceeded', mapped, {}));
  const chosen = h.exited('Choice', 'any', h.entered('Choice', 'any', joined));
  const close = h.ran('close', h.ran('publish', chosen));
  h.add('ExecutionSucceeded', close, { executionSucceededEventDetails: { output: '{"rows":3}' } });
  return h.events;
}

/** `two` of the first item fails for good while `one` of the second still runs and `check` has ended. */
export function failureHistory(): readonly HistoryEvent[] {
  const h = historyOf();
  const load = h.ran('load', 0);
  const fork = h.add('ParallelStateStarted', h.entered('Parallel', 'fork', load), {});
  const when = h.entered('Choice', 'check.when', fork);
  const map = h.add('MapStateStarted', h.entered('Map', 'convert', fork), {
    mapStateStartedEventDetails: { length: 3 },
  });
  h.ran('check', h.exited('Choice', 'check.when', when));
  const first = h.iteration(0, map);
  const second = h.iteration(1, map);
  const one = h.exited('Task', 'one', h.succeeded('one', h.schedule('one', h.entered('Task', 'one', first), 0)));
  h.schedule('one', h.entered('Task', 'one', second), 0);
  const two = h.failed('Broken', h.schedule('two', h.entered('Task', 'two', one), 0));
  h.add('MapIterationFailed', two, { mapIterationFailedEventDetails: { name: 'convert', index: 0 } });
  h.add('TaskStateAborted', two, {});
  h.add('MapIterationAborted', two, { mapIterationAbortedEventDetails: { name: 'convert', index: 1 } });
  const mapFailed = h.add('MapStateFailed', two, {});
  const forkFailed = h.add('ParallelStateFailed', mapFailed, {});
  h.add('ExecutionFailed', forkFailed, { executionFailedEventDetails: { error: 'Broken', cause: 'why' } });
  return h.events;
}
