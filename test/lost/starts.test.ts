/** One session per firing, however often, by how many at once, and under which ids of deliveries it is told. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { CreateStateMachineCommand, ListExecutionsCommand, SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensurePlatform } from '../../lib/local/platform.ts';
import { fireSession, type Firing } from '../../lib/sessions/firing.ts';
import { listSessions } from '../../lib/sessions/list-sessions.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { executionName, platformNames } from '../../lib/storage-layout.ts';
import { openForTest } from '../local/runtimes.ts';
import { type FiringWorld, firingWorld, type Policy, place } from '../sessions/firing-world.ts';
import { artifact } from '../sessions/history-fixture.ts';
import { type LocalTables, startTables } from '../sessions/local-tables.ts';
import { randomOf } from '../simulation/random.ts';
import type { FireRequest } from './fire.ts';

const policy: Policy = {
  schedules: [
    {
      id: 'daily',
      expression: 'cron(0 6 * * ? *)',
      timezone: 'Asia/Tokyo',
      enabled: true,
      input: { day: { 'bunsui:logical': { format: 'yyyy-MM-dd' } } },
      catchUp: 'none',
      source: place,
    },
  ],
  triggers: [
    {
      id: 's3',
      kind: 's3',
      bucket: 'incoming',
      input: { day: { 'bunsui:event': 'detail.object.key' } },
      source: place,
    },
  ],
};
let times = 0;
/** A due time that no test has used. */
function dueTime(): string {
  times += 1;
  return new Date(Date.UTC(2027, 0, times, 21)).toISOString();
}
const due = (scheduledTime: string): Firing => ({ kind: 'schedule', schedule: 'daily', scheduledTime });
/** The same object, told of under an id of its own. */
const put = (key: string, delivery: number): Firing => ({
  kind: 'event',
  trigger: 's3',
  event: {
    id: `delivery-${delivery}`,
    time: new Date(Date.UTC(2027, 0, 1) + delivery).toISOString(),
    source: 'aws.s3',
    'detail-type': 'Object Created',
    detail: { bucket: { name: 'incoming' }, object: { key, sequencer: '01' } },
  },
});

let tables: LocalTables;
let world: FiringWorld;
beforeAll(async () => {
  tables = await startTables();
  world = firingWorld(tables);
  await world.deploy(policy);
});
afterAll(() => tables.close());

describe('a firing that is delivered several times', () => {
  const kinds: readonly (readonly [string, () => (delivery: number) => Firing])[] = [
    [
      'a due time',
      () =>
        (
          (time) => () =>
            due(time)
        )(dueTime()),
    ],
    [
      'an object, each time under another id',
      () =>
        (
          (key) => (delivery) =>
            put(key, delivery)
        )(dueTime()),
    ],
  ];
  const cases = kinds.flatMap(([kind, firing]) =>
    [2, 10, 100].flatMap((count) =>
      (['one after the other', 'all at once'] as const).map((way) => ({ kind, firing, count, way })),
    ),
  );

  it.each(cases)('starts one session: $kind, $count times, $way', async ({ firing, count, way }) => {
    const before = { sessions: (await world.sessions()).length, executions: world.executions.size };
    const deliver = firing();
    const fire = (delivery: number) => fireSession(world.start, { pipeline: 'flow', firing: deliver(delivery) });
    const started = [];
    if (way === 'all at once') started.push(...(await Promise.all(Array.from({ length: count }, (_, at) => fire(at)))));
    else for (let at = 0; at < count; at += 1) started.push(await fire(at));
    expect({
      ids: new Set(started.map(({ session_id }) => session_id)).size,
      created: started.filter(({ outcome }) => outcome === 'created').length,
      sessions: (await world.sessions()).length - before.sessions,
      executions: world.executions.size - before.executions,
    }).toStrictEqual({ ids: 1, created: 1, sessions: 1, executions: 1 });
    console.log(`${started.length} deliveries, ${way}: 1 session, 1 execution`);
  });
});

describe('two processes', () => {
  it('that are told of the same hundred firings start a hundred sessions', { timeout: 600_000 }, async () => {
    const runtime = await openForTest();
    await ensurePlatform(runtime);
    const { endpoint, region, credentials, accountId: account } = runtime;
    const config = { endpoint, region, credentials };
    const sfn = new SFNClient(config);
    const { stateMachineArn = '' } = await sfn.send(
      new CreateStateMachineCommand({
        name: 'bunsui-flow',
        roleArn: `arn:aws:iam::${account}:role/local`,
        definition: JSON.stringify({
          QueryLanguage: 'JSONata',
          StartAt: 'p',
          States: { p: { Type: 'Pass', End: true } },
        }),
      }),
    );
    const deps = {
      db: DynamoDBDocumentClient.from(new DynamoDBClient(config), { marshallOptions: { removeUndefinedValues: true } }),
      sfn,
      s3: new S3Client({ ...config, forcePathStyle: true }),
      names: platformNames({ account, region }),
      region,
      now: Date.now,
      entropy: () => 0n,
    };
    const pipeline = { ...artifact.pipeline, ...policy };
    await registerPipeline(deps, { artifact: { ...artifact, pipeline }, stateMachineArn });
    const firings = Array.from({ length: 100 }, () => due(dueTime()));
    const request: FireRequest = { config, account, firings };
    const script = fileURLToPath(new URL('fire.ts', import.meta.url));
    const told = await Promise.all(
      [1, 2].map(async () => {
        const { stdout } = await promisify(execFile)(process.execPath, [script, JSON.stringify(request)]);
        return JSON.parse(stdout) as readonly string[];
      }),
    );
    expect(told[0]).toStrictEqual(told[1]);
    const { sessions } = await listSessions(deps, { limit: 1_000 });
    const { executions = [] } = await sfn.send(new ListExecutionsCommand({ stateMachineArn, maxResults: 1_000 }));
    const ids = new Set(told.flat());
    expect([ids.size, sessions.length, executions.length]).toStrictEqual([100, 100, 100]);
    console.log(
      `2 processes, ${told.flat().length} deliveries of 100 firings: ${ids.size} sessions, ${executions.length} executions`,
    );
  });
});

describe('an execution whose name is taken', () => {
  it.each([
    ['its answer was lost, it runs', 'RUNNING', 'after'],
    ['its answer was lost, it has ended', 'SUCCEEDED', 'after'],
    ['it was never asked for', undefined, 'before'],
    ['somebody else was faster, it runs', 'RUNNING', undefined],
    ['somebody else was faster, it has ended', 'SUCCEEDED', undefined],
  ] as const)("is the session's, whether its answer was lost, it runs or has ended: %s", async (_, status, crash) => {
    const before = world.executions.size;
    const fire = (
      (firing) => () =>
        fireSession(world.start, { pipeline: 'flow', firing })
    )(due(dueTime()));
    let crashed = 0;
    world.around = (when, call) => {
      if (world.calls[call - 1] !== 'StartExecutionCommand' || crash !== when) return;
      crashed += 1;
      throw new Error('crash');
    };
    await fire().catch((thrown: Error) => expect(thrown.message).toBe('crash'));
    world.around = undefined;
    expect(crashed).toBe(crash === undefined ? 0 : 1);
    const execution = [...world.executions.values()].at(-1);
    if (status !== undefined && execution !== undefined) execution.status = status;
    const again = await fire();
    const item = (await world.sessions()).find(({ session_id }) => session_id === again.session_id);
    expect([world.executions.size - before, item?.status, item?.execution_arn]).toStrictEqual([
      1,
      'running',
      again.execution_arn,
    ]);
    expect([...world.executions.keys()].at(-1)).toBe(again.execution_arn);
  });
});

describe('names of executions', () => {
  it('are what Step Functions takes, one for each of 10,000 ids and generations, and tell the id', () => {
    const random = randomOf(6);
    const letters = '0123456789abcdefghjkmnpqrstvwxyz';
    const names = new Map<string, string>();
    for (let count = 0; count < 10_000; count += 1) {
      const id = Array.from({ length: 26 }, () => letters[random.below(letters.length)]).join('');
      const generation = 1 + random.below(999_999);
      const name = executionName(id, generation);
      expect(name).toMatch(/^[A-Za-z0-9_-]{1,80}$/);
      names.set(name, `${id} ${generation}`);
      const [, readId, readGeneration] = /^session-([0-9a-z]{26})-(\d{1,6})$/.exec(name) ?? [];
      expect(`${readId} ${readGeneration}`).toBe(`${id} ${generation}`);
    }
    expect(names.size).toBe(10_000);
    console.log(`${names.size} names, 0 met twice`);
  });
});
