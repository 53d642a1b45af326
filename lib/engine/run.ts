/**
 * The engine: runs Amazon States Language, event-sourced. In go a checked definition, an input and the ports (time,
 * chance, tasks, journal); out come AWS-shaped history events.
 *
 * One loop per execution: take what has arrived (task outcomes, wake-ups, a stop), step every runnable thread, append
 * what was decided in one go, and only then act on it: start tasks, show events, settle `done`. While an append is in
 * flight, arrivals queue up for the next turn. Resuming folds the journal and begins at the acting.
 */
import type { ExecutionStatus, HistoryEvent } from '../asl/history.ts';
import { fitsBytes, maxPayloadBytes } from '../asl/json.ts';
import type { EvaluationSources } from '../asl/jsonata.ts';
import { BunsuiError } from '../errors.ts';
import {
  damagedJournal,
  type Execution,
  type ExecutionIdentity,
  newExecution,
  type Outcome,
  rootThreadId,
  type Thread,
} from './execution.ts';
import { applyRecord } from './fold.ts';
import type { EnginePorts, JournalRecord, TaskOutcome } from './ports.ts';
import { isRunnable, step, wakeUpMs } from './step.ts';
import { limitedFailure, recordTaskOutcome, taskRequest } from './task.ts';
import { historyFull, place, type Turn } from './turn.ts';

/** A running (or ended) execution. */
export interface ExecutionHandle {
  /** The durable events so far. */
  readonly events: readonly HistoryEvent[];
  /** RUNNING until the ending event is durable. */
  readonly status: ExecutionStatus;
  /** Status, output (JSON text), error and cause, as far as they are durable. */
  readonly outcome: Outcome;
  /**
   * Resolves with the outcome when the execution has ended and that is durable; with status RUNNING when it was
   * suspended before. Rejects when the journal or a step of the engine fails: nothing more happens then, and the
   * execution can be resumed from its journal.
   */
  readonly done: Promise<Outcome>;
  /** Aborts the execution; resolves when that is durable. Does nothing to one that has ended. */
  stop(error?: string, cause?: string): Promise<void>;
  /** Ceases to work, for a shutdown: aborts task signals, records nothing, waits for an append in flight. */
  suspend(): Promise<void>;
  /** Calls the listener with events as they become durable. Returns what ends that. */
  onEvents(listener: (events: readonly HistoryEvent[]) => void): () => void;
}

/**
 * Begins an execution. `input` is JSON text.
 * @throws {BunsuiError} BS3001 when the input is no JSON, or larger than 256 KiB.
 */
export function startExecution(
  ports: EnginePorts,
  start: ExecutionIdentity & { readonly input: string; readonly startedAtMs?: number },
): ExecutionHandle {
  const { input, roleArn } = start;
  checkInput(input);
  const execution = newExecution(start);
  const turn = newTurn(execution, { ...sourcesOf(ports), now: () => start.startedAtMs ?? ports.clock.now() });
  const executionStartedEventDetails = { input, ...(roleArn === undefined ? {} : { roleArn }) };
  place(turn, rootThreadId, { type: 'ExecutionStarted', executionStartedEventDetails }, 0);
  return drive(ports, execution, turn.records, 0);
}

/**
 * Goes on with an execution from its journal. Tasks that were started and have not ended are run again with the same
 * request; waits and retries keep their recorded deadlines; no recorded expression is evaluated again.
 *
 * @throws {BunsuiError} BS4003 when the records do not fit together.
 */
export function resumeExecution(
  ports: EnginePorts,
  identity: ExecutionIdentity,
  records: readonly JournalRecord[],
): ExecutionHandle {
  const execution = newExecution(identity);
  for (const record of records) applyRecord(execution, record);
  if (execution.events.length === 0) throw damagedJournal('it has no ExecutionStarted');
  return drive(ports, execution, [], execution.events.length);
}

function checkInput(input: string): void {
  const refuse = (found: string): BunsuiError =>
    new BunsuiError('ValidationError', 'BS3001', `the input of the execution ${found}`);
  if (!fitsBytes(input, maxPayloadBytes)) throw refuse(`is larger than ${maxPayloadBytes} bytes`);
  try {
    JSON.parse(input);
  } catch (thrown) {
    throw refuse(`is not JSON: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

function sourcesOf(ports: EnginePorts): EvaluationSources {
  return { now: () => ports.clock.now(), random: ports.random, uuid: ports.uuid };
}

function newTurn(execution: Execution, sources: EvaluationSources): Turn {
  return { execution, sources, records: [] };
}

/** Records per append at most, so that a machine that never waits does not fill the memory before it is written. */
const maxBatch = 1_000;

interface TaskRun {
  readonly scheduledId: number;
  readonly controller: AbortController;
}
interface Alarm {
  readonly atMs: number;
  readonly cancel: () => void;
}
type Arrival =
  | { readonly kind: 'outcome'; readonly thread: Thread; readonly scheduledId: number; readonly outcome: TaskOutcome }
  | { readonly kind: 'wake'; readonly thread: Thread }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'stop'; readonly error?: string; readonly cause?: string };

function drive(
  ports: EnginePorts,
  execution: Execution,
  firstRecords: JournalRecord[],
  durable: number,
): ExecutionHandle {
  const sources = sourcesOf(ports);
  const tasks = new Map<Thread, TaskRun>();
  const alarms = new Map<Thread, Alarm>();
  const queue = new Set<Thread>();
  const listeners = new Set<(events: readonly HistoryEvent[]) => void>();
  // What the records of the batch in hand have changed, to be acted on once they are durable.
  const changed = new Set<Thread>();
  let arrivals: Arrival[] = [];
  const visible: HistoryEvent[] = execution.events.slice(0, durable);
  let outcome: Outcome = { status: 'RUNNING' };
  let records = firstRecords;
  let working: Promise<void> | undefined;
  let halted = false;
  let deadline: Alarm | undefined;
  const { promise: done, resolve: settle, reject: fail } = Promise.withResolvers<Outcome>();
  // Whoever awaits `done` sees the rejection; whoever does not must not be ended by it.
  done.catch(() => undefined);

  const arrive = (arrival: Arrival): void => {
    if (halted) return;
    arrivals.push(arrival);
    wakeUp();
  };

  const wakeUp = (): void => {
    if (working !== undefined || halted) return;
    const release = ports.clock.hold?.();
    working = work()
      .catch(halt)
      .finally(() => {
        working = undefined;
        release?.();
        // Something may have arrived between the last look and here.
        if (arrivals.length > 0) wakeUp();
      });
  };

  const work = async (): Promise<void> => {
    while (!halted) {
      takeArrivals();
      await stepAll();
      if (records.length === 0) return;
      const batch = records;
      records = [];
      const upTo = execution.events.length;
      const touchedNow = [...changed];
      changed.clear();
      await ports.journal.append(batch);
      if (halted) return;
      show(upTo);
      for (const thread of touchedNow) act(thread);
      if (execution.outcome.status !== 'RUNNING') return finishUp();
    }
  };

  const takeArrivals = (): void => {
    const taken = arrivals;
    arrivals = [];
    for (const arrival of taken) {
      if (execution.outcome.status !== 'RUNNING') return;
      const turn = { execution, sources, records };
      if (arrival.kind === 'wake') takeWake(arrival.thread);
      else if (arrival.kind === 'outcome') withinLimit(() => takeOutcome(turn, arrival));
      else if (arrival.kind === 'timeout') place(turn, rootThreadId, { type: 'ExecutionTimedOut' }, 0);
      else {
        const { error, cause } = arrival;
        const executionAbortedEventDetails = limitedFailure({
          ...(error === undefined ? {} : { error }),
          ...(cause === undefined ? {} : { cause }),
        });
        place(turn, rootThreadId, { type: 'ExecutionAborted', executionAbortedEventDetails }, 0);
      }
      takeTouched();
    }
  };

  const takeWake = (thread: Thread): void => {
    alarms.delete(thread);
    // Real timers may ring a moment early.
    if (isRunnable(thread, sources.now())) queue.add(thread);
    else setAlarm(thread);
  };

  const takeOutcome = (turn: Turn, arrival: Arrival & { readonly kind: 'outcome' }): void => {
    const { thread, scheduledId } = arrival;
    tasks.delete(thread);
    const { phase } = thread;
    const awaited =
      execution.threads.get(thread.id) === thread && phase.kind === 'started' && phase.task.scheduledId === scheduledId;
    // An answer that comes after a timeout or the end of its branch is not wanted any more.
    if (awaited) recordTaskOutcome(turn, thread, arrival.outcome);
  };

  const takeTouched = (): void => {
    for (const thread of execution.touched) {
      queue.add(thread);
      changed.add(thread);
    }
    execution.touched.clear();
  };

  /** Steps threads in turn, each once around, until none can go on or the batch is full. */
  const stepAll = async (): Promise<void> => {
    takeTouched();
    for (const thread of queue) {
      if (records.length >= maxBatch || halted) return;
      queue.delete(thread);
      if (execution.threads.get(thread.id) !== thread || !isRunnable(thread, sources.now())) continue;
      const turn = { execution, sources, records };
      try {
        await step(turn, thread);
      } catch (thrown) {
        if (thrown !== historyFull) throw thrown;
      }
      takeTouched();
    }
  };

  const show = (upTo: number): void => {
    const fresh = execution.events.slice(visible.length, upTo);
    if (fresh.length === 0) return;
    visible.push(...fresh);
    if (execution.outcome.status !== 'RUNNING') outcome = execution.outcome;
    for (const listener of listeners) listener(fresh);
  };

  /** Brings tasks and alarms of a thread in line with what is durable of it. */
  const act = (thread: Thread): void => {
    const alive = execution.threads.get(thread.id) === thread;
    const task = alive && thread.phase.kind === 'started' ? thread.phase.task : undefined;
    const run = tasks.get(thread);
    if (run !== undefined && run.scheduledId !== task?.scheduledId) {
      tasks.delete(thread);
      run.controller.abort();
    }
    if (task !== undefined && tasks.get(thread) === undefined) {
      const controller = new AbortController();
      tasks.set(thread, { scheduledId: task.scheduledId, controller });
      void runTask(ports, taskRequest(execution, thread, task), controller.signal).then((answer) =>
        arrive({ kind: 'outcome', thread, scheduledId: task.scheduledId, outcome: answer }),
      );
    }
    setAlarm(thread);
  };

  const setAlarm = (thread: Thread): void => {
    const alive = execution.threads.get(thread.id) === thread;
    const atMs = alive ? wakeUpMs(thread) : undefined;
    const alarm = alarms.get(thread);
    if (alarm?.atMs === atMs) return;
    alarm?.cancel();
    alarms.delete(thread);
    if (atMs === undefined) return;
    const cancel = ports.clock.wakeAt(atMs, () => arrive({ kind: 'wake', thread }));
    alarms.set(thread, { atMs, cancel });
  };

  const letGo = (): void => {
    halted = true;
    for (const { controller } of tasks.values()) controller.abort();
    for (const { cancel } of alarms.values()) cancel();
    deadline?.cancel();
    tasks.clear();
    alarms.clear();
    arrivals = [];
  };

  const finishUp = (): void => {
    letGo();
    settle(outcome);
  };

  const halt = (thrown: unknown): void => {
    letGo();
    fail(thrown);
  };

  const begin = (): void => {
    const { TimeoutSeconds } = execution.identity.definition;
    if (execution.outcome.status !== 'RUNNING' && records.length === 0) {
      outcome = execution.outcome;
      execution.touched.clear();
      finishUp();
      return;
    }
    if (TimeoutSeconds !== undefined) {
      const atMs = execution.startedAtMs + TimeoutSeconds * 1_000;
      deadline = { atMs, cancel: ports.clock.wakeAt(atMs, () => arrive({ kind: 'timeout' })) };
    }
    takeTouched();
    if (records.length === 0) {
      // A resumed execution: everything in the fold is durable, so that it can be acted on at once.
      for (const thread of changed) act(thread);
      changed.clear();
    }
    wakeUp();
  };

  begin();

  return {
    get events() {
      return visible;
    },
    get status() {
      return outcome.status;
    },
    get outcome() {
      return outcome;
    },
    done,
    stop: async (error, cause) => {
      if (outcome.status !== 'RUNNING') return;
      arrive({ kind: 'stop', ...(error === undefined ? {} : { error }), ...(cause === undefined ? {} : { cause }) });
      await done;
    },
    suspend: async () => {
      const running = working;
      if (!halted) letGo();
      settle({ status: 'RUNNING' });
      await running;
    },
    onEvents: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}

function withinLimit(work: () => void): void {
  try {
    work();
  } catch (thrown) {
    if (thrown !== historyFull) throw thrown;
  }
}

/** Runs a task; whatever goes wrong with the runner itself is a failure of the task. */
async function runTask(
  ports: EnginePorts,
  request: Parameters<EnginePorts['tasks']['run']>[0],
  signal: AbortSignal,
): Promise<TaskOutcome> {
  try {
    return await ports.tasks.run(request, signal);
  } catch (thrown) {
    return { ok: false, error: 'States.TaskFailed', cause: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}
