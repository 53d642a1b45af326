/**
 * What the picture of a large pipeline costs: 500 jobs of five shapes, from the pipeline as data to SVG and to Mermaid,
 * folded as `bunsui graph` draws it, beside the same without folding (`--all`), in one run. Medians and their ratio.
 * The first line of each is what a process pays that draws once. Fails above 500 ms.
 */
import { performance } from 'node:perf_hooks';
import { foldGraph } from '../lib/graph/fold.ts';
import { graphOf, nodesOf } from '../lib/graph/graph.ts';
import { toMermaid } from '../lib/graph/mermaid.ts';
import { toSvg } from '../lib/graph/svg.ts';
import type { PipelineIr } from '../lib/ir/nodes.ts';
import { large } from '../test/graph/large.ts';

const jobs = 500;
const goalMs = 500;
const runs = 7;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function timed(work: () => unknown): number {
  const from = performance.now();
  work();
  return performance.now() - from;
}

const folded = (ir: PipelineIr) => foldGraph(graphOf(ir));
const draw = (graph: ReturnType<typeof folded>) => [toSvg(graph), toMermaid(graph)];

let slowest = 0;
for (const [name, make] of Object.entries(large)) {
  const ir = make(jobs);
  const once = timed(() => draw(folded(ir)));
  const times = { folded: [] as number[], whole: [] as number[] };
  for (let run = 0; run < runs; run += 1) {
    times.folded.push(timed(() => draw(folded(ir))));
    if (run < 3) times.whole.push(timed(() => draw(graphOf(ir))));
  }
  const [ours, whole] = [median(times.folded), median(times.whole)];
  slowest = Math.max(slowest, once);
  const shown = nodesOf(folded(ir)).length;
  process.stdout.write(
    `${jobs} jobs, ${name.padEnd(6)}  ${shown} boxes and frames; once ${once.toFixed(0)} ms, median ${ours.toFixed(1)} ms; ` +
      `whole ${whole.toFixed(1)} ms, ${(whole / ours).toFixed(1)} times as long\n`,
  );
}
process.stdout.write(`slowest ${slowest.toFixed(0)} ms, goal ${goalMs} ms\n`);
if (slowest > goalMs) process.exitCode = 1;
