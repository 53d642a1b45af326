/** Virtual time: a job that fails for a day, tried again by its Retry, and what that takes in real time. */
import { lambda, pipeline } from '../lib/index.ts';
import { runPipeline } from '../lib/testing.ts';
import * as z from 'zod';

const empty = z.object({});
/** 96 tries, a quarter of an hour apart. */
const tries = 96;
const work = lambda('work', { entry: './ladder.ts', input: empty, output: empty });
const ladder = pipeline('ladder', { input: empty }, (p) => {
  p.job('work', work, {}, { retry: { max: tries, delay: '15m', backoff: 1 } });
});

async function once(): Promise<{ readonly realMs: number; readonly hours: number; readonly attempts: number }> {
  const began = performance.now();
  const run = await runPipeline(ladder, {
    input: {},
    operations: {
      work: (_input: never, { attempt }: { readonly attempt: number }) => {
        if (attempt <= tries) throw new Error('not yet');
        return {};
      },
    },
  });
  if (run.status !== 'SUCCEEDED') throw new Error(`the run ended as ${run.status} ${run.error}`);
  return { realMs: performance.now() - began, hours: run.elapsedMs / 3_600_000, attempts: run.attempts.length };
}

const goalMs = 50;
const first = await once();
const rest: number[] = [];
const cpuBefore = process.cpuUsage();
for (let round = 0; round < 20; round += 1) rest.push((await once()).realMs);
const { user, system } = process.cpuUsage(cpuBefore);
const cpuMs = (user + system) / 1_000 / rest.length;
const median = rest.toSorted((a, b) => a - b)[10] ?? 0;
process.stdout.write(
  `${first.attempts} attempts over ${first.hours} h of virtual time: ${median.toFixed(1)} ms (${cpuMs.toFixed(1)} ms of processor), the first run of a process ${first.realMs.toFixed(1)} ms (goal ${goalMs} ms)\n`,
);
// By processor time, which does not depend on what else the machine does.
if (cpuMs > goalMs) {
  process.stderr.write(`a run takes ${cpuMs.toFixed(1)} ms of processor, more than ${goalMs} ms\n`);
  process.exitCode = 1;
}
