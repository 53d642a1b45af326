/** A pipeline that undoes what it has done, as a user sees it: on a laptop, in records and pages, and when it is rerun. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bunsui } from './command-line.ts';

const trip = fileURLToPath(new URL('./trip/trip.ts', import.meta.url));

let folder = '';
let ran: Awaited<ReturnType<typeof bunsui>>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-trip-'));
  ran = await command('run', trip, '-p', `folder=${folder}`);
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const command = (...args: readonly string[]) => bunsui(args, { cwd: folder });
const ledger = () => readFileSync(join(folder, 'ledger'), 'utf8').trim().split('\n');
const shown = async () => {
  const { out } = await command('session', 'show', 'latest', '--json');
  return JSON.parse(out) as {
    readonly status: string;
    readonly error_code?: string;
    readonly compensation?: unknown;
    readonly report?: string;
    readonly jobs: readonly { readonly job_id: string; readonly job_status: string; readonly compensates?: string }[];
  };
};

describe('a pipeline that fails when it has done something', () => {
  it('undoes it, in the reverse order, and says so', () => {
    const [done, undone] = [ledger().slice(0, 4), ledger().slice(4)];
    expect([done.slice(0, 2).toSorted(), done.slice(2)]).toStrictEqual([
      ['+car', '+flight'],
      ['+1A', '+1B'],
    ]);
    expect(undone).toStrictEqual(['-1B', '-1A', '-flight']);
    expect(ran.code).toBe(1);
    expect(ran.out + ran.err).toMatch(/undone: .*flight.*not undone, because their compensations failed: car/);
  });

  it('has records of it that name the jobs', async () => {
    const failed = await shown();
    expect(failed).toMatchObject({ status: 'failed', error_code: 'Declined', compensation: { undone: 3, failed: 1 } });
    const undoing = failed.jobs.flatMap(({ compensates, job_id, job_status }) =>
      compensates === undefined ? [] : [[job_id, compensates, job_status]],
    );
    expect(undoing).toStrictEqual([
      ['undo-flight', 'flight', 'completed'],
      ['undo-car', 'car', 'failed'],
      ['undo-seats[0]/undo-seat', 'seats[1]/seat', 'completed'],
      ['undo-seats[1]/undo-seat', 'seats[0]/seat', 'completed'],
    ]);
    expect(readFileSync(failed.report ?? '', 'utf8')).toContain('their compensations failed: car');
  });

  it('does again in a rerun what was undone, and not what could not be', async () => {
    const { out: plan } = await command('session', 'rerun', 'latest', '--plan');
    expect(plan).toMatch(/flight .*was undone/);
    writeFileSync(join(folder, 'money'), '');
    expect((await command('session', 'rerun', 'latest')).code).toBe(0);
    expect([ledger()[7], ...ledger().slice(8)]).toStrictEqual(['+flight', '+1A', '+1B']);
  }, 180_000);
});
