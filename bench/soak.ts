/**
 * Long-run behaviour: executions of a small machine, one batch after another, on the executions of a state folder as
 * the runtime opens them. Arguments: how many executions (100,000 unless said), how many at once. Prints memory and
 * descriptors as they go, and their slope over the second half.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '../lib/engine/clock.ts';
import { openExecutions } from '../lib/local/executions.ts';
import { openMachineStore } from '../lib/local/machines.ts';

// What is garbage is not to count, and is collected before each look.
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const [total = 100_000, atOnce = 50] = process.argv.slice(2).map(Number);
if (![total, atOnce].every((count) => Number.isInteger(count) && count > 0)) {
  process.stderr.write('soak [executions] [at once]: both are whole numbers above 0\n');
  process.exit(1);
}
const stateDir = mkdtempSync(join(tmpdir(), 'bunsui-soak-'));
const machines = openMachineStore(stateDir);
const task = { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke' };
const definition = await machines.saveDefinition(
  JSON.stringify({
    QueryLanguage: 'JSONata',
    StartAt: 'first',
    States: { first: { ...task, Next: 'second' }, second: { ...task, End: true } },
  }),
);
const machine = {
  name: 'm',
  arn: 'arn:aws:states:us-east-1:000000000000:stateMachine:m',
  roleArn: 'arn:aws:iam::000000000000:role/r',
  definition,
  createdAtMs: 1,
  updatedAtMs: 1,
  revisionId: 'r',
};
let failures = 0;
const executions = await openExecutions({
  stateDir,
  machines,
  clock: systemClock(),
  tasks: { run: async ({ arguments: given }) => ({ ok: true, output: given }) },
  log: (level, message) => {
    failures += level === 'error' ? 1 : 0;
    process.stderr.write(`${level}: ${message}\n`);
  },
  checkFunctions: async () => {},
  announce: async () => {},
  onDriven: () => {},
});

const { signal } = new AbortController();
async function runOne(name: string): Promise<void> {
  const started = await executions.start(machine, name, '{"n":1}');
  if (started === 'exists') throw new Error(`${name} exists`);
  for (let after = 0; ; ) {
    const followed = await executions.follow(started.executionArn, after, signal);
    after += followed?.events.length ?? 0;
    if (followed?.status === 'SUCCEEDED') return;
    if (followed?.status !== 'RUNNING') throw new Error(`${name} ended as ${followed?.status}`);
  }
}

interface Sample {
  readonly done: number;
  readonly rssMiB: number;
  readonly heapMiB: number;
  readonly descriptors: number;
}
const samples: Sample[] = [];
const sample = (done: number): void => {
  collect();
  const { rss, heapUsed } = process.memoryUsage();
  const descriptors = readdirSync('/proc/self/fd').length;
  const one = { done, rssMiB: rss / 2 ** 20, heapMiB: heapUsed / 2 ** 20, descriptors };
  samples.push(one);
  const { rssMiB, heapMiB } = one;
  process.stdout.write(
    `${done}: rss ${rssMiB.toFixed(1)} MiB, heap ${heapMiB.toFixed(1)} MiB, ${descriptors} descriptors\n`,
  );
};

const began = performance.now();
try {
  const step = Math.max(1, Math.floor(total / 20));
  let next = 0;
  while (next < total) {
    const upTo = Math.min(total, next + step);
    const worker = async () => {
      while (next < upTo) await runOne(`e${next++}`);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    sample(next);
  }
  await executions.suspend();
} finally {
  rmSync(stateDir, { recursive: true, force: true });
}
const late = samples.slice(samples.length >> 1);
/** Least squares: MiB for each 10,000 executions. */
const slopeOf = (value: (one: Sample) => number): number => {
  const mean = (of: (one: Sample) => number) => late.reduce((sum, one) => sum + of(one), 0) / late.length;
  const [x, y] = [mean(({ done }) => done), mean(value)];
  const over = late.reduce((sum, one) => sum + (one.done - x) * (value(one) - y), 0);
  return (over / late.reduce((sum, { done }) => sum + (done - x) ** 2, 0)) * 10_000;
};
const seconds = (performance.now() - began) / 1_000;
/** MiB per 10,000 executions. */
const goal = 1;
const [rss, heap] = [slopeOf(({ rssMiB }) => rssMiB), slopeOf(({ heapMiB }) => heapMiB)];
const [from = 0, to = 0] = [late.at(0)?.descriptors, late.at(-1)?.descriptors];
process.stdout.write(
  `${total} executions in ${seconds.toFixed(0)} s: rss ${rss.toFixed(2)} MiB and heap ${heap.toFixed(2)} MiB per 10,000 (goal ${goal}), descriptors ${from} to ${to}, ${failures} errors\n`,
);
// A short run says nothing of slopes; journals of the last executions may just be closing.
const missed = [
  ...(total >= 20_000 && Math.max(rss, heap) > goal ? ['memory grows'] : []),
  ...(to > from + atOnce ? ['descriptors stay open'] : []),
  ...(failures > 0 ? ['errors were logged'] : []),
];
if (missed.length > 0) {
  process.stderr.write(`${missed.join(', ')}\n`);
  process.exitCode = 1;
}
