/** Executions over files: what is done to a state folder in the tests of crashes and of disks that fail. */
import { join } from 'node:path';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { virtualClock } from '../../lib/engine/clock.ts';
import type { TaskOutcome, TaskRequest, TaskRunner } from '../../lib/engine/ports.ts';
import { makeFolder } from '../../lib/local/durable-files.ts';
import { type Executions, openExecutions } from '../../lib/local/executions.ts';
import { type Machine, type MachineStore, openMachineStore } from '../../lib/local/machines.ts';
import { type OwnerLock, takeOwnerLock } from '../../lib/local/owner-lock.ts';

const task = (more: object) => ({ Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', ...more });
const branch = (name: string, more: object = {}) => ({
  StartAt: name,
  States: { [name]: task({ Arguments: { job: name }, End: true, ...more }) },
});
/** One after another, side by side, over a list; one fails once and is tried again. */
export const definitionText = JSON.stringify({
  QueryLanguage: 'JSONata',
  StartAt: 'first',
  States: {
    first: task({ Arguments: { job: 'first' }, Next: 'both' }),
    both: {
      Type: 'Parallel',
      Branches: [
        branch('left'),
        branch('right', { Retry: [{ ErrorEquals: ['Once'], IntervalSeconds: 1, MaxDelaySeconds: 1, MaxAttempts: 1 }] }),
      ],
      Next: 'each',
    },
    each: {
      Type: 'Map',
      Items: [0, 1],
      ItemProcessor: branch('one', { Arguments: "{% {'job': 'one' & $states.input} %}" }),
      Next: 'last',
    },
    last: task({ Arguments: { job: 'last' }, Output: '{% $states.result.done %}', End: true }),
  },
});

/** One run of a task, and how often its execution is known to have been before it. */
export interface TaskRun {
  readonly execution: string;
  readonly job: string;
  /** Tries and restarts before this one. */
  readonly number: number;
}

export interface Told {
  /** Executions whose start was acknowledged. */
  readonly started: string[];
  readonly runs: TaskRun[];
  /** `execution job` of tasks whose end was shown. */
  readonly completed: string[];
  /** Executions whose end was announced. */
  readonly announced: string[];
  readonly logged: string[];
  /** Executions whose redrive was acknowledged. */
  readonly redriven: string[];
  /** What keeps the execution `broken` from its end has been mended. */
  mended?: true;
}

export const nothingTold = (): Told => ({
  started: [],
  runs: [],
  completed: [],
  announced: [],
  logged: [],
  redriven: [],
});

export interface Folder {
  readonly executions: Executions;
  readonly machine: Machine;
  readonly machines: MachineStore;
  readonly lock: OwnerLock;
  close(): Promise<void>;
}

export const arnOf = (name: string) => `arn:aws:states:us-east-1:000000000000:execution:m:${name}`;
const nameOf = (arn: string) => arn.split(':').at(-1) ?? '';

/** What is otherwise than in the workload. */
export interface Otherwise {
  readonly definition?: string;
  readonly run?: TaskRunner['run'];
}

/** Opens a state folder as the runtime does: the lock, machines, executions. What happens is put into `told`. */
export async function openFolder(stateDir: string, told: Told, otherwise: Otherwise = {}): Promise<Folder> {
  await makeFolder(stateDir);
  const taken = await takeOwnerLock(stateDir);
  if (!taken.ok) throw new Error(`process ${taken.holder.pid} has the lock`);
  const machines = openMachineStore(stateDir);
  const definition = await machines.saveDefinition(otherwise.definition ?? definitionText);
  const machine: Machine = {
    name: 'm',
    arn: 'arn:aws:states:us-east-1:000000000000:stateMachine:m',
    roleArn: 'arn:aws:iam::000000000000:role/r',
    definition,
    createdAtMs: 1,
    updatedAtMs: 1,
    revisionId: 'r',
  };
  await machines.save(machine);
  const executions = await openExecutions({
    stateDir,
    machines,
    clock: virtualClock(Date.parse('2026-03-01T12:00:00Z')),
    tasks: { run: otherwise.run ?? (async (request) => answer(request, told)) },
    log: (level, message) => told.logged.push(`${level}: ${message}`),
    checkFunctions: async () => {},
    announce: async (record) => void told.announced.push(nameOf(record.header.executionArn)),
    onDriven: () => {},
  });
  return {
    executions,
    machine,
    machines,
    lock: taken.lock,
    async close() {
      await executions.suspend();
      await taken.lock.release();
    },
  };
}

function answer({ executionArn, arguments: given, retryCount, restarts }: TaskRequest, told: Told): TaskOutcome {
  const { job } = given as { readonly job: string };
  const execution = nameOf(executionArn);
  const breaks = execution === 'broken' && job === 'last';
  // A redriven state counts from nought again.
  const before = breaks && told.mended ? 1_000 : 0;
  told.runs.push({ execution, job, number: before + retryCount + restarts });
  if (breaks && !told.mended) return { ok: false, error: 'Broken', cause: '' };
  if (job === 'right' && retryCount === 0) return { ok: false, error: 'Once', cause: '' };
  return { ok: true, output: { done: job } };
}

/** Starts an execution. */
export async function startOne(folder: Folder, name: string, told: Told): Promise<void> {
  const started = await folder.executions.start(folder.machine, name, '{"text":"ü"}');
  if (started === 'exists') throw new Error(`${name} exists`);
  told.started.push(name);
}

/** Goes on with the execution that has failed, with what was in its way mended. */
export async function redriveBroken(folder: Folder, told: Told): Promise<void> {
  told.mended = true;
  const redriven = await folder.executions.redrive(arnOf('broken'), 'token');
  if (redriven === undefined || !('atMs' in redriven)) throw new Error(`not redriven: ${JSON.stringify(redriven)}`);
  told.redriven.push('broken');
}

/** What is known of an execution now. */
export async function statusOf(
  folder: Folder,
  name: string,
): Promise<{ readonly status: string; readonly driven: boolean } | undefined> {
  return folder.executions.follow(arnOf(name), 0, AbortSignal.abort());
}

/** Waits for the end of an execution; tasks whose end is shown, after so many events, are put into `told` as they are. */
export async function untilEnd(folder: Folder, name: string, told: Told, after = 0): Promise<string> {
  const { signal } = new AbortController();
  const events: HistoryEvent[] = [];
  for (;;) {
    const news = await folder.executions.follow(arnOf(name), after + events.length, signal);
    if (news === undefined) return 'MISSING';
    events.push(...news.events);
    for (const event of news.events) {
      if (event.type === 'TaskSucceeded') {
        const { output } = event.taskSucceededEventDetails;
        told.completed.push(`${name} ${(JSON.parse(output) as { done: string }).done}`);
      }
    }
    if (news.status !== 'RUNNING') return news.status;
  }
}

/** The folder of the journal of what runs. */
export const openJournals = (stateDir: string) => join(stateDir, 'executions', 'open');
