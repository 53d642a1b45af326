/**
 * `npm run simulate -- [--seed N] [--seeds COUNT] [--from N] [--first]`: simulated runs, and what does not hold of them. With
 * `--seed` one run, with all that happens in it; `--first` ends with the first that fails. Exit code 1 when something does not hold.
 */
import { parseArgs } from 'node:util';
import { happenings, problemsOf } from './check.ts';
import { simulate } from './world.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    first: { type: 'boolean', default: false },
  },
});
if (values.seed !== undefined) {
  const world = await simulate(Number(values.seed));
  process.stdout.write(`${JSON.stringify(world.program, undefined, 1)}\n${world.trace.join('\n')}\n`);
  for (const event of world.events) process.stdout.write(`${JSON.stringify(event)}\n`);
  process.stdout.write(`${JSON.stringify(world.outcome)}\n`);
  const problems = problemsOf(world);
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  process.exitCode = problems.length > 0 ? 1 : 0;
} else {
  const [from, count] = [Number(values.from), Number(values.seeds)];
  const began = performance.now();
  let failures = 0;
  const totals: Record<string, number> = {};
  for (let seed = from; seed < from + count; seed += 1) {
    const world = await simulate(seed);
    for (const [name, times] of Object.entries(happenings(world))) totals[name] = (totals[name] ?? 0) + times;
    const problems = problemsOf(world);
    if (problems.length === 0) continue;
    failures += 1;
    process.stdout.write(`seed ${seed}: ${problems.slice(0, 3).join('; ')}\n  npm run simulate -- --seed ${seed}\n`);
    if (values.first) break;
  }
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  process.stdout.write(`${count} seeds from ${from} in ${seconds} s: ${failures} failed\n`);
  process.stdout.write(
    `${Object.entries(totals)
      .map(([name, times]) => `${times} ${name}`)
      .join(', ')}\n`,
  );
  process.exitCode = failures > 0 ? 1 : 0;
}
