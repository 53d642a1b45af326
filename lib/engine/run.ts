/**
 * The engine: runs Amazon States Language, event-sourced. In go a checked definition, an input and the ports (time,
 * chance, tasks, journal); out come AWS-shaped history events.
 *
 * One loop per execution: take what has arrived (task outcomes, wake-ups, a stop), step every runnable thread, append
 * what was decided in one go, and only then act on it: start tasks, show events, settle `done`. While an append is in
 * flight, arrivals queue up for the next turn. Resuming folds the journal, records which tasks start again, and goes on.
 */
import type { ExecutionStatus, HistoryEvent } from '../asl/history.ts';
import { fitsBytes, maxPayloadBytes } from '../asl/json.ts';
import type { EvaluationSources } from '../asl/jsonata.ts';
import { BunsuiError } from '../errors.ts';
import { takeArrival, withinLimit } from './arrivals.ts';
import { type Arrival, effectsOf } from './effects.ts';
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
import type { ItemCounts, RunChanges } from './map-run-state.ts';
import { ceasedToWork, type EnginePorts, type JournalRecord } from './ports.ts';
import { isRunnable, step } from './step.ts';
import { recordTaskStarted, startsAnew } from './task.ts';
import { threadQueue } from './thread-queue.ts';
import { historyFull, isFull, note, place, type Turn } from './turn.ts';

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
  /** Items of a map run that has ended; undefined when none of that ARN has, in this execution. */
  itemCounts(mapRunArn: string): ItemCounts | undefined;
  /** Changes the settings of a map run. @returns whether there is one of that ARN under way */
  changeMapRun(arn: string, changes: RunChanges): Promise<boolean>;
  /** Aborts a child execution of a map run. @returns whether one of that ARN was running */
  stopChild(executionArn: string, error?: string, cause?: string): Promise<boolean>;
  /** Ceases to work, for a shutdown: aborts task signals, records nothing, waits for an append in flight. */
  suspend(): Promise<void>;
  /** Calls the listener, which must not throw, with events as they become durable. Returns what ends that. */
  onEvents(listener: (events: readonly HistoryEvent[]) => void): () => void;
}

/**
 * Begins an execution. `input` is JSON text.
 * @throws {BunsuiError} BS3001 when the input is no JSON, or larger than 256 KiB.
 */
export function startExecution(
  ports: EnginePorts,
  start: ExecutionIdentity & {
    readonly input: string;
    readonly startedAtMs?: number;
    /** The version and the alias of the machine by which it was started. */
    readonly origin?: { readonly stateMachineVersionArn?: string; readonly stateMachineAliasArn?: string };
  },
): ExecutionHandle {
  const { input, roleArn } = start;
  checkInput(input);
  const execution = newExecution(start);
  const turn = newTurn(ports, execution);
  const started = { ...turn, sources: { ...turn.sources, now: () => start.startedAtMs ?? ports.clock.now() } };
  const executionStartedEventDetails = { input, ...(roleArn === undefined ? {} : { roleArn }), ...start.origin };
  place(started, rootThreadId, { type: 'ExecutionStarted', executionStartedEventDetails }, 0);
  return drive(ports, execution, turn.records, 0);
}

/**
 * Goes on with an execution from its journal. Tasks that were started and have not ended are run again with the same
 * request: each has a second TaskStarted in the history, which refers to the first and is durable before the task runs.
 * Waits and retries keep their recorded deadlines; no recorded expression is evaluated again.
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
  const durable = execution.events.length;
  const turn = newTurn(ports, execution);
  restartTasks(turn);
  return drive(ports, execution, turn.records, durable);
}

/**
 * Goes on with an execution that has ended without success, where it failed. What it did with success is kept.
 *
 * @param token by which the caller knows this redrive again; it is recorded
 * @throws {TypeError} when it runs, or has succeeded, or its history has no room
 */
export function redriveExecution(
  ports: EnginePorts,
  identity: ExecutionIdentity,
  records: readonly JournalRecord[],
  token?: string,
): ExecutionHandle {
  const execution = newExecution(identity);
  for (const record of records) applyRecord(execution, record);
  const { status } = execution.outcome;
  if (status === 'RUNNING' || status === 'SUCCEEDED')
    throw new TypeError(`an execution that is ${status} has no redrive`);
  if (isFull(execution.events.length)) throw new TypeError('an execution whose history is full has no redrive');
  const durable = execution.events.length;
  const turn = newTurn(ports, execution);
  const executionRedrivenEventDetails = { redriveCount: execution.redrives + 1 };
  place(turn, rootThreadId, { type: 'ExecutionRedriven', executionRedrivenEventDetails }, durable);
  const root = execution.threads.get(rootThreadId);
  if (token !== undefined && root !== undefined) note(turn, root, { type: 'redriveToken', token });
  return drive(ports, execution, turn.records, durable);
}

/** Records that what was in flight starts again; a task whose time is up ends instead, by its next step. */
function restartTasks(turn: Turn): void {
  for (const thread of [...turn.execution.threads.values()]) {
    // A child whose history is full by that has ended, and what is under it.
    if (turn.execution.threads.get(thread.id) !== thread) continue;
    if (startsAnew(thread) && !isRunnable(thread, turn.sources)) withinLimit(() => recordTaskStarted(turn, thread));
  }
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

function newTurn(ports: EnginePorts, execution: Execution): Turn {
  const hasActivity = (arn: string) => ports.tasks.hasActivity?.(arn) ?? true;
  return { execution, sources: sourcesOf(ports), hasActivity, objects: ports.objects, records: [] };
}

/** Records per append at most, so that a machine that never waits does not fill the memory before it is written. */
const maxBatch = 1_000;

function drive(
  ports: EnginePorts,
  execution: Execution,
  firstRecords: JournalRecord[],
  durable: number,
): ExecutionHandle {
  const queue = threadQueue();
  const listeners = new Set<(events: readonly HistoryEvent[]) => void>();
  // What the records of the batch in hand have changed, to be acted on once they are durable.
  const changed = new Set<Thread>();
  let arrivals: Arrival[] = [];
  // Who waits for a record of the batch in hand.
  let asked: ((done: boolean) => void)[] = [];
  const visible: HistoryEvent[] = execution.events.slice(0, durable);
  let outcome: Outcome = { status: 'RUNNING' };
  let turn: Turn = { ...newTurn(ports, execution), records: firstRecords };
  let working: Promise<void> | undefined;
  let halted = false;
  const { promise: done, resolve: settle, reject: fail } = Promise.withResolvers<Outcome>();
  // Whoever awaits `done` sees the rejection; whoever does not must not be ended by it.
  done.catch(() => undefined);

  const arrive = (arrival: Arrival): void => {
    if (halted) return;
    arrivals.push(arrival);
    wakeUp();
  };

  /** False as well when the execution ends, or ceases to work, before. */
  const ask = (send: (done: (done: boolean) => void) => void): Promise<boolean> => {
    if (halted) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    void done.then(
      () => resolve(false),
      () => resolve(false),
    );
    send(resolve);
    return promise;
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
    // What happens at one moment is taken together: alarms that ring at once, say.
    await undefined;
    while (!halted) {
      takeArrivals();
      await stepAll();
      const { records } = turn;
      if (records.length === 0) return;
      turn = { ...turn, records: [] };
      const upTo = execution.events.length;
      const touchedNow = [...changed];
      changed.clear();
      const askedNow = asked;
      asked = [];
      await ports.journal.append(records);
      if (halted) return;
      for (const done of askedNow) done(true);
      show(upTo);
      for (const thread of touchedNow) effects.act(thread);
      if (execution.outcome.status !== 'RUNNING') return finishUp();
    }
  };

  const takeArrivals = (): void => {
    const taken = arrivals;
    arrivals = [];
    for (const arrival of taken) {
      if (execution.outcome.status !== 'RUNNING') return;
      if (arrival.kind === 'wake') queue.add(arrival.thread);
      const done = takeArrival(turn, effects, arrival);
      if (done !== undefined) asked.push(done);
    }
  };

  /** Steps threads in turn, each once around, until none can go on or the batch is full. */
  const stepAll = async (): Promise<void> => {
    while (turn.records.length < maxBatch && !halted) {
      const thread = queue.take();
      if (thread === undefined) return;
      if (execution.threads.get(thread.id) !== thread || !isRunnable(thread, turn.sources)) continue;
      try {
        const stepping = step(turn, thread);
        if (stepping instanceof Promise) await stepping;
      } catch (thrown) {
        if (thrown !== historyFull) throw thrown;
      }
    }
  };

  const show = (upTo: number): void => {
    const fresh = execution.events.slice(visible.length, upTo);
    if (fresh.length === 0) return;
    visible.push(...fresh);
    if (execution.outcome.status !== 'RUNNING') outcome = execution.outcome;
    for (const listener of listeners) listener(fresh);
  };

  const letGo = (reason?: Error): void => {
    halted = true;
    arrivals = [];
    effects.letGo(reason);
  };

  const finishUp = (): void => {
    letGo();
    settle(outcome);
  };

  const halt = (thrown: unknown): void => {
    letGo(ceasedToWork);
    fail(thrown);
  };

  execution.touched = (thread) => {
    queue.add(thread);
    changed.add(thread);
  };
  for (const thread of execution.threads.values()) execution.touched(thread);
  const effects = effectsOf(ports, execution, arrive);
  if (firstRecords.length === 0 && execution.outcome.status !== 'RUNNING') {
    outcome = execution.outcome;
    finishUp();
  } else {
    if (firstRecords.length === 0) {
      // A resumed execution: everything in the fold is durable, so that it can be acted on at once.
      for (const thread of changed) effects.act(thread);
      changed.clear();
    }
    wakeUp();
  }

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
    itemCounts: (arn) => execution.endedRuns.get(arn),
    changeMapRun: (arn, changes) => ask((done) => arrive({ kind: 'runChanged', arn, changes, done })),
    stopChild: (executionArn, error, cause) => {
      const failure = { ...(error === undefined ? {} : { error }), ...(cause === undefined ? {} : { cause }) };
      return ask((done) => arrive({ kind: 'stopChild', executionArn, failure, done }));
    },
    suspend: async () => {
      const running = working;
      if (!halted) letGo(ceasedToWork);
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
