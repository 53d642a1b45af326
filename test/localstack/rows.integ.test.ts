/** Every row of the fixture table as a session of the deployed platform, against what it is on this machine. */
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import { countsOf } from '../../lib/sessions/attempt-items.ts';
import { foldHistory } from '../../lib/sessions/fold.ts';
import type { SessionItem } from '../../lib/sessions/items.ts';
import { objectKeys } from '../../lib/storage-layout.ts';
import { freshName } from '../contract/target.ts';
import { eventually } from '../eventually.ts';
import { rows } from '../fixtures/pipelines.ts';
import { runRow, tinyBudget } from '../sessions/fixture-run.ts';
import { type Deploy, deployer } from './deployer.ts';
import { deployApp, main } from './platforms.ts';

let deploy: Deploy;
beforeAll(async () => {
  await deployApp();
  deploy = await deployer();
});

interface Run {
  readonly name: string;
  readonly row: (typeof rows)[number];
  /** Of a machine. @default everything fits into one */
  readonly budget?: typeof tinyBudget;
}

/** Those that are run in several machines as well: each kind of node, at one machine's end and another one's beginning. */
const cut: readonly string[] = ['n-graph', 'gated', 'gated-map', 'conditional-taken', 'map-branch', 'failing'];
/**
 * Not there: a Parallel of LocalStack ends with what nobody may catch, where an error that is named States.… leaves one
 * of its branches, and so does a call that is tried again.
 */
const notThere: readonly string[] = ['calling'];
const runs: readonly Run[] = [
  ...rows.filter(({ name }) => !notThere.includes(name)).map((row) => ({ name: row.name, row })),
  ...rows
    .filter(({ name }) => cut.includes(name))
    .map((row) => {
      const id = `cut-${row.pipeline.ir.id}`;
      const pipeline = { ...row.pipeline, ir: { ...row.pipeline.ir, id } };
      return { name: `${row.name} in several machines`, row: { ...row, pipeline }, budget: tinyBudget };
    }),
];

/** What the same row comes to in the engine of this machine: its end, its counts, and every attempt of every job. */
async function local({ row, budget }: Run) {
  const { artifact, events } = await runRow(row, budget);
  if (budget !== undefined) expect(artifact.shards).not.toBeUndefined();
  const seen = foldHistory(artifact, events);
  const attempts = seen.jobs.flatMap(({ job, attempts: all }) =>
    all.map(({ number, status }) => `${job} ${number} ${status}`),
  );
  const { status, output, error } = seen;
  return { status, output, error: error?.name, ...countsOf(seen), attempts: attempts.sort() };
}

/** The same of a session that has ended there, by its records. */
async function recorded({ session_id: session, status, output, error_code: error, ...counts }: SessionItem) {
  return {
    status,
    output: output === undefined ? undefined : JSON.parse(output),
    error,
    total_jobs: counts.total_jobs,
    completed_jobs: counts.completed_jobs,
    failed_jobs: counts.failed_jobs,
    ...(counts.compensation === undefined ? {} : { compensation: counts.compensation }),
    attempts: (await main.attemptsOf(session)).attempts,
  };
}

/** How far the jobs beside one that fails have come by then is no matter of the pipeline. */
function comparable(end: Awaited<ReturnType<typeof recorded>>) {
  if (end.status !== 'failed') return end;
  const { completed_jobs: _, attempts, ...rest } = end;
  return { ...rest, attempts: attempts.filter((one) => one.endsWith(' failed')) };
}

describe('a session of a pipeline of the fixture table', () => {
  it.concurrent.each(runs.map((run) => [run.name, run] as const))('%s is what it is here', async (_name, run) => {
    const { row, budget } = run;
    await deploy(row.pipeline, budget);
    // Its function may be cut off where the machine is busy; whoever starts a session by a key may do it again.
    const request = { pipeline: row.pipeline.ir.id, input: row.input, key: freshName('row') };
    const start = () => main.start(request);
    const { session_id: session } = await eventually(`a session of ${row.name}`, start, () => true);
    const item = await main.ended(session);
    const there = await recorded(item);
    expect(comparable(there)).toStrictEqual(comparable(await local(run)));
    expect(there).toMatchObject(
      'output' in row.expected
        ? { status: 'completed', output: row.expected.output }
        : { status: 'failed', error: row.expected.error },
    );
    const Key = objectKeys.report({ createdAt: item.created_at, session });
    const report = await main.deps.s3.send(new GetObjectCommand({ Bucket: main.deps.names.bucket, Key }));
    expect(await report.Body?.transformToString()).toContain(session);
  });
});
