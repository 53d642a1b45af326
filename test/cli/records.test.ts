/** Maps over S3 on the real runtime: records that a job has written, charged one by one and in batches. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bunsui } from './command-line.ts';

const pipelineFile = (name: string) => fileURLToPath(new URL(`./records/${name}.ts`, import.meta.url));
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-records-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function ran(name: string, input: object) {
  const file = join(folder, 'input.json');
  writeFileSync(file, JSON.stringify(input));
  const run = await bunsui(['run', pipelineFile(name), '--input', file, '--json'], { cwd: folder });
  const lines = run.out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly [field: string]: unknown });
  return { code: run.code, err: run.err, lines, end: lines.at(-1) ?? {} };
}

const shown = async () => {
  const { out } = await bunsui(['session', 'show', 'latest', '--json'], { cwd: folder });
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly [field: string]: unknown });
};

describe('a map over S3 on the local runtime', () => {
  it('gives its totals, and the session names the records that have failed', async () => {
    const { code, err, end, lines } = await ran('records', { orders: 9, broken: [4, 7] });
    expect([code, err]).toStrictEqual([0, '']);
    expect(end).toMatchObject({ status: 'completed', output: { total: 9, succeeded: 7, failed: 2 } });
    const ofMap = lines.filter(({ job }) => job === 'charged').map(({ type }) => type);
    expect(ofMap).toStrictEqual(['map.started', 'map.completed']);
    const page = (await bunsui(['session', 'show', 'latest'], { cwd: folder })).out;
    expect(page).toMatch(/completed +charged +7\/9 items/);
    expect(page).toMatch(/failed +charged\[4\] +1 +\d+\.\ds +RangeError: order-4 has no amount/);
    expect(page).toMatch(/failed +charged\[7\] +1 +\d+\.\ds +RangeError: order-7 has no amount/);
    const report = readFileSync(join(folder, /\.bunsui\S+\.html/.exec(page)?.[0] ?? ''), 'utf8');
    expect(report).toContain('order-7 has no amount');
    expect(report).toContain('7 of 9');
  });

  it('fails with too many failures, and the summary names records', async () => {
    const { code, end } = await ran('records', { orders: 6, broken: [0, 1, 2, 3, 4, 5] });
    expect(code).toBe(1);
    expect(end).toMatchObject({
      status: 'failed',
      error: { name: 'States.ExceedToleratedFailureThreshold', job: 'charged' },
    });
    const jobs = (await shown()).flatMap((line) => (Array.isArray(line['jobs']) ? line['jobs'] : [line]));
    const map = jobs.find(({ job_id: id }) => id === 'charged');
    expect(map).toMatchObject({ kind: 'map', job_status: 'failed', iterations: { total: 6, completed: 0 } });
    expect(jobs.filter(({ kind }) => kind === 'record').length).toBeGreaterThanOrEqual(3);
  });

  it('is run again for the records that are others now, and gives for the rest what it gave', async () => {
    expect((await ran('records', { orders: 10, broken: [9] })).end).toMatchObject({
      output: { succeeded: 9, failed: 1 },
    });
    const again = await bunsui(['session', 'rerun', 'latest', '--wait', '-p', 'broken=[]', '--json'], { cwd: folder });
    expect([again.code, JSON.parse(again.out.trimEnd().split('\n').at(-1) ?? '')]).toMatchObject([
      0,
      { status: 'completed', output: { total: 10, succeeded: 10, failed: 0 } },
    ]);
    const ends = async (index: number) => {
      const { out } = await bunsui(['logs', 'filter', 'latest', '--job', `charged[${index}]/charge`], { cwd: folder });
      return out.match(/job (completed|failed)|reused=true/g);
    };
    expect(await ends(0)).toStrictEqual(['job completed', 'job completed', 'reused=true']);
    expect(await ends(9)).toStrictEqual(['job failed', 'job completed']);
  });

  it('gives batches to a job, whose results another one reads', async () => {
    const { code, err, end } = await ran('batches', { orders: 5_000, broken: [17, 4_321] });
    expect([code, err]).toStrictEqual([0, '']);
    expect(end).toMatchObject({ output: { total: 5_000, charged: 4_998, refused: ['order-17', 'order-4321'] } });
  });
});
