/** Jobs of containers as AWS tells of them: their states as one job, runs of the container as attempts, logs by task. */
import type { FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DescribeStateMachineForExecutionCommand, GetExecutionHistoryCommand } from '@aws-sdk/client-sfn';
import { ecs, pipeline } from 'bunsui';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { virtualClock } from '../../lib/engine/clock.ts';
import type { Json, TaskOutcome } from '../../lib/engine/ports.ts';
import { startExecution } from '../../lib/engine/run.ts';
import { emptyFold, foldEvents, foldHistory, view } from '../../lib/sessions/fold.ts';
import { ranContainers } from '../../lib/sessions/container-view.ts';
import { readSessionLogs } from '../../lib/sessions/logs.ts';
import { virtualPorts } from '../../lib/testing/virtual-ports.ts';

const size = ecs('size', {
  image: 'example.com/size:1',
  input: z.object({ word: z.string(), note: z.string().optional() }),
  output: z.object({ letters: z.int() }),
  retry: { max: 1, errors: ['States.TaskFailed'] },
  timeout: '1h',
});

const words = pipeline(
  'words',
  { input: z.object({ words: z.array(z.string()).max(5) }), output: z.object({ first: z.int() }) },
  (p, input) => {
    const first = p.job('first', size, { word: 'abc' });
    p.map('each', input.words, (word, q) => q.job('one', size, { word }));
    p.output({ first: first.out.letters });
  },
);

interface Given {
  readonly Bucket: string;
  readonly Key: string;
  readonly Body: Json;
  readonly Overrides: {
    readonly ContainerOverrides: readonly { readonly Environment: readonly { Name: string; Value: string }[] }[];
  };
}

/** Runs the machine with a bucket in memory. `run` is the container: what it leaves, or how it fails. */
async function ran(run: (input: Json, attempt: string) => Json | Error, given: readonly string[] = []) {
  const compiled = compilePipeline(words.ir, { sha256: () => 'v' });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
  const objects = new Map<string, string>();
  let tasks = 0;
  const answer = async (
    resource: string,
    { Key: key, Body: body, Overrides: overrides }: Given,
    submitted: (answer: Json) => void,
  ): Promise<TaskOutcome> => {
    if (resource.endsWith(':putObject')) {
      objects.set(key, JSON.stringify(body));
      return { ok: true, output: {} };
    }
    if (resource.endsWith(':getObject')) {
      const found = objects.get(key);
      return found === undefined
        ? { ok: false, error: 'S3.NoSuchKeyException', cause: key }
        : { ok: true, output: { Body: found } };
    }
    const variables = new Map(overrides.ContainerOverrides[0]?.Environment.map(({ Name, Value }) => [Name, Value]));
    tasks += 1;
    submitted({ Tasks: [{ TaskArn: `arn:aws:ecs:us-east-1:000000000000:task/c/task${tasks}` }] });
    const input = JSON.parse(objects.get(variables.get('BUNSUI_INPUT_KEY') ?? '') ?? 'null') as Json;
    const left = run(input, variables.get('BUNSUI_ATTEMPT') ?? '');
    if (left instanceof Error) return { ok: false, error: 'States.TaskFailed', cause: left.message };
    if (left !== null) objects.set(variables.get('BUNSUI_OUTPUT_KEY') ?? '', JSON.stringify(left));
    return { ok: true, output: { LastStatus: 'STOPPED' } };
  };
  const handle = startExecution(
    {
      ...virtualPorts(virtualClock(1_000_000)),
      tasks: {
        run: (task, _, progress) => answer(task.resource, task.arguments as never, (told) => progress.submitted(told)),
      },
    },
    {
      executionArn: 'arn:aws:states:us-east-1:000000000000:execution:m:e1',
      name: 'e1',
      stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:m',
      stateMachineName: 'm',
      definition: compiled.artifact.definition,
      input: JSON.stringify({ words: given }),
    } as never,
  );
  const { status, output } = await handle.done;
  return { artifact: compiled.artifact, events: handle.events as readonly HistoryEvent[], objects, status, output };
}

const letters = (input: Json): Json => ({ letters: String((input as { readonly word: string }).word).length });

describe('a job of a container', () => {
  it('is one job, with the input that it was given, the output that it left, and its tries', async () => {
    const { artifact, events, output, objects } = await ran(
      (input, attempt) => (attempt === '1' ? new Error('code 1') : letters(input)),
      ['ab', 'c'],
    );
    expect(JSON.parse(output ?? '')).toStrictEqual({ first: 3 });
    const seen = foldHistory(artifact, events);
    expect(seen.status).toBe('completed');
    const jobs = seen.jobs.filter(({ kind }) => kind === 'job');
    expect(
      jobs.map(({ job, status, input, output: left, attempts }) => [
        job,
        status,
        input,
        left,
        attempts.map((one) => one.status),
      ]),
    ).toStrictEqual([
      ['first', 'completed', { word: 'abc' }, { letters: 3 }, ['failed', 'completed']],
      ['each[0]/one', 'completed', { word: 'ab' }, { letters: 2 }, ['failed', 'completed']],
      ['each[1]/one', 'completed', { word: 'c' }, { letters: 1 }, ['failed', 'completed']],
    ]);
    expect([...objects.keys()].filter((key) => key.includes('first'))).toStrictEqual([
      'containers/words/e1/first/input.json',
      'containers/words/e1/first/output-0-1.json',
    ]);
    // In whatever order events become known, and however few.
    let fold = emptyFold(artifact);
    for (const event of events) {
      fold = foldEvents(fold, [event]);
      const now = view(fold).jobs.find(({ job }) => job === 'first');
      if (now?.status === 'completed') expect(now.output).toStrictEqual({ letters: 3 });
    }
    expect(view(fold)).toStrictEqual(seen);
  });

  it.each<[string, (input: Json) => Json | Error, string, string, number]>([
    ['the container fails', () => new Error('code 1'), 'States.TaskFailed', 'code 1', 2],
    ['it leaves nothing', () => null, 'S3.NoSuchKeyException', 'output-0-0.json', 1],
    [
      'it leaves something else',
      () => ({ letters: 'many' }),
      'Bunsui.OutputInvalid',
      'letters is not of type integer',
      1,
    ],
  ])('fails when %s', async (_, run, error, cause, attempts) => {
    const { artifact, events, status } = await ran(run);
    expect(status).toBe('FAILED');
    const seen = foldHistory(artifact, events);
    const first = seen.jobs.find(({ job }) => job === 'first');
    expect([first?.status, first?.error?.name, first?.attempts.length, seen.error?.job]).toStrictEqual([
      'failed',
      error,
      attempts,
      'first',
    ]);
    expect(first?.error?.cause).toContain(cause);
  });

  it('has its log where ECS has put it, one stream for each try', async () => {
    const { artifact, events } = await ran((input, attempt) =>
      attempt === '1' ? new Error('code 1') : letters(input),
    );
    const text = JSON.stringify(artifact.definition).replaceAll('${operation:size:logs}', '/aws/ecs/size');
    const placed = JSON.parse(
      JSON.stringify(events).replaceAll('${operation:size:logs}', '/aws/ecs/size'),
    ) as HistoryEvent[];
    expect(ranContainers(placed)).toStrictEqual([
      { job: 'first', operation: 'size', attempt: 1, logGroup: '/aws/ecs/size', logStream: 'task/main/task1' },
      { job: 'first', operation: 'size', attempt: 2, logGroup: '/aws/ecs/size', logStream: 'task/main/task2' },
    ]);
    const sfn = {
      send: async (command: unknown) => {
        if (command instanceof DescribeStateMachineForExecutionCommand) return { definition: text };
        if (command instanceof GetExecutionHistoryCommand)
          return { events: placed.map((event) => ({ ...event, timestamp: new Date(event.timestamp) })) };
        throw new TypeError('another call');
      },
    };
    const logs = {
      send: async (command: FilterLogEventsCommand) => {
        const { logGroupName, logStreamNames = [] } = command.input;
        expect(logGroupName).toBe('/aws/ecs/size');
        const [stream = ''] = logStreamNames;
        return { events: [{ logStreamName: stream, timestamp: 1_000_000, message: `hello from ${stream}\n` }] };
      },
    };
    const s3 = { send: async () => ({ Contents: [] }) };
    const lines = await readSessionLogs({ sfn, logs, s3, names: { bucket: 'b' } } as never, {
      session_id: 'session1',
      created_at: '1970-01-01T00:16:40.000Z',
      status: 'running',
      execution_arn: 'arn',
    });
    expect(
      lines.map(({ message, job_id, attempt, session_id }) => [message, job_id, attempt, session_id]),
    ).toStrictEqual([
      ['hello from task/main/task1', 'first', 1, 'session1'],
      ['hello from task/main/task2', 'first', 2, 'session1'],
    ]);
  });
});
