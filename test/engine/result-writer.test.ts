/** ResultWriter: what becomes of the results of a distributed Map's children. */
import { describe, expect, test } from 'vitest';
import type { Json } from '../../lib/asl/definition.ts';
import { redriveExecution } from '../../lib/engine/run.ts';
import { exportResults } from '../../lib/engine/map-results.ts';
import { newMapRun } from '../../lib/engine/map-run-state.ts';
import { checkEveryCut } from './cuts.ts';
import {
  type Answer,
  definitionOf,
  ended,
  failed,
  identityOf,
  lines,
  memoryObjects,
  ok,
  portsOf,
  run,
  startMs,
} from './machine.ts';

const arnOf = (kind: string, name: string) => `arn:aws:states:us-east-1:000000000000:${kind}:machine/load${name}`;
const toS3 = {
  Resource: 'arn:aws:states:::s3:putObject',
  Parameters: { Bucket: 'results', 'Prefix.$': '$$.Execution.Name' },
};
const task = { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', Parameters: { 'n.$': '$' }, End: true };
const machine = (ResultWriter: object, more: object = {}, language = 'JSONPath') => ({
  QueryLanguage: 'JSONPath',
  StartAt: 'm',
  States: {
    m: {
      Type: 'Map',
      QueryLanguage: language,
      Label: 'load',
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: 't',
        States: { t: task },
      },
      ResultWriter,
      End: true,
      ...more,
    },
  },
});
const argumentOf = (request: { readonly arguments: Json }) => (request.arguments as { readonly n: number }).n;
/** Answers with a list; 3 fails. */
const answer: Answer = (request) =>
  argumentOf(request) === 3 ? failed('Boom', 'three') : ok([argumentOf(request), 'x']);

/** The objects written, by the last part of their key. */
const written = (objects: ReturnType<typeof memoryObjects>) =>
  new Map([...objects.texts].map(([key, text]) => [key.replace(/^run\/[0-9a-f-]+\//, ''), text]));
const parsed = (text: string | undefined) =>
  JSON.parse(text ?? 'null') as readonly { readonly [field: string]: Json }[];

describe('results that are exported', () => {
  test('lie in files by status, which a manifest names', async () => {
    const objects = memoryObjects();
    const { outcome, events } = await run(machine(toS3, { ToleratedFailureCount: 1 }), [1, 2, 3], answer, objects);
    const started = events.find(({ type }) => type === 'MapRunStarted');
    const { mapRunArn } = (started as unknown as { mapRunStartedEventDetails: { mapRunArn: string } })
      .mapRunStartedEventDetails;
    const id = mapRunArn.split(':').at(-1);
    expect(JSON.parse(outcome.output ?? '')).toStrictEqual({
      MapRunArn: mapRunArn,
      ResultWriterDetails: { Bucket: 'results', Key: `run/${id}/manifest.json` },
    });
    const files = written(objects);
    const sized = (name: string) => ({ Key: `run/${id}/${name}`, Size: Buffer.byteLength(files.get(name) ?? '') });
    expect(JSON.parse(files.get('manifest.json') ?? '')).toStrictEqual({
      DestinationBucket: 'results',
      MapRunArn: mapRunArn,
      ResultFiles: { FAILED: [sized('FAILED_0.json')], PENDING: [], SUCCEEDED: [sized('SUCCEEDED_0.json')] },
    });
    const [first, second] = parsed(files.get('SUCCEEDED_0.json'));
    expect(first).toStrictEqual({
      ExecutionArn: arnOf('execution', `:${first?.['Name']}`),
      Input: '1',
      InputDetails: { Included: true },
      Name: expect.stringMatching(/^[0-9a-f-]{36}$/),
      Output: '[1,"x"]',
      OutputDetails: { Included: true },
      RedriveCount: 0,
      RedriveStatus: 'NOT_REDRIVABLE',
      RedriveStatusReason: 'Execution is SUCCEEDED and cannot be redriven',
      StartDate: '2026-03-01T12:00:00.000Z',
      StateMachineArn: arnOf('stateMachine', ''),
      Status: 'SUCCEEDED',
      StopDate: '2026-03-01T12:00:00.000Z',
    });
    expect(second?.['Input']).toBe('2');
    expect(parsed(files.get('FAILED_0.json'))).toMatchObject([
      { Input: '3', Error: 'Boom', Cause: 'three', Status: 'FAILED' },
    ]);
    expect(lines(events).slice(3, 7)).toStrictEqual([
      '4<-3 MapRunStarted',
      '5<-4 MapRunSucceeded',
      '6<-5 MapStateSucceeded',
      '7<-4 MapStateExited m',
    ]);
  });

  test('of a run that fails are there too, with what did not begin', async () => {
    const objects = memoryObjects();
    const { outcome } = await run(machine(toS3, { MaxConcurrency: 1 }), [3, 1, 2], answer, objects);
    expect(outcome.error).toBe('States.ExceedToleratedFailureThreshold');
    const files = written(objects);
    expect(parsed(files.get('PENDING_0.json'))).toStrictEqual(
      ['1', '2'].map((Input) => ({ Input, InputDetails: { Included: true }, Status: 'PENDING' })),
    );
    expect([...files.keys()].sort()).toStrictEqual(['FAILED_0.json', 'PENDING_0.json', 'manifest.json']);
  });

  test('may be of any size together', async () => {
    const large: Answer = () => ok('x'.repeat(200_000));
    const { outcome } = await run(machine(toS3), [1, 2, 4], large, memoryObjects());
    expect(outcome.status).toBe('SUCCEEDED');
  });

  test.each<readonly [object, string, string]>([
    [{ Transformation: 'COMPACT', OutputType: 'JSON' }, 'SUCCEEDED_0.json', '[[1,"x"],[2,"x"]]'],
    [{ Transformation: 'FLATTEN', OutputType: 'JSON' }, 'SUCCEEDED_0.json', '[1,"x",2,"x"]'],
    [{ Transformation: 'COMPACT', OutputType: 'JSONL' }, 'SUCCEEDED_0.jsonl', '[1,"x"]\n[2,"x"]\n'],
  ])('are put as %j says', async (WriterConfig, file, text) => {
    const objects = memoryObjects();
    await run(machine({ ...toS3, WriterConfig }), [1, 2], answer, objects);
    expect(written(objects).get(file)).toBe(text);
  });

  test('go where JSONata says', async () => {
    const objects = memoryObjects();
    const writer = {
      Resource: toS3.Resource,
      Arguments: { Bucket: "{% 're' & 'sults' %}", Prefix: '{% $states.context.Execution.Name & "/" %}' },
    };
    const { outcome } = await run(machine(writer, {}, 'JSONata'), [1], answer, objects);
    expect(JSON.parse(outcome.output ?? '')).toMatchObject({ ResultWriterDetails: { Bucket: 'results' } });
    expect([...written(objects).keys()]).toStrictEqual(['SUCCEEDED_0.json', 'manifest.json']);
  });

  test('fail the run where they cannot be written', async () => {
    const writer = { Resource: toS3.Resource, Parameters: { Bucket: 'missing' } };
    const { outcome, events } = await run(machine(writer), [1], answer, memoryObjects());
    expect(outcome).toStrictEqual({
      status: 'FAILED',
      error: 'States.ResultWriterFailed',
      cause: 'The bucket missing does not exist.',
    });
    expect(lines(events).slice(3, 6)).toStrictEqual(['4<-3 MapRunStarted', '5<-4 MapRunFailed', '6<-5 MapStateFailed']);
  });

  test.each([
    ['JSONPath', { Parameters: { 'Bucket.$': '$[0]' } }, 'States.Runtime'],
    ['JSONata', { Arguments: { Bucket: '{% $states.input[0] %}' } }, 'States.QueryEvaluationError'],
  ])('need a bucket that is text: %s', async (language, place, error) => {
    const { outcome } = await run(machine({ Resource: toS3.Resource, ...place }, {}, language), [1], answer);
    expect([outcome.error, outcome.cause]).toStrictEqual([
      error,
      expect.stringContaining('The Bucket of the ResultWriter must be a string but was: 1'),
    ]);
  });

  test('are the same when the run is cut after any record', async () => {
    const objects = memoryObjects();
    const config = { ToleratedFailureCount: 1, MaxConcurrency: 2 };
    await checkEveryCut(machine(toS3, config), [1, 2, 3], answer, false, objects);
    expect(new Set([...objects.texts.keys()].map((key) => key.split('/').at(-1)))).toStrictEqual(
      new Set(['SUCCEEDED_0.json', 'FAILED_0.json', 'manifest.json']),
    );
  });

  test('of a redriven run lie below those of the run, and its manifest names both', async () => {
    const objects = memoryObjects();
    const definition = machine(toS3, { MaxConcurrency: 1 });
    const before = await run(definition, [1, 3, 2], answer, objects);
    expect(before.outcome.status).toBe('FAILED');
    const made = portsOf((request) => ok(argumentOf(request)), startMs + 60_000, objects);
    const redriven = redriveExecution(made.ports, identityOf(definitionOf(definition)), before.records);
    const after = await ended(redriven, made);
    const files = written(objects);
    const { Key } = (JSON.parse(after.outcome.output ?? '') as { ResultWriterDetails: { Key: string } })
      .ResultWriterDetails;
    expect(Key).toMatch(/\/Redrive-1\/manifest\.json$/);
    const manifest = JSON.parse(objects.texts.get(Key) ?? '') as { ResultFiles: { SUCCEEDED: { Key: string }[] } };
    expect(manifest.ResultFiles).toMatchObject({ FAILED: [], PENDING: [] });
    const contents = manifest.ResultFiles.SUCCEEDED.map((file) =>
      parsed(objects.texts.get(file.Key)).map(({ Input, RedriveCount }) => [Input, RedriveCount]),
    );
    expect(contents).toStrictEqual([
      [['1', 0]],
      [
        ['3', 1],
        ['2', 0],
      ],
    ]);
    expect(parsed(files.get('FAILED_0.json'))).toMatchObject([{ Input: '3' }]);
  });
});

describe('results that are only put', () => {
  test.each<readonly [object, string]>([
    [{ Transformation: 'FLATTEN', OutputType: 'JSON' }, '[1,"x",2,"x"]'],
    [{ Transformation: 'COMPACT', OutputType: 'JSON' }, '[[1,"x"],[2,"x"]]'],
    [{ Transformation: 'FLATTEN', OutputType: 'JSONL' }, JSON.stringify('1\n"x"\n2\n"x"\n')],
  ])('are the result of the state: %j', async (WriterConfig, output) => {
    expect((await run(machine({ WriterConfig }), [1, 2], answer)).outcome.output).toBe(output);
  });

  test('may be described', async () => {
    const { outcome } = await run(machine({ WriterConfig: { Transformation: 'NONE' } }), [1], answer);
    expect(JSON.parse(outcome.output ?? '')).toMatchObject([{ Input: '1', Output: '[1,"x"]', Status: 'SUCCEEDED' }]);
  });
});

test('a file that would be too long goes on in another one', async () => {
  const objects = memoryObjects();
  const child = (n: number) => ({
    executionArn: '',
    name: '',
    stateMachineName: '',
    stateMachineArn: '',
    label: '',
    input: { text: String(n), value: n },
    items: 1,
    status: 'SUCCEEDED' as const,
    startedAtMs: 0,
    stoppedAtMs: 0,
    output: { text: '"abcdef"', value: 'abcdef' },
    failure: {},
    exported: false,
    events: 1,
    redrives: 0,
    redrivenAtMs: 0,
  });
  const executions = [child(1), child(2), child(3)];
  const writer = { transformation: 'COMPACT', outputType: 'JSON', to: { bucket: 'b', prefix: '' } } as const;
  const mapRun = newMapRun({ arn: 'a:run', maxConcurrency: 0, writer });
  const exported = await exportResults(
    objects,
    { executions, inputs: executions.map(({ input }) => input) },
    mapRun,
    20,
  );
  expect([...objects.texts].slice(0, 2)).toStrictEqual([
    ['run/SUCCEEDED_0.json', '["abcdef","abcdef"]'],
    ['run/SUCCEEDED_1.json', '["abcdef"]'],
  ]);
  expect(exported).toStrictEqual({
    succeeded: [
      { key: 'run/SUCCEEDED_0.json', size: 19 },
      { key: 'run/SUCCEEDED_1.json', size: 10 },
    ],
  });
});
