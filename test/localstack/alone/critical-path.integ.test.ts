/**
 * Graphs that need gates take as long as their critical path, no more: measured in the history of the run itself, where
 * the durations of the jobs are those that they had, cold starts and all.
 */
import { beforeAll, expect, it } from 'vitest';
import type { HistoryEvent } from '../../../lib/asl/history.ts';
import { gateErrors } from '../../../lib/gate-layout.ts';
import { foldHistory } from '../../../lib/sessions/fold.ts';
import { readHistory } from '../../../lib/sessions/history.ts';
import { readArtifact } from '../../../lib/sessions/pipelines.ts';
import { type Graph, graphPipeline, graphRows } from '../app/graphs.ts';
import { type Deploy, deployer } from '../deployer.ts';
import { deployApp, main } from '../platforms.ts';

/** Steps of a pipeline without gates, one after another: what a step takes here that does nothing, at the same time. */
const plain: Graph = Object.fromEntries(
  Array.from({ length: 8 }, (_, n) => [`s${n}`, [0.5, n === 0 ? [] : [`s${n - 1}`]] as const]),
);
const budget = { bytes: 4_500, events: 20_000 };

let deploy: Deploy;
beforeAll(async () => {
  await deployApp();
  deploy = await deployer();
  await deploy(graphPipeline('plain', plain));
  for (const { name, graph, cut } of graphRows) await deploy(graphPipeline(name, graph), cut && budget);
});

interface Measured {
  /** From the start of the execution to the end of its last job. */
  readonly ms: number;
  readonly criticalPathMs: number;
  /** What the same jobs would have taken, each level of the graph after the one before. */
  readonly levelsMs: number;
  readonly waits: { readonly waited: number; readonly open: number };
  readonly gates: readonly string[];
  readonly machines: number;
}

async function measure(pipeline: string, graph: Graph): Promise<Measured> {
  const { deps } = main;
  const { session_id: session, execution_arn: executionArn } = await main.start({ pipeline, input: {} });
  const { status, pipeline_version: version } = await main.ended(session);
  expect(status).toBe('completed');
  const artifact = await readArtifact(deps, pipeline, version);
  const events = await readHistory(deps.sfn, executionArn);
  const attempts = foldHistory(artifact, events).jobs.flatMap(({ job, attempts: all }) =>
    all.map(({ startedAt, endedAt = Number.NaN }) => ({ job, startedAt, endedAt })),
  );
  const durations = new Map(attempts.map(({ job, startedAt, endedAt }) => [job, endedAt - startedAt]));
  const machines = [artifact.definition, ...(artifact.shards ?? [])];
  return {
    ms: Math.max(...attempts.map(({ endedAt }) => endedAt)) - (events[0]?.timestamp ?? Number.NaN),
    ...pathsOf(graph, durations),
    waits: waitsIn(events),
    gates: [...new Set(JSON.stringify(machines).match(/(?<=")(latch|flag) [\w-]+/g))].toSorted(),
    machines: machines.length,
  };
}

function pathsOf(graph: Graph, durations: ReadonlyMap<string, number>) {
  const ends = new Map<string, number>();
  const levels = new Map<string, number>();
  const slowest: number[] = [];
  for (const [job, [, after = []]] of Object.entries(graph)) {
    const ms = durations.get(job) ?? Number.NaN;
    const level = Math.max(0, ...after.map((one) => 1 + (levels.get(one) ?? Number.NaN)));
    ends.set(job, ms + Math.max(0, ...after.map((one) => ends.get(one) ?? Number.NaN)));
    levels.set(job, level);
    slowest[level] = Math.max(slowest[level] ?? 0, ms);
  }
  return { criticalPathMs: Math.max(...ends.values()), levelsMs: slowest.reduce((sum, ms) => sum + ms, 0) };
}

function waitsIn(events: readonly HistoryEvent[]) {
  const open = events.filter(
    (event) => event.type === 'TaskFailed' && event.taskFailedEventDetails.error === gateErrors.open,
  ).length;
  const waited = events.filter(
    (event) => event.type === 'TaskSucceeded' && event.taskSucceededEventDetails.resource.includes('waitForTaskToken'),
  ).length;
  return { waited, open };
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;

it('graphs with gates end within a second of their critical paths', async () => {
  const late: string[] = [];
  let rows = graphRows;
  // A machine that does something else for a moment is no matter of the graph: whoever was late has another chance.
  for (let round = 1; round <= 3 && rows.length > 0; round += 1) {
    late.length = 0;
    const [{ ms, criticalPathMs }, ...measured] = await Promise.all([
      measure('plain', plain),
      ...rows.map(({ name, graph }) => measure(name, graph)),
    ]);
    const stepsMs = ms - criticalPathMs;
    process.stdout.write(`eight steps without gates: ${seconds(stepsMs)} more than their jobs take\n`);
    rows = rows.filter(({ name, gates, waits, cut }, index) => {
      const one = measured[index] as Measured;
      const { ms: took, criticalPathMs: path, levelsMs } = one;
      process.stdout.write(
        `${name}: ${seconds(took)}, ${seconds(took - path)} more than its critical path (by levels ${seconds(levelsMs)})\n`,
      );
      expect([one.gates, one.machines > 1]).toStrictEqual([gates, cut === true]);
      const isGood =
        took - path <= 1_000 + stepsMs &&
        took < levelsMs &&
        one.waits.waited === waits.waited &&
        one.waits.open === waits.open;
      if (!isGood) late.push(`${name}: ${JSON.stringify(one)}`);
      return !isGood;
    });
  }
  expect(late).toStrictEqual([]);
});
