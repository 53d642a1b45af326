/** Map runs at the endpoint: what is told of them and of their children, and what can be done to them while they run. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { type LocalClient, localClient } from '../../lib/local/client.ts';
import { openForTest, temporaryFolder } from './runtimes.ts';

const roleArn = 'arn:aws:iam::000000000000:role/machine';
const activityArn = 'arn:aws:states:us-east-1:000000000000:activity:work';
type Fields = { readonly [field: string]: unknown };

async function call(client: LocalClient, operation: string, input: object): Promise<Fields> {
  const answer = await client.json('states', `AWSStepFunctions.${operation}`, { ...input });
  return (answer.ok ? answer.value : { code: answer.code, message: answer.message }) as Fields;
}

const map = (state: object, more: object = {}) => ({
  StartAt: 'm',
  States: {
    m: {
      Type: 'Map',
      Label: 'load',
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: 's',
        States: { s: { End: true, ...state } },
      },
      End: true,
      ...more,
    },
  },
});
const pass = { Type: 'Pass' };
const work = { Type: 'Task', Resource: activityArn };

async function started(client: LocalClient, definition: object, input: unknown): Promise<unknown> {
  const made = await call(client, 'CreateStateMachine', {
    name: 'machine',
    roleArn,
    definition: JSON.stringify(definition),
  });
  const { stateMachineArn } = made;
  return (await call(client, 'StartExecution', { stateMachineArn, input: JSON.stringify(input) }))['executionArn'];
}

async function endOf(client: LocalClient, executionArn: unknown): Promise<Fields> {
  const described = () => call(client, 'DescribeExecution', { executionArn });
  await expect.poll(async () => (await described())['status'], { timeout: 20_000 }).not.toBe('RUNNING');
  return described();
}

async function runsOf(client: LocalClient, executionArn: unknown): Promise<readonly Fields[]> {
  return (await call(client, 'ListMapRuns', { executionArn }))['mapRuns'] as readonly Fields[];
}

async function listed(client: LocalClient, input: object): Promise<readonly Fields[]> {
  return (await call(client, 'ListExecutions', input))['executions'] as readonly Fields[];
}

const counts = (given: object) => ({
  aborted: 0,
  failed: 0,
  failuresNotRedrivable: 0,
  pending: 0,
  pendingRedrive: 0,
  resultsWritten: 0,
  running: 0,
  succeeded: 0,
  timedOut: 0,
  total: 0,
  ...given,
});

/** Takes tasks of the activity as they come. */
const worker = (client: LocalClient) => ({
  take: () => call(client, 'GetActivityTask', { activityArn }) as Promise<{ taskToken: string; input: string }>,
  succeed: (taskToken: string) => call(client, 'SendTaskSuccess', { taskToken, output: '"done"' }),
  fail: (taskToken: string) => call(client, 'SendTaskFailure', { taskToken, error: 'Boom', cause: 'it broke' }),
});

it('tells of a run and of its children, also after a restart of the runtime', async () => {
  const stateDir = join(temporaryFolder(), 'state');
  const first = await openForTest({ stateDir });
  const definition = map(pass, { ItemBatcher: { MaxItemsPerBatch: 2 }, MaxConcurrency: 5, ToleratedFailureCount: 7 });
  const executionArn = await started(localClient(first), definition, [1, 2, 3]);
  await endOf(localClient(first), executionArn);
  await first.close();

  const client = localClient(await openForTest({ stateDir }));
  const mapRunArn = (await call(client, 'GetExecutionHistory', { executionArn }))['events'] as readonly Fields[];
  const arn = mapRunArn.flatMap((event) => (event['mapRunStartedEventDetails'] as Fields)?.['mapRunArn'] ?? [])[0];
  // By its own ARN first: nobody has told where to look.
  expect(await call(client, 'DescribeMapRun', { mapRunArn: arn })).toStrictEqual({
    mapRunArn: arn,
    executionArn,
    status: 'SUCCEEDED',
    startDate: expect.any(Number),
    stopDate: expect.any(Number),
    maxConcurrency: 5,
    toleratedFailureCount: 7,
    toleratedFailurePercentage: 0,
    itemCounts: counts({ succeeded: 3, total: 3 }),
    executionCounts: counts({ succeeded: 2, total: 2 }),
    redriveCount: 0,
  });
  const [run] = await runsOf(client, executionArn);
  expect(run).toStrictEqual({
    executionArn,
    mapRunArn: arn,
    stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:machine',
    startDate: expect.any(Number),
    stopDate: expect.any(Number),
  });
  const children = await listed(client, { mapRunArn: arn, statusFilter: 'SUCCEEDED' });
  expect(children.map((child) => child['itemCount']).toSorted()).toStrictEqual([1, 2]);
  const child = children.find(({ itemCount }) => itemCount === 1) ?? {};
  expect(child).toStrictEqual({
    executionArn: `arn:aws:states:us-east-1:000000000000:execution:machine/load:${child['name']}`,
    mapRunArn: arn,
    stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:machine/load',
    name: expect.any(String),
    status: 'SUCCEEDED',
    startDate: expect.any(Number),
    stopDate: expect.any(Number),
    itemCount: 1,
    redriveCount: 0,
  });
  expect(await call(client, 'DescribeExecution', { executionArn: child['executionArn'] })).toStrictEqual({
    executionArn: child['executionArn'],
    stateMachineArn: child['stateMachineArn'],
    mapRunArn: arn,
    name: child['name'],
    status: 'SUCCEEDED',
    startDate: child['startDate'],
    stopDate: child['stopDate'],
    input: '{"Items":[3]}',
    inputDetails: { included: true },
    output: '{"Items":[3]}',
    outputDetails: { included: true },
    redriveCount: 0,
    redriveStatus: 'NOT_REDRIVABLE',
    redriveStatusReason: 'Execution is SUCCEEDED and cannot be redriven',
  });
  const history = await call(client, 'GetExecutionHistory', { executionArn: child['executionArn'], maxResults: 3 });
  expect((history['events'] as readonly Fields[]).map(({ id, type }) => [id, type])).toStrictEqual([
    [1, 'ExecutionStarted'],
    [2, 'PassStateEntered'],
    [3, 'PassStateExited'],
  ]);
});

it('changes a run under way, stops a child of it, and redrives what failed', async () => {
  const client = localClient(await openForTest());
  const { take, succeed, fail } = worker(client);
  await call(client, 'CreateActivity', { name: 'work' });
  const executionArn = await started(client, map(work, { MaxConcurrency: 1 }), ['a', 'b', 'c', 'd']);
  const first = await take();
  const [{ mapRunArn } = {}] = await runsOf(client, executionArn);
  const described = () => call(client, 'DescribeMapRun', { mapRunArn });
  expect(await described()).toMatchObject({
    status: 'RUNNING',
    maxConcurrency: 1,
    itemCounts: counts({ running: 1, pending: 3, total: 4 }),
  });
  const update = { maxConcurrency: 3, toleratedFailureCount: 1, toleratedFailurePercentage: 50.5 };
  expect(await call(client, 'UpdateMapRun', { mapRunArn, ...update })).toStrictEqual({});
  const [second, third] = [await take(), await take()];
  expect(await described()).toMatchObject({ ...update, executionCounts: counts({ running: 3, pending: 1, total: 4 }) });

  // Two failures are one more than is tolerated.
  const running = await listed(client, { mapRunArn, statusFilter: 'RUNNING' });
  const inputs = await Promise.all(
    running.map(async (child) => {
      const { input } = await call(client, 'DescribeExecution', { executionArn: child['executionArn'] });
      return [input, child['executionArn']] as const;
    }),
  );
  const stoppedArn = new Map(inputs).get(second.input);
  const stopped = await call(client, 'StopExecution', { executionArn: stoppedArn, error: 'Enough', cause: 'of it' });
  expect(stopped).toStrictEqual({ stopDate: expect.any(Number) });
  expect(await call(client, 'DescribeExecution', { executionArn: stoppedArn })).toMatchObject({
    status: 'ABORTED',
    error: 'Enough',
    cause: 'of it',
    redriveStatus: 'REDRIVABLE_BY_MAP_RUN',
  });
  await succeed(first.taskToken);
  await fail(third.taskToken);
  expect(await endOf(client, executionArn)).toMatchObject({ error: 'States.ExceedToleratedFailureThreshold' });
  const ended = (await described())['executionCounts'] as { readonly [status: string]: number };
  expect({ ...ended, aborted: 0, pending: 0 }).toStrictEqual(counts({ succeeded: 1, failed: 1, total: 4 }));
  expect((ended['aborted'] ?? 0) + (ended['pending'] ?? 0)).toBe(2);
  expect(await call(client, 'UpdateMapRun', { mapRunArn, maxConcurrency: 2 })).toMatchObject({
    code: 'ValidationException',
  });
  expect(await call(client, 'RedriveExecution', { executionArn: stoppedArn })).toMatchObject({
    code: 'ExecutionNotRedrivable',
  });

  await call(client, 'RedriveExecution', { executionArn });
  const again = await take();
  expect(await described()).toMatchObject({ status: 'RUNNING', redriveCount: 1, redriveDate: expect.any(Number) });
  await succeed(again.taskToken);
  for (let left = 2; left > 0; left -= 1) await succeed((await take()).taskToken);
  expect(await endOf(client, executionArn)).toMatchObject({ status: 'SUCCEEDED' });
  expect(await described()).toMatchObject({ status: 'SUCCEEDED', executionCounts: counts({ succeeded: 4, total: 4 }) });
  expect((await listed(client, { mapRunArn, redriveFilter: 'REDRIVEN' })).length).toBeGreaterThanOrEqual(2);
});

it('a run whose execution is stopped is aborted, and so are its children', async () => {
  const client = localClient(await openForTest());
  await call(client, 'CreateActivity', { name: 'work' });
  const executionArn = await started(client, map(work, { MaxConcurrency: 1 }), ['a', 'b']);
  await worker(client).take();
  await call(client, 'StopExecution', { executionArn });
  const [{ mapRunArn } = {}] = await runsOf(client, executionArn);
  expect(await call(client, 'DescribeMapRun', { mapRunArn })).toMatchObject({
    status: 'ABORTED',
    stopDate: expect.any(Number),
    executionCounts: counts({ aborted: 1, pending: 1, total: 2 }),
  });
  const [child] = await listed(client, { mapRunArn });
  expect(child).toMatchObject({ status: 'ABORTED', stopDate: expect.any(Number) });
  const history = await call(client, 'GetExecutionHistory', {
    executionArn: child?.['executionArn'],
    reverseOrder: true,
  });
  expect((history['events'] as readonly Fields[])[0]).toMatchObject({ type: 'ExecutionAborted' });
});

it('reads the lists of an inventory, compressed as they are, and writes results where S3 gives them', async () => {
  const stateDir = join(temporaryFolder(), 'state');
  const client = localClient(await openForTest({ stateDir }));
  const bucket = join(stateDir, 's3', 'data');
  mkdirSync(bucket, { recursive: true });
  const manifest = {
    destinationBucket: 'arn:aws:s3:::data',
    fileFormat: 'CSV',
    fileSchema: 'Bucket, Key',
    files: [{ key: '1.csv.gz' }, { key: '2.csv.zst' }],
  };
  writeFileSync(join(bucket, 'manifest.json'), JSON.stringify(manifest));
  writeFileSync(join(bucket, '1.csv.gz'), gzipSync('"b","k1"\n'));
  writeFileSync(join(bucket, '2.csv.zst'), zstdCompressSync('"b","k2"\n'));
  const definition = map(pass, {
    ItemReader: {
      Resource: 'arn:aws:states:::s3:getObject',
      Parameters: { Bucket: 'data', Key: 'manifest.json' },
      ReaderConfig: { InputType: 'MANIFEST' },
    },
    ResultWriter: {
      Resource: 'arn:aws:states:::s3:putObject',
      Parameters: { Bucket: 'data', Prefix: 'out' },
      WriterConfig: { Transformation: 'COMPACT', OutputType: 'JSONL' },
    },
  });
  const { output } = await endOf(client, await started(client, definition, {}));
  const { MapRunArn, ResultWriterDetails } = JSON.parse(String(output)) as {
    readonly MapRunArn: string;
    readonly ResultWriterDetails: { readonly Key: string };
  };
  const written = JSON.parse(readFileSync(join(bucket, ResultWriterDetails.Key), 'utf8')) as {
    readonly ResultFiles: { readonly SUCCEEDED: readonly { readonly Key: string }[] };
  };
  const [file] = written.ResultFiles.SUCCEEDED;
  expect(readFileSync(join(bucket, file?.Key ?? ''), 'utf8')).toBe(
    '{"Bucket":"b","Key":"k1"}\n{"Bucket":"b","Key":"k2"}\n',
  );
  expect(await call(client, 'DescribeMapRun', { mapRunArn: MapRunArn })).toMatchObject({
    itemCounts: counts({ succeeded: 2, total: 2, resultsWritten: 2 }),
  });
});

it('finds a run though a later execution was only told of it', async () => {
  const stateDir = join(temporaryFolder(), 'state');
  const first = await openForTest({ stateDir });
  const before = localClient(first);
  const executionArn = await started(before, map(pass), [1]);
  await endOf(before, executionArn);
  const [{ mapRunArn } = {}] = await runsOf(before, executionArn);
  const [{ executionArn: childArn } = {}] = await listed(before, { mapRunArn });
  await endOf(before, await started(before, map(pass), [mapRunArn, childArn]));
  await first.close();

  const client = localClient(await openForTest({ stateDir }));
  expect(await call(client, 'DescribeMapRun', { mapRunArn })).toMatchObject({ executionArn });
  expect(await call(client, 'DescribeExecution', { executionArn: childArn })).toMatchObject({ mapRunArn });
});

it('refuses what is no run, no child, and no number of either', async () => {
  const client = localClient(await openForTest());
  const executionArn = await started(client, map(pass), [1]);
  await endOf(client, executionArn);
  const [{ mapRunArn } = {}] = await runsOf(client, executionArn);
  const [{ stateMachineArn, executionArn: childArn } = {}] = await listed(client, { mapRunArn });
  const codes = await Promise.all(
    (
      [
        ['DescribeMapRun', { mapRunArn: 'arn:none' }],
        ['DescribeMapRun', { mapRunArn: `${mapRunArn}x` }],
        ['UpdateMapRun', { mapRunArn, maxConcurrency: -1 }],
        ['UpdateMapRun', { mapRunArn, toleratedFailurePercentage: 101 }],
        ['ListMapRuns', { executionArn: `${executionArn}x` }],
        ['ListMapRuns', { executionArn: `${childArn}x` }],
        ['ListExecutions', { mapRunArn, stateMachineArn }],
        ['ListExecutions', {}],
        ['ListExecutions', { mapRunArn, statusFilter: 'GONE' }],
        ['ListExecutions', { stateMachineArn: String(stateMachineArn).split('/')[0], redriveFilter: 'REDRIVEN' }],
        ['DescribeExecution', { executionArn: `${childArn}x` }],
        ['GetExecutionHistory', { executionArn: `${childArn}x` }],
        ['StopExecution', { executionArn: `${childArn}x` }],
      ] as const
    ).map(async ([operation, input]) => [operation, (await call(client, operation, input))['code']]),
  );
  expect(codes).toStrictEqual([
    ['DescribeMapRun', 'InvalidArn'],
    ['DescribeMapRun', 'ResourceNotFound'],
    ['UpdateMapRun', 'ValidationException'],
    ['UpdateMapRun', 'ValidationException'],
    ['ListMapRuns', 'ExecutionDoesNotExist'],
    ['ListMapRuns', 'ExecutionDoesNotExist'],
    ['ListExecutions', 'ValidationException'],
    ['ListExecutions', 'ValidationException'],
    ['ListExecutions', 'ValidationException'],
    ['ListExecutions', 'ValidationException'],
    ['DescribeExecution', 'ExecutionDoesNotExist'],
    ['GetExecutionHistory', 'ExecutionDoesNotExist'],
    ['StopExecution', 'ExecutionDoesNotExist'],
  ]);
  expect(await runsOf(client, childArn)).toStrictEqual([]);
});
