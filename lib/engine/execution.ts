/**
 * The state of an execution: a tree of threads (the machine itself, one per branch of a Parallel, one per iteration of
 * a Map). It is made by folding journal records (fold.ts) and by nothing else, so that a resumed execution has the same.
 */
import type { Definition, ItemProcessor, Json, MapState, Scope, State } from '../asl/definition.ts';
import type { ExecutionStatus, HistoryEvent } from '../asl/history.ts';
import { type Payload, payloadOfText } from '../asl/json.ts';
import { BunsuiError } from '../errors.ts';
import type { ChildExecution, ItemCounts, MapRun } from './map-run-state.ts';

/** What an execution is called and what it runs; the same for a start and every resume. */
export interface ExecutionIdentity {
  readonly executionArn: string;
  readonly name: string;
  readonly stateMachineArn: string;
  readonly stateMachineName: string;
  readonly roleArn?: string;
  readonly definition: Definition;
  /** Of an EXPRESS machine, whether somebody waits for the answer. Absent: STANDARD. */
  readonly express?: 'sync' | 'async';
  /** A context object in place of the execution's own, for a state that is tested. */
  readonly context?: Json;
}

/** Error and cause as Retry, Catch and the history see them. */
export interface Failure {
  readonly error?: string;
  readonly cause?: string;
  /** Neither Retry nor Catch may take it. */
  readonly terminal?: boolean;
  /** A timeout for want of a heartbeat: it has that name as well. */
  readonly heartbeat?: boolean;
}

/** A Parallel or Map at work. */
export interface Fan {
  /** Id of the event that started it; part of its children's ids. */
  readonly startedId: number;
  readonly outputs: (Payload | undefined)[];
  /** What each child gets. */
  readonly inputs: readonly Payload[];
  /** Children at once. */
  limit: number;
  /** Index of the next child to start. */
  next: number;
  running: number;
  /** Of a distributed Map. */
  readonly run: MapRun | undefined;
  /** Last events of iterations that have ended and made room: what the next iterations refer to. */
  readonly freed: number[];
  /** Of a distributed Map: the latest execution of each child that has begun. */
  readonly executions: (ChildExecution | undefined)[];
  /** Of a distributed Map: children that have failed or were aborted. */
  readonly lost: Thread[];
  /** Of a map run that is redriven: children that are to run again. */
  again: Thread[];
}

/** A closing event that is decided and not yet recorded. */
export interface OwedEvent {
  readonly type:
    | 'MapIterationFailed'
    | 'MapIterationAborted'
    | 'TaskStateAborted'
    | 'WaitStateAborted'
    | 'ParallelStateAborted'
    | 'MapStateAborted';
  readonly index?: number;
}

/** A task in flight: all that is needed to run it again after a crash. */
export interface TaskInFlight {
  readonly scheduledId: number;
  readonly arguments: Payload;
  readonly timeoutSeconds?: number;
  readonly heartbeatSeconds?: number;
  readonly credentialsRoleArn?: string;
  readonly deadlineMs?: number;
  /** When the next sign of life is due. */
  readonly heartbeatDueMs?: number;
  /** Whoever has it may end the task. */
  readonly token?: string;
  /** The service has taken the request; only the end is awaited. */
  readonly submitted?: boolean;
}

/** Where a thread stands. */
export type Phase =
  /** The state `thread.state` is to be entered. */
  | { readonly kind: 'entering' }
  /** Entered (or due for another try); its work is to be begun. */
  | { readonly kind: 'entered' }
  | { readonly kind: 'scheduled'; readonly task: TaskInFlight }
  | { readonly kind: 'started'; readonly task: TaskInFlight }
  | { readonly kind: 'waiting'; readonly untilMs: number }
  | { readonly kind: 'retrying'; readonly atMs: number }
  | { readonly kind: 'children'; readonly fan: Fan }
  /** A map run is to be started over these items, or those that it will read. */
  | { readonly kind: 'opening'; readonly items: readonly Payload[]; readonly limit: number }
  /** A map run that has failed is to run again. */
  | { readonly kind: 'redriving'; readonly fan: Fan; readonly run: MapRun }
  /** A child of a redriven map run is to be redriven as well; it was left in `left`. */
  | { readonly kind: 'again'; readonly left: Phase }
  /** The children of a map run have ended; their results are being exported. */
  | { readonly kind: 'writing'; readonly fan: Fan; readonly run: MapRun }
  /** A map run has started; its items are to be read. */
  | { readonly kind: 'reading'; readonly items: readonly Payload[]; readonly limit: number; readonly run: MapRun }
  /** A child has failed; the events that close its siblings are being recorded. */
  | { readonly kind: 'aborting'; readonly owed: readonly OwedEvent[]; readonly failure: Failure }
  /** The work is done; output and assignments are to be made. */
  | { readonly kind: 'result'; readonly result: Payload }
  /** `marked`: the event that says that the Parallel or Map failed is recorded. */
  | { readonly kind: 'failed'; readonly failure: Failure; readonly marked: boolean }
  | { readonly kind: 'ended'; readonly output: Payload };

/** Phases without data. */
export const entering: Phase = { kind: 'entering' };
export const entered: Phase = { kind: 'entered' };

/** One line of states. */
export interface Thread {
  readonly id: string;
  readonly parent: Thread | undefined;
  /** Index among its siblings; 0 for the root. */
  readonly index: number;
  readonly scope: Scope;
  /** For an iteration: the map's item, before ItemSelector. */
  readonly item: Payload | undefined;
  /** Of the first thread of a child execution. */
  readonly child: ChildExecution | undefined;
  readonly children: Map<number, Thread>;
  readonly variables: Map<string, { readonly value: Json; readonly bytes: number }>;
  state: string;
  /** The definition of that state, once somebody has asked. */
  known: State | undefined;
  phase: Phase;
  /** It is among those that are to be stepped. */
  queued: boolean;
  /** Raw input of the state. */
  input: Payload;
  /** What the next event of this thread refers to. */
  lastEventId: number;
  enteredId: number;
  /** What the entering event referred to. */
  enteredPreviousId: number;
  enteredAtMs: number;
  /** The token of the state's task. */
  token: string | undefined;
  /** Tries used, by index of the state's retrier. */
  retries: number[];
  /** How often a task of this visit of the state was started again by a resumed execution, over all its tries. */
  restarts: number;
  /** Recorded choice of the next state, by a Choice or a Catch. */
  chosenNext: string | undefined;
  /** Of a Parallel or Map that a child has brought down: what a redrive goes on with. */
  brokenDown: { readonly fan: Fan; readonly children: readonly Thread[] } | undefined;
  /** Evaluated inputs of the Parallel or Map that is about to start. */
  prepared:
    | { readonly inputs: readonly Payload[] | undefined; readonly input: Payload | undefined; readonly limit: number }
    | undefined;
}

export interface Outcome {
  readonly status: ExecutionStatus;
  /** JSON text. */
  readonly output?: string;
  readonly error?: string;
  readonly cause?: string;
}

export interface Execution {
  readonly identity: ExecutionIdentity;
  readonly events: HistoryEvent[];
  readonly threads: Map<string, Thread>;
  /** Hears of each thread that a record changes. */
  touched: (thread: Thread) => void;
  startedAtMs: number;
  redrives: number;
  /** When it was redriven last. */
  redrivenAtMs: number;
  /** Of an execution that has ended: its first thread, as it was left. */
  left: Thread | undefined;
  input: Payload | undefined;
  outcome: Outcome;
  /** What has become of the items of map runs that have ended, by their ARNs. */
  readonly endedRuns: Map<string, ItemCounts>;
  /** Bytes of all variables of all threads. */
  variableBytes: number;
  /** What the record at hand was made of, so that the fold need not parse its text. */
  made: Payload | undefined;
}

export function newExecution(identity: ExecutionIdentity): Execution {
  return {
    identity,
    events: [],
    threads: new Map(),
    touched: () => undefined,
    startedAtMs: 0,
    redrives: 0,
    redrivenAtMs: 0,
    left: undefined,
    input: undefined,
    outcome: { status: 'RUNNING' },
    endedRuns: new Map(),
    variableBytes: 0,
    made: undefined,
  };
}

export const rootThreadId = '0';

export function childThreadId(parent: Thread, fan: Fan, index: number): string {
  return `${parent.id}/${fan.startedId}.${index}`;
}

/** The state a thread is in. */
export function stateOf(thread: Thread): State {
  if (thread.known !== undefined) return thread.known;
  const state = thread.scope.States[thread.state];
  if (state === undefined) throw damagedJournal(`there is no state ${thread.state} in the definition`);
  thread.known = state;
  return state;
}

export function goTo(thread: Thread, state: string): void {
  if (thread.state === state) return;
  thread.state = state;
  thread.known = undefined;
}

/** The payload of a recorded text: the one that the text was made of, when it is still at hand. */
export function recorded(execution: Execution, thread: Thread, text: string): Payload {
  if (thread.input.text === text) return thread.input;
  return execution.made?.text === text ? execution.made : payloadOfText(text);
}

/** Whether a state is written in JSONPath: by its own QueryLanguage, or the machine's. */
export function speaksJsonPath(execution: Execution, state: State): boolean {
  return (state.QueryLanguage ?? execution.identity.definition.QueryLanguage ?? 'JSONPath') === 'JSONPath';
}

/** The states that a Map runs for each item. */
export function bodyOf(state: MapState): ItemProcessor {
  const body = state.ItemProcessor ?? state.Iterator;
  if (body === undefined) throw new TypeError('a Map without ItemProcessor');
  return body;
}

/** Whether a Map runs its items in child executions. */
export function isDistributed(state: MapState): boolean {
  return bodyOf(state).ProcessorConfig?.Mode === 'DISTRIBUTED';
}

/** The child execution that a thread belongs to; undefined in the execution itself. */
export function childOf(thread: Thread | undefined): ChildExecution | undefined {
  for (let at = thread; at !== undefined; at = at.parent) if (at.child !== undefined) return at.child;
  return undefined;
}

/** The list of the children's outputs; made of their texts, so that a large one is not parsed again. */
export function joinedOutputs({ outputs }: Fan): Payload {
  return payloadOfText(`[${outputs.map((output) => output?.text ?? 'null').join(',')}]`);
}

/** A variable as a thread reads it: its own, or one of the threads around it. */
export function readVariable(thread: Thread, name: string): Json | undefined {
  for (let at: Thread | undefined = thread; at !== undefined; at = at.parent) {
    const variable = at.variables.get(name);
    if (variable !== undefined) return variable.value;
    // A child execution does not see the variables of the execution that started it.
    if (at.child !== undefined) return undefined;
  }
  return undefined;
}

/** Tries before the present one. */
export function retryCount(thread: Thread): number {
  return thread.retries.reduce((sum, tries) => sum + (tries ?? 0), 0);
}

export function damagedJournal(found: string): BunsuiError {
  return new BunsuiError('SessionError', 'BS4003', `the journal does not fit the execution: ${found}`);
}
