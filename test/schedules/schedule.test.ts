import { describe, expect, it } from 'vitest';
import { type LogicalOffset, logicalProblem, writeLogical } from '../../lib/schedules/logical.ts';
import {
  clockChanges,
  dueTimesBetween,
  nextDueTimes,
  parseSchedule,
  type Timing,
  timingProblem,
} from '../../lib/schedules/schedule.ts';

const ms = (text: string) => Date.parse(text);
const iso = (times: readonly number[]) => times.map((at) => new Date(at).toISOString().slice(0, 16));
const timing = (expression: string, more: Partial<Timing> = {}): Timing => ({
  expression,
  timezone: 'UTC',
  createdAtMs: ms('2026-03-01T10:20:30Z'),
  ...more,
});
const next = (expression: string, after: string, more: Partial<Timing> = {}, count = 3) =>
  iso(nextDueTimes(timing(expression, more), ms(after), count));

describe('due times', () => {
  it('of a rate are counted from its creation or its start, days as 24 hours whatever clocks do', () => {
    expect(next('rate(1 hour)', '2026-03-01T10:20:29Z', {}, 2)).toStrictEqual(['2026-03-01T10:20', '2026-03-01T11:20']);
    expect(next('rate(2 days)', '2026-03-07T12:00:00Z', { timezone: 'America/New_York' })).toStrictEqual([
      '2026-03-09T10:20',
      '2026-03-11T10:20',
      '2026-03-13T10:20',
    ]);
    expect(next('rate(7 minutes)', '2020-01-01T00:00:00Z', { start: '2026-03-02T00:00:00Z' }, 2)).toStrictEqual([
      '2026-03-02T00:00',
      '2026-03-02T00:07',
    ]);
  });

  it('of a moment are that moment, once, in its zone', () => {
    expect(next('at(2026-12-01T06:00:00)', '2026-01-01T00:00:00Z', { timezone: 'Asia/Tokyo' })).toStrictEqual([
      '2026-11-30T21:00',
    ]);
    expect(next('at(2026-12-01T06:00:00)', '2026-12-01T06:00:00Z')).toStrictEqual([]);
    // AWS passes over start and end of what is due once.
    const bounds = { start: '2027-01-01T00:00:00Z', end: '2026-01-01T00:00:00Z' };
    expect(next('at(2026-12-01T06:00:00)', '2026-01-01T00:00:00Z', bounds)).toStrictEqual(['2026-12-01T06:00']);
    // Shown twice: the first time.
    expect(next('at(2026-11-01T01:30:00)', '2026-01-01T00:00:00Z', { timezone: 'America/New_York' })).toStrictEqual([
      '2026-11-01T05:30',
    ]);
  });

  it('skip what clocks skip, take the first of what they show twice, and lose no hour of Lord Howe', () => {
    const york = { timezone: 'America/New_York' };
    expect(next('cron(30 2 * * ? *)', '2026-03-07T00:00:00Z', york)).toStrictEqual([
      '2026-03-07T07:30',
      '2026-03-09T06:30',
      '2026-03-10T06:30',
    ]);
    expect(next('cron(30 1 * * ? *)', '2026-11-01T00:00:00Z', york)).toStrictEqual([
      '2026-11-01T05:30',
      '2026-11-02T06:30',
      '2026-11-03T06:30',
    ]);
    // Clocks there are changed by half an hour.
    expect(
      next('cron(0/15 1-2 5 APR ? 2026)', '2026-01-01T00:00:00Z', { timezone: 'Australia/Lord_Howe' }, 9).length,
    ).toBe(8);
  });

  it('keep to start and end, both included', () => {
    const bounds = { start: '2026-03-02T06:00:00.000Z', end: '2026-03-04T06:00:00.000Z' };
    expect(next('cron(0 6 * * ? *)', '2020-01-01T00:00:00Z', bounds, 9)).toStrictEqual([
      '2026-03-02T06:00',
      '2026-03-03T06:00',
      '2026-03-04T06:00',
    ]);
  });

  it('between two moments are all or, when there are too many, none', () => {
    const every = timing('cron(0 * * * ? *)');
    const between = (max: number) =>
      dueTimesBetween(every, ms('2026-03-01T00:00:00Z'), ms('2026-03-01T03:00:00Z'), max);
    expect(iso(between(3) ?? [])).toStrictEqual(['2026-03-01T01:00', '2026-03-01T02:00', '2026-03-01T03:00']);
    expect(between(2)).toBeUndefined();
    expect(nextDueTimes(every, 0, 0)).toStrictEqual([]);
    expect(() => nextDueTimes(timing('often'), 0, 1)).toThrow(RangeError);
  });
});

describe('changes of clocks', () => {
  const changes = (expression: string, timezone: string) =>
    clockChanges(timing(expression, { timezone }), ms('2026-03-01T00:00:00Z'), ms('2027-03-01T00:00:00Z'));
  it('are told where a schedule meets them', () => {
    expect(changes('cron(30 1,2 * * ? *)', 'Europe/Berlin')).toStrictEqual([
      { localTime: '2026-03-29T02:30', kind: 'skipped' },
      { localTime: '2026-10-25T02:30', kind: 'twice' },
    ]);
    expect(changes('cron(30 2 ? * MON *)', 'Europe/Berlin')).toStrictEqual([]);
    expect(changes('cron(30 2 * * ? *)', 'Asia/Tokyo')).toStrictEqual([]);
    expect([changes('rate(1 hour)', 'Europe/Berlin'), changes('never', 'Europe/Berlin')]).toStrictEqual([[], []]);
  });
});

describe('what is no schedule', () => {
  it.each([
    ['', '"" is no schedule'],
    ['cron(0 6 * * ?)', 'cron(…) has six fields, and there is 5 fields'],
    ['cron()', 'cron(…) has six fields, and there is nothing'],
    ['cron(0 6 ? * ? *)', 'day of month is "?" and day of week is "?"'],
    ['cron(60 6 * * ? *)', 'minutes is "60"'],
    ['cron(0 6-4 * * ? *)', 'hours is "6-4", which runs backwards'],
    ['cron(0/0 6 * * ? *)', 'minutes is "0/0"'],
    ['cron(0/1/2 6 * * ? *)', 'minutes is "0/1/2"'],
    ['cron(1-2-3 6 * * ? *)', 'minutes is "1-2-3"'],
    ['cron(, 6 * * ? *)', 'minutes is ","'],
    ['cron(0 6 L,1 * ? *)', 'day of month is "L,1"; L and W stand alone, as in "L", "15W"'],
    ['cron(0 6 32W * ? *)', 'day of month is "32W"'],
    ['cron(0 6 ? * 0 *)', 'day of week is "0"'],
    ['cron(0 6 ? * 2#6 *)', 'day of week is "2#6"; "#" is followed by 1 to 5, once, as in "2#1": the first Monday'],
    [
      'cron(0 6 ? * 2#1,3#1 *)',
      'day of week is "2#1,3#1"; "#" is followed by 1 to 5, once, as in "2#1": the first Monday',
    ],
    ['cron(0 6 1 JANUARY ? *)', 'month is "JANUARY"'],
    ['cron(0 6 30 2 ? *)', 'no year has such a day: 0 6 30 2 ? *'],
    ['cron(0 6 29 2 ? 2027)', 'no year has such a day: 0 6 29 2 ? 2027'],
    ['cron(0 6 1 * ? 2200)', 'year is "2200"'],
    ['rate(1)', 'rate(…) holds "1"'],
    ['rate(1.5 hours)', 'rate(…) holds "1.5 hours"'],
    ['rate(99999999 days)', 'rate(…) holds "99999999 days"'],
    ['at(2026-02-30T00:00:00)', 'at(…) holds "2026-02-30T00:00:00", which is no date and time'],
    ['at(2026-02-03)', 'at(…) holds "2026-02-03", which is no date and time'],
  ])('%s', (expression, message) => {
    expect(parseSchedule(expression)).toMatchObject({ message });
  });

  it.each(['Mars/Olympus', '+09:00', 'JST', 'asia/tokyo', '', '../etc', 'Asia'])('the zone %s', (timezone) => {
    expect(timingProblem({ expression: 'rate(1 day)', timezone })?.message).toBe(
      `there is no time zone ${JSON.stringify(timezone)}`,
    );
  });

  it.each(['UTC', 'Asia/Tokyo', 'America/Argentina/Buenos_Aires', 'Etc/GMT-14'])(
    'but the zone %s is one',
    (timezone) => {
      expect(timingProblem({ expression: 'rate(1 day)', timezone })).toBeUndefined();
    },
  );
});

describe('logical times', () => {
  const at = ms('2026-03-31T15:04:05Z');
  it.each<[string, string, LogicalOffset | undefined, string]>([
    ['yyyy-MM-dd', 'Asia/Tokyo', undefined, '2026-04-01'],
    ['yyyy-MM-dd', 'Asia/Tokyo', { days: -1 }, '2026-03-31'],
    ['yyyy/MM', 'UTC', { months: -1 }, '2026/02'],
    ['yyyy-MM-dd', 'UTC', { months: -1 }, '2026-02-28'],
    ['yyyy-MM-dd', 'UTC', { years: -1, months: 11, days: 1 }, '2026-03-01'],
    ["yyyy-MM-dd'T'HH:mm:ssXXX", 'Asia/Kolkata', undefined, '2026-03-31T20:34:05+05:30'],
    ["HH 'o''clock' XXX", 'America/New_York', { hours: 1, minutes: -5 }, "11 o'clock -04:00"],
    ["yyyyMMdd'Z'XXX''", 'UTC', undefined, "20260331ZZ'"],
  ])('%s in %s, %o later, is %s', (format, zone, offset, text) => {
    expect(logicalProblem(format, offset)).toBeUndefined();
    expect(writeLogical(at, zone, format, offset)).toBe(text);
  });

  it('are refused where a letter has no meaning, a quote is left open or an offset is no whole number', () => {
    expect(
      [
        logicalProblem(''),
        logicalProblem('YYYY'),
        logicalProblem('yyyyT'),
        logicalProblem("yyyy'"),
        logicalProblem('yyy'),
      ].map((problem) => problem?.message),
    ).toStrictEqual([
      'the format has 0 characters',
      'the format holds "YYYY"',
      'the format holds "T"',
      'the format has a single quote too many',
      'the format holds "yyy"',
    ]);
    expect(logicalProblem('yyyy', { weeks: 1 } as LogicalOffset)?.message).toBe('the offset holds weeks: 1');
    expect(logicalProblem('yyyy', { days: 1e6 })?.message).toBe('the offset holds days: 1000000');
  });
});
