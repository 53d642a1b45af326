import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ScheduleLoop, startScheduleLoop } from '../../lib/local/schedule-loop.ts';
import { openScheduleStore, type ScheduleStore, type StoredSchedule } from '../../lib/local/schedule-store.ts';
import { temporaryFolder } from './runtimes.ts';

const minute = 60_000;
const start = Date.parse('2026-12-01T12:00:00Z');
const iso = (ms: number) => new Date(ms).toISOString().slice(11, 16);

function schedule(more: Partial<StoredSchedule> = {}): StoredSchedule {
  return {
    group: 'bunsui',
    name: 'p.s',
    expression: 'cron(0 * * * ? *)',
    timezone: 'UTC',
    enabled: true,
    target: { arn: 'arn:aws:lambda:us-east-1:000000000000:function:f', roleArn: 'r', input: '{}' },
    createdAtMs: start,
    updatedAtMs: start,
    doneUntilMs: start,
    catchUp: 'none',
    ...more,
  };
}

/** A machine whose time passes only when somebody says so. */
async function machine(folder: string, schedules: readonly StoredSchedule[]) {
  const opened = await openScheduleStore(folder);
  let writing = 0;
  const store: ScheduleStore = {
    ...opened,
    async change(to) {
      writing += 1;
      await opened.change(to).finally(() => {
        writing -= 1;
      });
    },
  };
  if (schedules.length > 0) await store.change((before) => ({ ...before, schedules }));
  let nowMs = start;
  let waiting: (() => void)[] = [];
  const fired: string[] = [];
  const logged: unknown[] = [];
  let loop: ScheduleLoop | undefined;
  let refuse: (() => void) | undefined;
  /** Resolves when the loop waits and nothing is being written: between two writes there is not a turn of Node's own loop. */
  const settled = async () => {
    for (let calm = 0; calm < 3; ) {
      await new Promise((resolve) => setImmediate(resolve));
      calm = waiting.length > 0 && writing === 0 ? calm + 1 : 0;
    }
  };
  return {
    fired,
    logged,
    store,
    async boot() {
      loop = startScheduleLoop({
        store,
        now: () => nowMs,
        wait: (_ms, signal) =>
          new Promise((resolve) => {
            waiting.push(resolve);
            signal.addEventListener('abort', () => resolve());
          }),
        fire: async ({ name }, at) => {
          refuse?.();
          fired.push(`${name} ${iso(at)}`);
        },
        log: (_level, message, fields) => logged.push([message, fields]),
      });
      await settled();
    },
    /** Time passes and the loop looks at it. */
    async passes(ms: number) {
      nowMs += ms;
      for (const wake of waiting) wake();
      waiting = [];
      await settled();
    },
    sleeps(ms: number) {
      nowMs += ms;
    },
    /** The process is killed with the next firing: before it is noted. */
    diesAtNextFiring() {
      refuse = () => {
        throw new Error('killed');
      };
    },
    halt: async () => loop?.close(),
  };
}

describe('the loop that fires schedules', () => {
  it('fires each time once, in order, and goes on after a restart where it was', async () => {
    const folder = temporaryFolder();
    const one = await machine(folder, [schedule()]);
    await one.boot();
    for (let index = 0; index < 8; index += 1) await one.passes(20 * minute);
    await one.halt();
    expect(one.fired).toStrictEqual(['p.s 13:00', 'p.s 14:00']);
    const two = await machine(folder, []);
    two.sleeps(180 * minute);
    await two.boot();
    expect(two.fired).toStrictEqual(['p.s 15:00']);
    await two.halt();
  });

  it.each([
    ['none', []],
    ['last', ['p.s 17:00']],
    ['all', ['p.s 13:00', 'p.s 14:00', 'p.s 15:00', 'p.s 16:00', 'p.s 17:00']],
  ] as const)('makes up what was due while nobody could fire it: %s', async (catchUp, made) => {
    const it = await machine(temporaryFolder(), [schedule({ catchUp })]);
    it.sleeps(5 * 60 * minute + 30 * minute);
    await it.boot();
    expect(it.fired).toStrictEqual(made);
    await it.passes(30 * minute);
    await it.passes(minute);
    expect(it.fired).toStrictEqual([...made, 'p.s 18:00']);
    const count = 5 - made.length;
    expect(it.logged).toStrictEqual(
      count === 0
        ? []
        : [
            [
              'firings that were due while nobody could fire them are not made up',
              { schedule: 'bunsui/p.s', count, catchUp },
            ],
          ],
    );
    await it.halt();
  });

  it('also when the machine slept with the process in it', async () => {
    const it = await machine(temporaryFolder(), [schedule({ catchUp: 'last' })]);
    await it.boot();
    await it.passes(5 * 60 * minute + 30 * minute);
    expect(it.fired).toStrictEqual(['p.s 17:00']);
    await it.halt();
  });

  it('fires again what was not noted as fired', async () => {
    const folder = temporaryFolder();
    const one = await machine(folder, [schedule()]);
    await one.boot();
    one.diesAtNextFiring();
    await one.passes(60 * minute);
    await one.halt();
    expect(one.fired).toStrictEqual([]);
    const two = await machine(folder, []);
    two.sleeps(60 * minute);
    await two.boot();
    expect(two.fired).toStrictEqual(['p.s 13:00']);
    await two.halt();
  });

  it('fires none that is disabled, and one that is due once only once, gone afterwards if it is to be', async () => {
    const at = 'at(2026-12-01T13:00:00)';
    const it = await machine(temporaryFolder(), [
      schedule({ name: 'off', enabled: false }),
      schedule({ name: 'once', expression: at }),
      schedule({ name: 'gone', expression: at, deleteAfterwards: true }),
    ]);
    await it.boot();
    await it.passes(60 * minute);
    await it.passes(60 * minute);
    expect(it.fired.sort()).toStrictEqual(['gone 13:00', 'once 13:00']);
    expect(it.store.now().schedules.map(({ name }) => name)).toStrictEqual(['off', 'once']);
    await it.halt();
  });

  it('hears of a schedule that is made while it waits', async () => {
    const it = await machine(temporaryFolder(), []);
    await it.boot();
    await it.store.change((before) => ({
      ...before,
      schedules: [schedule({ expression: 'rate(1 minute)', doneUntilMs: start - 1 })],
    }));
    await it.passes(0);
    expect(it.fired).toStrictEqual(['p.s 12:00']);
    await it.halt();
  });

  it('says which file is damaged', async () => {
    const folder = temporaryFolder();
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'schedules.json'), '{"groups":');
    await expect(openScheduleStore(folder)).rejects.toMatchObject({
      code: 'BS4003',
      message: expect.stringContaining('schedules.json'),
    });
  });
});
