import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { objectPath } from '../../lib/local/object-paths.ts';
import { bunsui } from '../chaos/bunsui.ts';
import { expectedFlights, expectedSummary } from './flights-oracle.ts';

const pipeline = fileURLToPath(new URL('../../pipelines/flights/pipeline.ts', import.meta.url));
// Inside the project, as a user's is: the functions find the installed data set from there.
const folder = mkdtempSync(fileURLToPath(new URL('../../.bunsui-test-', import.meta.url)));
const stateDir = join(folder, 'state');
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const bucket = 'bunsui-000000000000-us-east-1';

describe('the flights pipeline, run by the command on the local runtime', () => {
  it('publishes the numbers that other code computes from the same data', async () => {
    const run = await bunsui(['run', pipeline, '--state-dir', stateDir]);
    expect(run.code, run.errors).toBe(0);
    const { output } = run.lines.at(-1) as unknown as {
      readonly output: { readonly summary: string; readonly table: string; readonly quarantine: string };
    };
    const { summary, table, quarantine, ...numbers } = output;
    expect(numbers).toStrictEqual(expectedFlights());
    const published = (key: string) => readFileSync(objectPath(stateDir, bucket, key), 'utf8');
    expect(JSON.parse(published(summary))).toStrictEqual(expectedSummary());
    expect(published(table).split('\n').length).toBeGreaterThan(8);
    expect(published(quarantine).trimEnd().split('\n').length).toBe(1 + Number(expectedFlights().rejected));
  });

  it('fails on demand, after its retries, at the job that was named', async () => {
    const run = await bunsui(['run', pipeline, '-p', 'fail=by-weather', '--state-dir', stateDir]);
    expect(run.code).toBe(1);
    expect(
      run.lines.filter(({ type }) => type === 'job.retrying').map(({ job, attempt }) => [job, attempt]),
    ).toStrictEqual([
      ['by-weather', 1],
      ['by-weather', 2],
    ]);
    expect(run.lines.find(({ type }) => type === 'job.failed')).toMatchObject({
      job: 'by-weather',
      attempt: 3,
      error: { name: 'RehearsedFailure' },
    });
  });
});
