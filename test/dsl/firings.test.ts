import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { event, eventField, logical, pipelineSucceeded, s3 } from '../../lib/dsl/firings.ts';
import { lambda } from '../../lib/dsl/operations/lambda.ts';
import { pipeline } from '../../lib/dsl/pipeline.ts';
import type { PipelineOptions } from '../../lib/dsl/scope.ts';
import type { Schema } from '../../lib/dsl/schemas.ts';
import { policyOf } from '../../lib/ir/policy.ts';

const load = lambda('load', { entry: '/h.ts', input: z.object({ date: z.string() }), output: z.object({}) });
const input = z.object({
  date: z.iso.date(),
  rows: z.int().optional(),
  mode: z.enum(['full', 'part']).default('full'),
});
type Options = PipelineOptions<typeof input, Schema>;

/** Options as JavaScript may write them: what types refuse must be refused by the check. */
function record(options: { readonly [key in keyof Options]?: unknown }) {
  return pipeline('daily', { input, ...options } as never, (p) => {
    p.job('load', load, { date: 'd' });
  });
}
const mistakesOf = (options: Parameters<typeof record>[0]) =>
  record(options).diagnostics.map(({ code, message, path, hint }) => ({ code, message, at: path.join('.'), hint }));
const date = logical('yyyy-MM-dd');
const schedule = (more: object) => ({ schedule: { rate: '1 day', input: { date }, ...more } });

describe('schedules and triggers', () => {
  const complete = pipeline(
    'daily',
    {
      input,
      schedule: [
        { cron: '0 6 * * ? *', timezone: 'Asia/Tokyo', input: { date: logical('yyyy-MM-dd', { days: -1 }), rows: 2 } },
        {
          id: 'hourly',
          rate: '1 hours',
          window: '15m',
          start: '2026-12-01T00:00:00+09:00',
          end: '2027-01-01T00:00:00Z',
          enabled: false,
          catchUp: 'all',
          input: { date },
        },
        { id: 'once', at: '2026-12-01T06:00:00', input: { date: '2026-12-01' } },
      ],
      on: [
        s3('incoming', { prefix: 'in/', suffix: '.csv', input: { date: eventField('detail.object.key') } }),
        event({ source: ['shop'] }, { bus: 'orders', input: { date: eventField('detail.day') } }),
        pipelineSucceeded({ id: 'ingest' }, { input: { date: eventField('detail.output.date') } }),
      ],
      overlap: 'queue',
      notify: [
        { on: 'failed', to: 'ops' },
        { on: ['started', 'deadline'], to: ['ops', 'team'] },
      ],
      deadline: '2h',
    },
    (p) => {
      p.job('load', load, { date: 'd' });
    },
  );

  it('are recorded in the words of AWS', () => {
    expect(complete.diagnostics).toStrictEqual([]);
    expect(policyOf(complete.ir)).toStrictEqual({
      schedules: [
        {
          id: 'schedule',
          expression: 'cron(0 6 * * ? *)',
          timezone: 'Asia/Tokyo',
          enabled: true,
          input: { date: { 'bunsui:logical': { format: 'yyyy-MM-dd', offset: { days: -1 } } }, rows: 2 },
          catchUp: 'none',
        },
        {
          id: 'hourly',
          expression: 'rate(1 hour)',
          timezone: 'UTC',
          flexibleWindowMinutes: 15,
          start: '2026-11-30T15:00:00.000Z',
          end: '2027-01-01T00:00:00.000Z',
          enabled: false,
          input: { date: { 'bunsui:logical': 'yyyy-MM-dd' } },
          catchUp: 'all',
        },
        {
          id: 'once',
          expression: 'at(2026-12-01T06:00:00)',
          timezone: 'UTC',
          enabled: true,
          input: { date: '2026-12-01' },
          catchUp: 'none',
        },
      ],
      triggers: [
        {
          id: 's3',
          kind: 's3',
          bucket: 'incoming',
          prefix: 'in/',
          suffix: '.csv',
          input: { date: { 'bunsui:event': 'detail.object.key' } },
        },
        {
          id: 'event',
          kind: 'event',
          pattern: { source: ['shop'] },
          bus: 'orders',
          input: { date: { 'bunsui:event': 'detail.day' } },
        },
        {
          id: 'ingest',
          kind: 'pipeline',
          pipeline: 'ingest',
          input: { date: { 'bunsui:event': 'detail.output.date' } },
        },
      ],
      overlap: 'queue',
      notify: [
        { on: ['failed'], to: ['ops'] },
        { on: ['started', 'deadline'], to: ['ops', 'team'] },
      ],
      deadlineSeconds: 7200,
    });
    const [first, second] = complete.ir.triggers ?? [];
    expect([first?.source.file, (second?.source.line ?? 0) - (first?.source.line ?? 0)]).toStrictEqual([
      import.meta.filename,
      1,
    ]);
  });

  it('make another version of a pipeline when they change, and where they stand in the file does not', () => {
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    const versionOf = (options: Parameters<typeof record>[0]) => {
      const result = compilePipeline(record(options).ir, { sha256 });
      return result.ok ? result.artifact.version : result.diagnostics;
    };
    const [none, daily, later, again] = [{}, schedule({}), schedule({ catchUp: 'all' }), schedule({})].map(versionOf);
    expect(new Set([none, daily, later]).size).toBe(3);
    expect(again).toStrictEqual(daily);
  });

  it('are refused with what to write, all at once', () => {
    const first = (options: Parameters<typeof record>[0]) =>
      mistakesOf(options).map(({ code, message }) => [code, message]);
    expect(first(schedule({ rate: undefined, cron: '0 6 31 2 ? *' }))).toStrictEqual([
      ['BS1116', 'schedule "schedule": no year has such a day: 0 6 31 2 ? *'],
    ]);
    expect(first(schedule({ rate: '0 days', timezone: 'Mars/Olympus', window: '2d' }))).toStrictEqual([
      ['BS1116', 'schedule "schedule": rate(…) holds "0 days"'],
      ['BS1116', 'schedule "schedule": the window is 2880 minutes'],
    ]);
    expect(mistakesOf(schedule({ timezone: 'asia/tokyo' }))).toStrictEqual([
      {
        code: 'BS1116',
        message: 'schedule "schedule": there is no time zone "asia/tokyo"',
        at: 'daily.schedule.expression',
        hint: 'did you mean "Asia/Tokyo"?',
      },
    ]);
    expect(first(schedule({ start: 'tomorrow', end: '2026-12-01T00:00:00Z' }))).toStrictEqual([
      ['BS1116', 'schedule "schedule": start is "tomorrow"'],
      ['BS1116', 'schedule "schedule": it ends at 2026-12-01T00:00:00.000Z, and starts at tomorrow'],
    ]);
    expect(
      first({
        schedule: [
          { rate: '1 day', input: { date } },
          { rate: '2 days', input: { date } },
        ],
      }),
    ).toStrictEqual([['BS1116', 'two schedules or triggers are named "schedule"']]);
    expect(first(schedule({ id: '../x' }))).toStrictEqual([['BS1101', 'the schedule id "../x" is not allowed']]);
    // What was in the past is no mistake: it has been.
    expect(first(schedule({ rate: undefined, at: '2020-01-01T00:00:00' }))).toStrictEqual([]);
    expect(first(schedule({ rate: undefined, at: '2026-03-29T02:30:00', timezone: 'Europe/Berlin' }))).toStrictEqual([
      [
        'BS1116',
        'schedule "schedule": clocks in Europe/Berlin never show 2026-03-29T02:30:00: they are put forward over it',
      ],
    ]);
  });

  it('give an input that the schema takes', () => {
    const messages = (given: unknown) => mistakesOf(schedule({ input: given })).map(({ message, at }) => [at, message]);
    expect(messages(undefined)).toStrictEqual([
      ['daily.schedule.input.date', 'schedule "schedule": input: date is missing'],
    ]);
    expect(messages({ date, more: 1, rows: date, mode: 'none' })).toStrictEqual([
      ['daily.schedule.input.more', 'schedule "schedule": input: more is not in the schema'],
      ['daily.schedule.input.rows', 'schedule "schedule": input: rows is string, where integer is wanted'],
      ['daily.schedule.input.mode', 'schedule "schedule": input: mode is "none", which is none of "full", "part"'],
    ]);
    expect(messages({ date: logical('yyyy-MM') })).toStrictEqual([
      ['daily.schedule.input.date', 'schedule "schedule": date would be "2026-11", which its schema refuses'],
    ]);
    expect(messages({ date: logical('YYYY-MM-dd') })).toStrictEqual([
      ['daily.schedule.input.date', 'schedule "schedule": date: the format holds "YYYY"'],
    ]);
    expect(messages({ date: logical('yyyy-MM-dd', { days: 0.5 }) })).toStrictEqual([
      ['daily.schedule.input.date', 'schedule "schedule": date: the offset holds days: 0.5'],
    ]);
    expect(messages({ date: eventField('time') })).toStrictEqual([
      ['daily.schedule.input.date', 'schedule "schedule": date uses eventField(…)'],
    ]);
    expect(messages({ date: 1n })[0]).toStrictEqual([
      'daily.schedule.input.date',
      'schedule.input.date is bigint, which JSON cannot hold',
    ]);
  });

  it('refuse triggers that could not be deployed, or would start themselves', () => {
    const messages = (on: readonly unknown[]) => mistakesOf({ on }).map(({ code, message }) => [code, message]);
    const given = { input: { date: eventField('detail.day') } };
    expect(
      messages([s3('Not A Bucket', given), s3('fine', { id: 'x', prefix: 'p'.repeat(1025), ...given })]),
    ).toStrictEqual([
      ['BS1117', 'trigger "s3": the bucket is "Not A Bucket"'],
      ['BS1117', 'trigger "x": prefix and suffix are longer than a key'],
    ]);
    expect(
      messages([event({}, given), event({ detail: { a: 'b' } }, { id: 'x', bus: 'a b', ...given })]),
    ).toStrictEqual([
      ['BS1117', 'trigger "event": the pattern is empty and would fit every event'],
      ['BS1117', 'trigger "x": detail.a is not a list with something in it'],
      ['BS1117', 'trigger "x": the bus is "a b"'],
    ]);
    expect(messages([event({ source: [], detail: { x: ['y'.repeat(2048)] } }, given)])).toStrictEqual([
      ['BS1117', 'trigger "event": source is not a list with something in it'],
      ['BS1117', 'trigger "event": the pattern has 2081 characters'],
    ]);
    expect(
      messages([pipelineSucceeded('daily', given), pipelineSucceeded('a b', { id: 'x', ...given })]),
    ).toStrictEqual([
      ['BS1117', 'trigger "daily": the pipeline would start itself for ever'],
      ['BS1117', 'trigger "x": "a b" is no pipeline\'s id'],
    ]);
    expect(messages([s3('fine', { input: { date, rows: eventField('a..b') } })])).toStrictEqual([
      ['BS1117', 'trigger "s3": date uses logical(…)'],
      ['BS1117', 'trigger "s3": rows: "a..b" is no path of a field'],
    ]);
    expect(messages([s3('fine')])).toStrictEqual([['BS1117', 'trigger "s3": input: date is missing']]);
  });

  it.each([
    ['1h', '1h', 'error', 'the deadline is 3600 seconds, and the timeout ends the session after 3600'],
    ['2h', '1h', 'error', 'the deadline is 7200 seconds, and the timeout ends the session after 3600'],
    [
      '59m',
      '1h',
      'warning',
      'the timeout ends the session 60 seconds after its deadline, which on AWS is told within a minute',
    ],
  ])(
    'refuse a deadline of %s with a timeout of %s: nobody would be told in time (%s)',
    (deadline, timeout, severity, message) => {
      const { diagnostics } = record({ deadline, timeout });
      expect(diagnostics).toMatchObject([{ code: 'BS1143', severity, message, path: ['daily', 'deadline'] }]);
      expect(diagnostics[0]?.source?.file).toMatch(/firings\.test\.ts$/);
    },
  );

  it('take a deadline that leaves time before the timeout', () => {
    expect(record({ deadline: '58m', timeout: '1h' }).diagnostics).toStrictEqual([]);
  });

  it('refuse policies and notices that are none', () => {
    expect(
      mistakesOf({
        overlap: 'sometimes',
        deadline: '0s',
        notify: [
          { on: [], to: [] },
          { on: 'faild', to: 'a b' },
        ],
      }),
    ).toStrictEqual([
      {
        code: 'BS1110',
        message: 'the deadline of the pipeline is 0 seconds',
        at: 'daily.deadline',
        hint: 'whole seconds from 1 to 31536000 are allowed',
      },
      {
        code: 'BS1117',
        message: 'overlap is "sometimes"',
        at: 'daily.overlap',
        hint: 'give one of allow, skip, queue, cancel-running',
      },
      {
        code: 'BS1118',
        message: 'notify: no event is named',
        at: 'daily.notify.0.on',
        hint: 'name some of started, succeeded, failed, cancelled, retrying, deadline, approval',
      },
      {
        code: 'BS1118',
        message: 'notify: no channel is named',
        at: 'daily.notify.0.to',
        hint: 'name a channel of the platform',
      },
      {
        code: 'BS1118',
        message: 'notify: there is no event "faild"',
        at: 'daily.notify.1.on',
        hint: 'did you mean "failed"? There are started, succeeded, failed, cancelled, retrying, deadline, approval',
      },
      {
        code: 'BS1118',
        message: 'notify: "a b" is no channel\'s name',
        at: 'daily.notify.1.to',
        hint: 'a name is a letter, then letters, digits, "-" or "_", 64 at most',
      },
    ]);
  });
});
