/**
 * How fast the engine is, beside others on the same machine in the same run:
 * `node bench/engine.ts [--short] [--endpoint URL]`.
 *
 * The machines run on LocalStack as well where it is installed (`npm run localstack:start` does that), or with `--endpoint` at
 * that running endpoint: their tasks are then calls that it answers by itself. How many times as fast the engine is, is
 * printed. `--short` leaves out LocalStack and the functions, and takes fewer rounds. Figures are transitions per second, as AWS bills them, in
 * the best round; what counts is the ratio, which against npm is that of processor time. Exit code 1 when a goal is
 * missed; with `--short`, when a ratio against npm in memory is below 0.9: the goal is 1, the rest is noise of few rounds.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StateMachine } from 'aws-local-stepfunctions';
import { timeAt } from './engine/endpoint.ts';
import { historyTimes, pagesTime } from './engine/history.ts';
import { lambdaJobs } from './engine/lambda-jobs.ts';
import { openLocalStack } from './engine/localstack.ts';
import { inJsonata, type Machine, shared, taskAnswer } from './engine/machines.ts';
import { best, inTurns, processorRatio, type Run } from './engine/measure.ts';
import { durableRun, engineRun } from './engine/ours.ts';

const isShort = process.argv.includes('--short');
const endpointAt = process.argv.indexOf('--endpoint');
const given = endpointAt < 0 ? undefined : process.argv[endpointAt + 1];
const [rounds, chunkMs] = isShort ? [7, 60] : [21, 150];
const goals = { durablePerSecond: 20_000, lambdaMs: 3, historyMs: 100 };

const folder = mkdtempSync(join(fileURLToPath(new URL('..', import.meta.url)), '.bunsui-bench-'));
let missed = 0;
/** With `--short`, ratios that are worse than noise explains. */
let sunk = 0;
const leastTimesNpm = 0.9;

/** What is reached of a goal. */
function against(goal: string, isReached: boolean): string {
  if (!isReached) missed += 1;
  return `goal ${goal}${isReached ? '' : ', MISSED'}`;
}

function line(what: string, figure: string, note: string): void {
  process.stdout.write(`${what.padEnd(44)} ${figure.padStart(18)}  ${note}\n`);
}

/** npm aws-local-stepfunctions: no history, JSONPath only. */
function npmRun({ definition, input, tasks }: Machine): Run {
  const machine = new StateMachine(definition as never, { validationOptions: { noValidate: true } });
  const taskResourceLocalHandlers = Object.fromEntries(tasks.map((name) => [name, async () => taskAnswer]));
  return () => machine.run(input as never, { overrides: { taskResourceLocalHandlers } }).result;
}

async function transitionsOf(machine: Machine): Promise<number> {
  const { events } = await engineRun(machine)();
  return events.filter(({ type }) => type.endsWith('StateEntered')).length;
}

const perSecond = (transitions: number, ms: number) => (transitions / ms) * 1_000;
const whole = (value: number) => Math.round(value).toLocaleString('en-US');
const times = (value: number) => `${value < 20 ? value.toFixed(2) : whole(value)} ×`;
const rate = (transitions: number, ms: number) => `${whole(perSecond(transitions, ms))}/s`;

const localStack = given === undefined && !isShort ? await openLocalStack() : undefined;
const endpoint = given ?? localStack?.endpoint;
if (endpoint === undefined) {
  const why = isShort ? '--short' : 'it is not installed here; npm run localstack:start installs it';
  process.stdout.write(`the ratio against LocalStack is left out: ${why}\n`);
}
try {
  for (const machine of shared) {
    const transitions = await transitionsOf(machine);
    const runs = [engineRun(machine), durableRun(machine, folder), npmRun(machine)];
    const [memory = [], durable = [], npm = []] = await inTurns(runs, rounds, chunkMs);
    const timesNpm = processorRatio(npm, memory);
    if (timesNpm < leastTimesNpm) sunk += 1;
    line(machine.name, `${transitions}`, 'transitions');
    line(
      '  history in memory',
      rate(transitions, best(memory)),
      `${times(timesNpm)} npm; ${against('1 ×', timesNpm > 1)}`,
    );
    const durableGoal = against('20,000/s', perSecond(transitions, best(durable)) >= goals.durablePerSecond);
    line(
      '  durable journal',
      rate(transitions, best(durable)),
      `${times(best(npm) / best(durable))} npm; ${durableGoal}`,
    );
    line('  npm aws-local-stepfunctions, no history', rate(transitions, best(npm)), '');
    if (endpoint !== undefined) {
      const ms = await timeAt(endpoint, machine);
      const [inMemory, onDisk] = [ms / best(memory), ms / best(durable)];
      line(
        localStack === undefined ? `  ${endpoint}` : '  LocalStack',
        rate(transitions, ms),
        `we: ${times(inMemory)}, durable ${times(onDisk)}; ${against('1,000 ×', inMemory >= 1_000)}, ${against('100 ×', onDisk >= 100)}`,
      );
    }
  }
  for (const machine of inJsonata()) {
    const transitions = await transitionsOf(machine);
    const runs = [engineRun(machine), durableRun(machine, folder)];
    const [memory = [], durable = []] = await inTurns(runs, rounds, chunkMs);
    line(
      machine.name,
      rate(transitions, best(memory)),
      `durable ${rate(transitions, best(durable))}; ${transitions} transitions`,
    );
  }
  const { events, openMs, foldMs, pageMs } = await historyTimes(folder, isShort ? 5 : 15);
  const historyMs = openMs + foldMs + pageMs;
  line(
    `a history of ${whole(events)} events`,
    `${historyMs.toFixed(0)} ms`,
    `open ${openMs.toFixed(0)}, fold ${foldMs.toFixed(0)}, page ${pageMs.toFixed(0)}; ${against('100 ms', historyMs <= goals.historyMs)}`,
  );
  const pagesMs = await pagesTime(folder, isShort ? 3 : 9);
  line(
    '  its pages at the endpoint',
    `${pagesMs.toFixed(0)} ms`,
    'from the first request to the last answer, as read by the client',
  );
  if (!isShort) for (const text of await lambdaJobs(folder, goals.lambdaMs, against)) process.stdout.write(`${text}\n`);
} finally {
  await localStack?.close();
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = (isShort ? sunk : missed) > 0 ? 1 : 0;
