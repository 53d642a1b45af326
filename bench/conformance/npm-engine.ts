/**
 * The same cases on npm aws-local-stepfunctions, compared as ours are but for causes, which it words by itself: executions
 * and rows of tables. It records no history, and has neither TestState nor ValidateStateMachineDefinition.
 */
import { Worker } from 'node:worker_threads';
import type { Case, Row } from './cases.ts';
import { sameResult } from './compare.ts';
import type { NpmAnswer, NpmRequest } from './npm-worker.ts';

const caseLimitMs = 3_000;
const memoryMiB = 512;

export interface NpmScore {
  readonly passed: number;
  readonly of: number;
}
export interface NpmScores {
  /** By query language, each over all executions and over those that call no service. */
  readonly executions: ReadonlyMap<string, { readonly all: NpmScore; readonly plain: NpmScore }>;
  readonly rows: NpmScore;
}

/** One thread after another: a new one when a case has not ended in time, or has ended the thread. */
function openNpm(): { run(request: NpmRequest): Promise<NpmAnswer | undefined>; close(): Promise<void> } {
  let worker: Worker | undefined;
  const ready = () => {
    worker ??= new Worker(new URL('npm-worker.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: memoryMiB },
      stderr: true,
    });
    return worker;
  };
  const drop = async () => {
    const last = worker;
    worker = undefined;
    await last?.terminate();
  };
  return {
    async run(request) {
      const at = ready();
      const answer = await new Promise<NpmAnswer | undefined>((resolve) => {
        const timer = setTimeout(() => resolve(undefined), caseLimitMs);
        const end = (value?: NpmAnswer) => {
          clearTimeout(timer);
          for (const event of ['message', 'error', 'exit']) at.off(event, heard[event as keyof typeof heard]);
          resolve(value);
        };
        const heard = { message: (value: NpmAnswer) => end(value), error: () => end(), exit: () => end() };
        at.on('message', heard.message).on('error', heard.error).on('exit', heard.exit);
        at.postMessage(request);
      });
      if (answer === undefined) await drop();
      return answer;
    },
    close: drop,
  };
}

/** The context object that a case needs. */
function contextOf({ execution, input = {} }: Case): NpmRequest['context'] {
  const { arn = '', name = '', stateMachineArn = '' } = execution ?? {};
  return {
    Execution: { Id: arn, Input: input, Name: name, RoleArn: '', StartTime: '2026-01-01T00:00:00.000Z' },
    StateMachine: { Id: stateMachineArn, Name: stateMachineArn.split(':').at(-1) ?? '' },
    State: { EnteredTime: '2026-01-01T00:00:00.000Z', Name: '', RetryCount: 0 },
    Task: { Token: 'token' },
  };
}

/** Replays all executions and tables. */
export async function replayOnNpm(cases: readonly Case[]): Promise<NpmScores> {
  const npm = openNpm();
  const passes = async (recorded: Case): Promise<boolean> => {
    const answer = await npm.run({ recorded, context: contextOf(recorded) });
    const { cause: _, ...expected } = recorded.expected;
    return answer !== undefined && sameResult({ ...recorded, expected }, answer);
  };
  const executions = new Map<string, { all: NpmScore; plain: NpmScore }>();
  const plus = ({ passed, of }: NpmScore, isPassed: boolean): NpmScore => ({
    passed: passed + Number(isPassed),
    of: of + 1,
  });
  const none: NpmScore = { passed: 0, of: 0 };
  let rows = none;
  for (const recorded of cases) {
    if (recorded.kind === 'table') {
      for (const row of recorded.rows ?? []) rows = plus(rows, await passes(asCase(recorded, row)));
    } else if (recorded.kind === 'execution') {
      const { queryLanguage = '', services = [] } = recorded;
      const { all, plain } = executions.get(queryLanguage) ?? { all: none, plain: none };
      const isPassed = await passes(recorded);
      executions.set(queryLanguage, {
        all: plus(all, isPassed),
        plain: services.length === 0 ? plus(plain, isPassed) : plain,
      });
    }
  }
  await npm.close();
  return { executions, rows };
}

function asCase(table: Case, row: Row): Case {
  return { ...table, ...row };
}

/** The scores as lines. */
export function shownScores({ executions, rows }: NpmScores): readonly string[] {
  const show = ({ passed, of }: NpmScore) => `${passed}/${of}`;
  return [
    ...[...executions].map(
      ([language, { all, plain }]) =>
        `npm aws-local-stepfunctions, ${language}: result ${show(all)}, without services ${show(plain)}`,
    ),
    `npm aws-local-stepfunctions, Choice: rows ${show(rows)}`,
  ];
}
