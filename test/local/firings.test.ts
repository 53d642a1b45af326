import {
  ConflictException,
  CreateScheduleCommand,
  CreateScheduleGroupCommand,
  DeleteScheduleCommand,
  DeleteScheduleGroupCommand,
  GetScheduleCommand,
  GetScheduleGroupCommand,
  ListScheduleGroupsCommand,
  ListSchedulesCommand,
  ResourceNotFoundException,
  SchedulerClient,
  UpdateScheduleCommand,
  ValidationException,
} from '@aws-sdk/client-scheduler';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { localClient } from '../../lib/local/client.ts';
import type { Runtime } from '../../lib/local/runtime.ts';
import { openForTest, registerFunction, temporaryFolder } from './runtimes.ts';

const arn = 'arn:aws:lambda:us-east-1:000000000000:function:starter';
const target = { Arn: arn, RoleArn: 'arn:aws:iam::000000000000:role/r', Input: '{}' };
const off = { Mode: 'OFF' } as const;
const clients = ({ endpoint, region, credentials }: Runtime) => ({ endpoint, region, credentials });
/** Answers with what it was given, as `session_id`; refuses when told to. */
const starter = `export const handler = async (event) => {
  if (event.firing?.schedule === 'bad') throw Object.assign(new Error('no such thing'), { name: 'PipelineError' });
  return { session_id: JSON.stringify(event), outcome: 'created' };
};`;

interface Entry {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A runtime that tells of its firings. */
async function firingRuntime(stateDir?: string) {
  const entries: Entry[] = [];
  let heard = Promise.withResolvers<void>();
  const runtime = await openForTest({
    ...(stateDir === undefined ? {} : { stateDir }),
    log(level, message, fields = {}) {
      entries.push({ level, message, fields });
      heard.resolve();
    },
  });
  await registerFunction(runtime, starter, { name: 'starter' });
  return {
    runtime,
    entries,
    /** Resolves with the first entries that fit, when there are so many. */
    async heard(fits: (entry: Entry) => boolean, count = 1): Promise<readonly Entry[]> {
      for (;;) {
        const found = entries.filter(fits);
        if (found.length >= count) return found;
        heard = Promise.withResolvers<void>();
        await heard.promise;
      }
    },
    deploy: (pipeline: string, schedules: readonly object[], triggers: readonly object[] = []) =>
      localClient(runtime).private('PUT', `firings/${pipeline}`, { functionName: 'starter', schedules, triggers }),
  };
}

describe("the endpoint's Scheduler", () => {
  it('keeps schedules as they were given', async () => {
    const { runtime } = await firingRuntime();
    const scheduler = new SchedulerClient(clients(runtime));
    const made = await scheduler.send(
      new CreateScheduleCommand({
        Name: 'nightly',
        ScheduleExpression: 'cron(30 2 * * ? *)',
        ScheduleExpressionTimezone: 'America/New_York',
        StartDate: new Date('2026-12-01T00:00:00Z'),
        EndDate: new Date('2027-12-01T00:00:00Z'),
        Description: 'at night',
        State: 'DISABLED',
        FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 },
        Target: { ...target, DeadLetterConfig: { Arn: 'arn:aws:sqs:us-east-1:000000000000:dead' } },
      }),
    );
    expect(made.ScheduleArn).toBe('arn:aws:scheduler:us-east-1:000000000000:schedule/default/nightly');
    const {
      $metadata: _,
      CreationDate,
      LastModificationDate,
      ...found
    } = await scheduler.send(new GetScheduleCommand({ Name: 'nightly' }));
    expect(found).toStrictEqual({
      ActionAfterCompletion: 'NONE',
      Arn: made.ScheduleArn,
      Description: 'at night',
      EndDate: new Date('2027-12-01T00:00:00Z'),
      FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 15 },
      GroupName: 'default',
      Name: 'nightly',
      ScheduleExpression: 'cron(30 2 * * ? *)',
      ScheduleExpressionTimezone: 'America/New_York',
      StartDate: new Date('2026-12-01T00:00:00Z'),
      State: 'DISABLED',
      Target: {
        ...target,
        DeadLetterConfig: { Arn: 'arn:aws:sqs:us-east-1:000000000000:dead' },
        RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 },
      },
    });
    expect([CreationDate instanceof Date, LastModificationDate instanceof Date]).toStrictEqual([true, true]);
  });

  it('changes, lists by pages and deletes them, and their groups with them', async () => {
    const { runtime } = await firingRuntime();
    const scheduler = new SchedulerClient(clients(runtime));
    await scheduler.send(new CreateScheduleGroupCommand({ Name: 'g' }));
    const base = { GroupName: 'g', ScheduleExpression: 'rate(1 hour)', FlexibleTimeWindow: off, Target: target };
    for (const Name of ['a', 'b', 'c']) await scheduler.send(new CreateScheduleCommand({ ...base, Name }));
    await scheduler.send(new UpdateScheduleCommand({ ...base, Name: 'b', State: 'DISABLED' }));
    await scheduler.send(new DeleteScheduleCommand({ GroupName: 'g', Name: 'c' }));
    const first = await scheduler.send(new ListSchedulesCommand({ GroupName: 'g', MaxResults: 1 }));
    const rest = await scheduler.send(new ListSchedulesCommand({ GroupName: 'g', NextToken: first.NextToken }));
    expect(
      [...(first.Schedules ?? []), ...(rest.Schedules ?? [])].map(({ Name, State }) => [Name, State]),
    ).toStrictEqual([
      ['a', 'ENABLED'],
      ['b', 'DISABLED'],
    ]);
    const disabled = await scheduler.send(new ListSchedulesCommand({ State: 'DISABLED', NamePrefix: 'b' }));
    expect(disabled.Schedules?.map(({ Name }) => Name)).toStrictEqual(['b']);
    expect((await scheduler.send(new GetScheduleGroupCommand({ Name: 'g' }))).State).toBe('ACTIVE');
    await scheduler.send(new DeleteScheduleGroupCommand({ Name: 'g' }));
    expect(
      (await scheduler.send(new ListScheduleGroupsCommand({}))).ScheduleGroups?.map(({ Name }) => Name),
    ).toStrictEqual(['default']);
    expect((await scheduler.send(new ListSchedulesCommand({}))).Schedules).toStrictEqual([]);
  });

  it('refuses what AWS refuses, and what is not served here', async () => {
    const { runtime } = await firingRuntime();
    const scheduler = new SchedulerClient(clients(runtime));
    const create = (more: object) =>
      scheduler.send(
        new CreateScheduleCommand({
          Name: 'n',
          ScheduleExpression: 'rate(1 hour)',
          FlexibleTimeWindow: off,
          Target: target,
          ...more,
        }),
      );
    await create({});
    await expect(create({})).rejects.toBeInstanceOf(ConflictException);
    await expect(create({ Name: 'a b' })).rejects.toBeInstanceOf(ValidationException);
    await expect(create({ Name: 'm', GroupName: 'none' })).rejects.toBeInstanceOf(ResourceNotFoundException);
    await expect(create({ Name: 'm', ScheduleExpression: 'cron(0 6 31 2 ? *)' })).rejects.toThrow(
      'no year has such a day',
    );
    await expect(create({ Name: 'm', ScheduleExpressionTimezone: 'Mars/Olympus' })).rejects.toThrow('no time zone');
    await expect(
      create({ Name: 'm', Target: { ...target, Arn: 'arn:aws:sqs:us-east-1:000000000000:q' } }),
    ).rejects.toThrow('only functions');
    await expect(create({ Name: 'm', KmsKeyArn: 'arn:aws:kms:us-east-1:000000000000:key/x' })).rejects.toThrow(
      'KmsKeyArn',
    );
    await expect(
      create({ Name: 'm', FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 2000 } }),
    ).rejects.toThrow('1440');
    await expect(scheduler.send(new GetScheduleCommand({ Name: 'none' }))).rejects.toBeInstanceOf(
      ResourceNotFoundException,
    );
    await expect(scheduler.send(new DeleteScheduleGroupCommand({ Name: 'default' }))).rejects.toBeInstanceOf(
      ValidationException,
    );
  });
});

describe('firings on this machine', () => {
  const spec = (id: string, more: object = {}) => ({
    id,
    expression: 'rate(1 hour)',
    timezone: 'UTC',
    enabled: true,
    input: {},
    catchUp: 'none',
    ...more,
  });

  it('call the function as Scheduler does, when somebody has asked for it', async () => {
    const { runtime, heard, deploy, entries } = await firingRuntime();
    await deploy('p', [spec('first'), spec('bad')]);
    expect(entries.filter(({ message }) => message === 'fired')).toStrictEqual([]);
    runtime.startFiring();
    const [entry] = await heard(({ message }) => message === 'fired');
    const { scheduledTime } = entry?.fields ?? {};
    expect(scheduledTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(entry?.fields).toStrictEqual({
      pipeline: 'p',
      schedule: 'first',
      scheduledTime,
      session_id: JSON.stringify({ pipeline: 'p', firing: { kind: 'schedule', schedule: 'first', scheduledTime } }),
      outcome: 'created',
    });
    const [refused] = await heard(({ level }) => level === 'error');
    expect([refused?.message, refused?.fields]).toStrictEqual([
      'a firing started no session: no such thing',
      { pipeline: 'p', schedule: 'bad', scheduledTime, error: 'PipelineError' },
    ]);
  });

  it('keep what an operator has disabled when the same is deployed again, and drop what is not deployed any more', async () => {
    const { runtime, deploy } = await firingRuntime();
    const scheduler = new SchedulerClient(clients(runtime));
    const states = async () =>
      (await scheduler.send(new ListSchedulesCommand({ GroupName: 'bunsui' }))).Schedules?.map(
        ({ Name, State }) => `${Name} ${State}`,
      );
    await deploy('p', [spec('a'), spec('b', { enabled: false })]);
    await deploy('q', [spec('a')]);
    const found = await scheduler.send(new GetScheduleCommand({ GroupName: 'bunsui', Name: 'p.a' }));
    const { Name, GroupName, ScheduleExpression, FlexibleTimeWindow, Target } = found;
    await scheduler.send(
      new UpdateScheduleCommand({ Name, GroupName, ScheduleExpression, FlexibleTimeWindow, Target, State: 'DISABLED' }),
    );
    await deploy('p', [spec('a'), spec('b', { enabled: false })]);
    expect(await states()).toStrictEqual(['p.a DISABLED', 'p.b DISABLED', 'q.a ENABLED']);
    await deploy('p', [spec('a'), spec('b')]);
    expect(await states()).toStrictEqual(['p.a DISABLED', 'p.b ENABLED', 'q.a ENABLED']);
    await deploy('p', [spec('b')]);
    expect(await states()).toStrictEqual(['p.b ENABLED', 'q.a ENABLED']);
  });

  it('go on in the next runtime of the same folder', async () => {
    const stateDir = `${temporaryFolder()}/state`;
    const one = await firingRuntime(stateDir);
    await one.deploy('p', [spec('a')]);
    await one.runtime.close();
    const two = await firingRuntime(stateDir);
    two.runtime.startFiring();
    const [entry] = await two.heard(({ message }) => message === 'fired');
    expect(entry?.fields).toMatchObject({ pipeline: 'p', schedule: 'a' });
  });

  it('hear of objects and events that their triggers mean', async () => {
    const { runtime, heard, deploy } = await firingRuntime();
    await deploy(
      'p',
      [],
      [
        { id: 'object', kind: 's3', bucket: 'incoming', prefix: 'in/', input: {} },
        {
          id: 'order',
          kind: 'event',
          pattern: { source: ['shop'], detail: { total: [{ numeric: ['>', 10] }] } },
          input: {},
        },
        { id: 'odd', kind: 'event', pattern: { source: [{ cidr: 'x' }] }, input: {} },
      ],
    );
    const [warning] = await heard(({ level }) => level === 'warn');
    expect(warning?.message).toBe('trigger odd of p hears nothing here: the operator "cidr" is not served');
    runtime.startFiring();
    const s3 = new S3Client({ ...clients(runtime), forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: 'incoming' }));
    for (const Key of ['out/x', 'in/x y'])
      await s3.send(new PutObjectCommand({ Bucket: 'incoming', Key, Body: 'abc' }));
    const events = new EventBridgeClient(clients(runtime));
    const order = { Source: 'shop', DetailType: 'Order placed' };
    const put = await events.send(
      new PutEventsCommand({ Entries: [5, 50].map((total) => ({ ...order, Detail: JSON.stringify({ total }) })) }),
    );
    const told = await heard(({ message }) => message === 'fired', 2);
    const firing = (trigger: string) => {
      const found = told.find(({ fields }) => fields['trigger'] === trigger)?.fields['session_id'];
      return JSON.parse(String(found)).firing.event;
    };
    expect(firing('object')).toMatchObject({
      source: 'aws.s3',
      'detail-type': 'Object Created',
      region: 'us-east-1',
      resources: ['arn:aws:s3:::incoming'],
      detail: {
        bucket: { name: 'incoming' },
        object: { key: 'in/x y', size: 3, sequencer: expect.stringMatching(/^[0-9A-F]{18}$/) },
      },
    });
    expect(firing('order')).toMatchObject({ id: put.Entries?.[1]?.EventId, source: 'shop', detail: { total: 50 } });
    await expect(events.send(new PutEventsCommand({ Entries: [{ ...order, Detail: 'x' }] }))).rejects.toThrow(
      'Detail is malformed',
    );
    await expect(
      events.send(new PutEventsCommand({ Entries: [{ ...order, Source: 'aws.s3', Detail: '{}' }] })),
    ).rejects.toThrow('Not authorized');
  });
});
