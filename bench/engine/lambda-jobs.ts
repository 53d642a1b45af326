/**
 * 200 jobs that work for a millisecond, from the start of the execution to its end, as `bunsui run` would run them:
 * real processes, the durable journal, and the wrapper with its checkpoint in the table. What is not work is overhead; it
 * is told per job, with the wrapper and without it, against what the same number of processors would take for the work.
 */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { localClient } from '../../lib/local/client.ts';
import { openRuntime, type Runtime } from '../../lib/local/runtime.ts';
import { platformEnvironment } from '../../lib/local/deploy.ts';
import { ensurePlatform } from '../../lib/local/platform.ts';
import { median } from './measure.ts';

const jobs = 200;
const runs = 5;
const work = 'const until = performance.now() + 1; while (performance.now() < until);';
const plain = `export const handler = async (event) => { ${work} return { rows: 1 }; };`;
const wrapped = (wrapper: string) => `import { wrapHandler } from ${JSON.stringify(wrapper)};
const schema = { '~standard': { validate: (value) => ({ value }) } };
export const handler = wrapHandler({ id: 'work', input: schema, output: schema }, async () => { ${work} return { rows: 1 }; });`;

/** One Map over the jobs: as many run at once as the runtime lets. */
function machineOf(name: string): object {
  const states = '$states.context';
  const payload = {
    bunsui: {
      job: `{% 'work[' & $string(${states}.Map.Item.Index) & ']' %}`,
      operation: 'work',
      attempt: `{% ${states}.State.RetryCount %}`,
      execution: `{% ${states}.Execution.Id %}`,
      startedAt: `{% ${states}.Execution.StartTime %}`,
      block: {
        session: `{% ${states}.Execution.Name %}`,
        createdAt: `{% ${states}.Execution.StartTime %}`,
        generation: 1,
      },
    },
    input: '{% $states.input %}',
  };
  const call = {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Arguments: { FunctionName: name, Payload: payload },
    Output: '{% $states.result.Payload %}',
    End: true,
  };
  const ItemProcessor = { ProcessorConfig: { Mode: 'INLINE' }, StartAt: 'call', States: { call } };
  const each = { Type: 'Map', Items: '{% $states.input.items %}', ItemProcessor, End: true };
  return { QueryLanguage: 'JSONata', StartAt: 'each', States: { each } };
}

/** Lines to print. */
export async function lambdaJobs(
  folder: string,
  goalMs: number,
  against: (goal: string, isReached: boolean) => string,
): Promise<readonly string[]> {
  const runtime = await openRuntime({ stateDir: join(folder, 'state') });
  try {
    await ensurePlatform(runtime);
    const wrapper = fileURLToPath(new URL('../../lib/wrapper/wrap-handler.ts', import.meta.url));
    const processors = availableParallelism();
    const lines: string[] = [];
    for (const [name, code, note] of [
      ['plain', plain, 'without the wrapper'],
      ['wrapped', wrapped(wrapper), 'with the wrapper and its checkpoints'],
    ] as const) {
      await register(runtime, folder, name, code);
      const perJob = (await timesOf(runtime, name)) / jobs;
      const overhead = perJob - 1 / processors;
      const goal = name === 'plain' ? against(`${goalMs} ms`, overhead <= goalMs) : 'beside it';
      lines.push(
        `${`${jobs} Lambda jobs of 1 ms, ${note}`.padEnd(52)} ${overhead.toFixed(2)} ms overhead per job on ${processors} processors; ${goal}`,
      );
    }
    return lines;
  } finally {
    await runtime.close();
  }
}

async function register(runtime: Runtime, folder: string, name: string, code: string): Promise<void> {
  const handlerFile = join(folder, `${name}.mjs`);
  const stdin = { contents: code, resolveDir: folder };
  const { outputFiles } = await build({ stdin, bundle: true, platform: 'node', format: 'esm', write: false });
  await writeFile(handlerFile, outputFiles[0]?.contents ?? '');
  await localClient(runtime).private('PUT', `functions/${name}`, {
    handlerFile,
    handler: 'handler',
    timeoutSeconds: 60,
    memoryMiB: 256,
    environment: platformEnvironment(runtime),
  });
}

/** Median milliseconds of a run; the first run, which starts the processes, is left out. */
async function timesOf(runtime: Runtime, name: string): Promise<number> {
  const client = localClient(runtime);
  const call = async (action: string, input: object): Promise<Readonly<Record<string, unknown>>> => {
    const answer = await client.json('states', `AWSStepFunctions.${action}`, input);
    if (!answer.ok) throw new Error(`${action}: ${answer.code} ${answer.message}`);
    return answer.value;
  };
  const roleArn = 'arn:aws:iam::000000000000:role/bench';
  const definition = JSON.stringify(machineOf(name));
  const { stateMachineArn } = await call('CreateStateMachine', { name, roleArn, definition });
  const items = Array.from({ length: jobs }, (_, index) => ({ index }));
  const times: number[] = [];
  for (let run = 0; run <= runs; run += 1) {
    const from = performance.now();
    const started = await call('StartExecution', { stateMachineArn, input: JSON.stringify({ items }) });
    for (;;) {
      const { status, error, cause } = await call('DescribeExecution', { executionArn: started['executionArn'] });
      if (status === 'SUCCEEDED') break;
      if (status !== 'RUNNING') throw new Error(`${name} ended as ${status}: ${error} ${cause}`);
      await pause(5);
    }
    if (run > 0) times.push(performance.now() - from);
  }
  return median(times);
}
