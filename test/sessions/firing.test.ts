import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BunsuiError } from '../../lib/errors.ts';
import { type Firing, fireSession } from '../../lib/sessions/firing.ts';
import { type FiringWorld, firingWorld, place, type Policy } from './firing-world.ts';
import { type LocalTables, startTables } from './local-tables.ts';

const policy: Policy = {
  schedules: [
    {
      id: 'daily',
      expression: 'cron(0 6 * * ? *)',
      timezone: 'Asia/Tokyo',
      enabled: true,
      input: { day: { 'bunsui:logical': { format: 'yyyy-MM-dd', offset: { days: -1 } } } },
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
    {
      id: 'ingest',
      kind: 'pipeline',
      pipeline: 'ingest',
      input: { day: { 'bunsui:event': 'detail.output.days.0' } },
      source: place,
    },
    {
      id: 'odd',
      kind: 'event',
      pattern: { source: ['x'] },
      input: { day: { 'bunsui:event': 'a.__proto__' } },
      source: place,
    },
  ],
};
const daily = (scheduledTime = '2026-12-01T21:00:00Z'): Firing => ({
  kind: 'schedule',
  schedule: 'daily',
  scheduledTime,
});
const s3Event = (object: object, id = 'e-1'): Firing => ({
  kind: 'event',
  trigger: 's3',
  event: {
    id,
    source: 'aws.s3',
    'detail-type': 'Object Created',
    detail: { bucket: { name: 'incoming' }, object: { key: 'k', sequencer: '01', ...object } },
  },
});
const succeeded = (name: string, id: string, detail: object = {}): Firing => ({
  kind: 'event',
  trigger: 'ingest',
  event: {
    id,
    source: 'aws.states',
    'detail-type': 'Step Functions Execution Status Change',
    detail: {
      executionArn: `arn:aws:states:us-east-1:000000000000:execution:ingest:${name}`,
      status: 'SUCCEEDED',
      input: '{"day":"x","bunsui":{}}',
      output: '{"days":["tue"]}',
      ...detail,
    },
  },
});

let tables: LocalTables;
let world: FiringWorld;
beforeEach(async () => {
  tables = await startTables();
  world = firingWorld(tables);
  await world.deploy(policy);
});
afterEach(() => tables.close());

const fire = (firing: Firing, user?: string) =>
  fireSession(world.start, { pipeline: 'flow', firing, ...(user === undefined ? {} : { user }) });
const refusal = (firing: Firing) =>
  fire(firing).then(
    () => 'no refusal',
    (thrown: unknown) => (thrown instanceof BunsuiError ? `${thrown.code} ${thrown.message}: ${thrown.hint}` : thrown),
  );
const facts = async () =>
  (await world.sessions()).map(({ trigger, input, status, user_name }) => ({
    trigger,
    input,
    status,
    ...(user_name === undefined ? {} : { user_name }),
  }));

describe('a firing of a schedule', () => {
  it('starts a session for its time, with the input that the schedule makes of it', async () => {
    await fire(daily());
    expect(await facts()).toStrictEqual([
      {
        // 06:00 of the second in Tokyo, less a day.
        input: '{"day":"2026-12-01"}',
        status: 'running',
        trigger: { kind: 'schedule', detail: 'daily 2026-12-01T21:00:00.000Z' },
      },
    ]);
  });

  it('starts one, delivered ten times at once and again, by whomever and however its time is written', async () => {
    const same = [daily(), daily('2026-12-02T06:00:00+09:00'), daily('2026-12-01T21:00:00.000Z')];
    const started = await Promise.all([...same, ...same, ...same, daily()].map((firing) => fire(firing)));
    started.push(await fire(daily(), 'ann'));
    expect(new Set(started.map(({ session_id }) => session_id)).size).toBe(1);
    expect(started.map(({ outcome }) => outcome).sort()).toStrictEqual(
      [...'0'.repeat(10)]
        .map(() => 'exists')
        .toSpliced(0, 1, 'created')
        .concat('exists'),
    );
    expect([(await facts()).length, world.executions.size]).toStrictEqual([1, 1]);
  });

  it('starts one for each of two times, and for the same time of two schedules', async () => {
    const [first] = policy.schedules ?? [];
    if (first === undefined) throw new Error('no schedule');
    await world.deploy({ schedules: [first, { ...first, id: 'other' }] }, 'bbbbbbbbbbbb');
    await fire(daily());
    await fire(daily('2026-12-02T21:00:00Z'));
    await fire({ ...daily(), schedule: 'other' } as Firing);
    expect((await facts()).map(({ trigger }) => trigger.detail).sort()).toStrictEqual([
      'daily 2026-12-01T21:00:00.000Z',
      'daily 2026-12-02T21:00:00.000Z',
      'other 2026-12-01T21:00:00.000Z',
    ]);
  });

  it('starts a thousand for a thousand times', { timeout: 600_000 }, async () => {
    const times = Array.from({ length: 1000 }, (_, day) => new Date(Date.UTC(2027, 0, 1 + day, 21)).toISOString());
    while (times.length > 0) await Promise.all(times.splice(0, 50).map((time) => fire(daily(time))));
    const all = await facts();
    expect([all.length, new Set(all.map(({ input }) => input)).size, world.executions.size]).toStrictEqual([
      1000, 1000, 1000,
    ]);
    console.log(`1000 due times: ${all.length} sessions, ${world.executions.size} executions`);
  });

  it('stays the same session when it comes again after another version was deployed', async () => {
    const before = await fire(daily());
    const [first] = policy.schedules ?? [];
    if (first === undefined) throw new Error('no schedule');
    await world.deploy({ schedules: [{ ...first, input: { day: 'new' } }] }, 'bbbbbbbbbbbb');
    expect(await fire(daily())).toStrictEqual({ ...before, outcome: 'exists' });
    await fire(daily('2026-12-02T21:00:00Z'));
    expect((await facts()).map(({ input }) => input)).toStrictEqual(['{"day":"2026-12-01"}', '{"day":"new"}']);
  });

  it('is refused when there is no such schedule, or it tells no time', async () => {
    expect(await refusal({ ...daily(), schedule: 'hourly' } as Firing)).toBe(
      'BS3007 pipeline "flow" has no schedule "hourly": it has daily',
    );
    expect(await refusal(daily('<aws.scheduler.scheduled-time>'))).toBe(
      'BS3001 scheduledTime is "<aws.scheduler.scheduled-time>": give ISO 8601 with a zone, as in "2026-12-01T06:00:00Z"',
    );
    await world.deploy({}, 'bbbbbbbbbbbb');
    expect(await refusal(daily())).toBe('BS3007 pipeline "flow" has no schedule "daily": it has no schedules');
    expect(await facts()).toStrictEqual([]);
  });
});

describe('a firing of an event', () => {
  it('starts one session for an object that was put, told of twice under two ids', async () => {
    await Promise.all([fire(s3Event({ key: 'a/b c.csv' })), fire(s3Event({ key: 'a/b c.csv' }, 'e-2'))]);
    await fire(s3Event({ key: 'a/b c.csv', sequencer: '02' }));
    await fire(s3Event({ key: 'a/b c.csv', sequencer: '02', 'version-id': 'v2' }));
    expect(await facts()).toStrictEqual(
      [1, 2, 3].map(() => ({
        input: '{"day":"a/b c.csv"}',
        status: 'running',
        trigger: { kind: 'event', detail: 's3 s3://incoming/a/b c.csv' },
      })),
    );
  });

  it('reads the output of the pipeline that succeeded, and says how long the chain is', async () => {
    const first = await fire(daily());
    const name = first.execution_arn.split(':').at(-1) ?? '';
    const second = await fire(succeeded(name, 'e-1'));
    await fire(succeeded(name, 'e-2'));
    await fire(succeeded(second.execution_arn.split(':').at(-1) ?? '', 'e-3'));
    await fire(succeeded('by-hand', 'e-4', { output: '{"days":["wed"]}' }));
    expect((await facts()).slice(1)).toStrictEqual(
      [
        ['tue', name, 1],
        ['tue', second.execution_arn.split(':').at(-1), 2],
        ['wed', 'by-hand', 1],
      ].map(([day, execution, chain]) => ({
        input: JSON.stringify({ day }),
        status: 'running',
        trigger: { kind: 'event', detail: `ingest ${execution}`, chain },
      })),
    );
  });

  it('is refused at the end of a chain of ten: pipelines that start each other in a circle come to an end', async () => {
    let name = 'by-hand';
    const chain: unknown[] = [];
    for (let round = 0; round < 10; round += 1) {
      name = (await fire(succeeded(name, `e-${round}`))).execution_arn.split(':').at(-1) ?? '';
      chain.push((await facts()).at(-1)?.trigger.chain);
    }
    expect(chain).toStrictEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(await refusal(succeeded(name, 'e-x'))).toBe(
      'BS3012 pipeline "flow" would be number 11 in a chain of pipelines that start each other: 10 are allowed; look for a circle among the triggers',
    );
    expect((await facts()).length).toBe(10);
  });

  it('gives what the event does not have to the schema to refuse, and never what every object has', async () => {
    expect(await refusal({ kind: 'event', trigger: 'odd', event: { id: 'e', a: {} } })).toBe(
      'BS3001 the input does not fit pipeline "flow": day is required: correct the input; nothing was started',
    );
    expect(await refusal({ kind: 'event', trigger: 'odd', event: { a: 1 } })).toBe(
      'BS3001 the event has no id, by which it would be known again: give the event as EventBridge delivers it',
    );
    expect(await refusal(succeeded('by-hand', 'e', { output: 'not json' }))).toBe(
      'BS3001 the input does not fit pipeline "flow": day is required: correct the input; nothing was started',
    );
  });
});
