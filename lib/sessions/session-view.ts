/** Puts a session together from what the fold knows: every job of the pipeline, reached or not, in the order written. */
import { childError } from '../asl/child-error.ts';
import type { HistoryEvent } from '../asl/history.ts';
import { isPauseError, type SourcePosition } from '../errors.ts';
import { filledInput } from '../gate-layout.ts';
import type { Json } from '../ir/expressions.ts';
import type { ApprovalIr, JobIr, LoopIr, MapIr, MapS3Ir, NodeIr, ScopeIr, WaitIr } from '../ir/nodes.ts';
import { innerScopes, placedNodes } from '../ir/walk.ts';
import { reservedInputKey } from '../storage-layout.ts';
import { type Closure, type FoldState, type Iteration, pathOf, placeKey, type Recorded } from './fold-state.ts';
import { approvalFacts, approvalFailure } from './approval-view.ts';
import { containerFacts } from './container-view.ts';
import { callFailure } from './call-view.ts';
import { type JobFacts, jobFacts } from './job-view.ts';
import { parseJson } from './json-parts.ts';
import type { StateShape } from './machine-map.ts';
import { loopFacts, mapFacts } from './map-view.ts';
import { type JobStatus, type SessionStatus, isTerminal } from './status.ts';
import type { AttemptView, FailureView, JobView, SessionFailureView, SessionView } from './view.ts';

interface Ending {
  readonly status: SessionStatus;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly output?: Json;
  readonly error?: SessionFailureView;
}

/** @see fold.ts */
export function buildView(state: FoldState): SessionView {
  const execution = executionOf(state);
  const started = state.execution.find((event) => event.type === 'ExecutionStarted');
  const input = started === undefined ? undefined : parseJson(started.executionStartedEventDetails.input);
  const jobs: JobView[] = [];
  walk(state, execution, state.artifact.pipeline.body, [], jobs);
  return { ...execution, input: withoutReserved(input), jobs: withFetched(state, jobs) };
}

/** Jobs with their whole inputs: what their functions have fetched from behind gates stands in outputs of other jobs. */
function withFetched(state: FoldState, jobs: readonly JobView[]): readonly JobView[] {
  if (state.artifact.gates === undefined && jobs.every(({ compensates }) => compensates === undefined)) return jobs;
  const byPath = new Map(jobs.map((job) => [job.job, job]));
  return jobs.map((job) => {
    const undone = job.compensates === undefined ? undefined : byPath.get(job.compensates);
    // What a compensation is given is on record of the job that it undoes.
    if (undone?.input !== undefined && undone.output !== undefined)
      return { ...job, input: { input: undone.input, output: undone.output } };
    const fetched = state.jobs.get(job.job)?.facts?.fetched ?? [];
    return fetched.length === 0 || job.input === undefined
      ? job
      : { ...job, input: filledInput(job.input, fetched, (of) => byPath.get(of)?.output) as Json };
  });
}

function withoutReserved(input: Json | undefined): Json {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return input ?? null;
  return Object.fromEntries(Object.entries(input).filter(([key]) => key !== reservedInputKey));
}

/** The execution as its own events tell it; the one with the highest id has the last word. */
function executionOf(state: FoldState): Ending {
  const startedAt = state.execution.find((event) => event.type === 'ExecutionStarted')?.timestamp;
  const started = startedAt === undefined ? {} : { startedAt };
  const last = state.execution.at(-1);
  switch (last?.type) {
    case 'ExecutionSucceeded': {
      const output = parseJson(last.executionSucceededEventDetails.output);
      return {
        status: 'completed',
        ...started,
        endedAt: last.timestamp,
        ...(output === undefined ? {} : { output }),
      };
    }
    case 'ExecutionFailed': {
      const { error = '', cause = '' } = childError(last.executionFailedEventDetails);
      const failedJob = failedJobOf(state, last.previousEventId);
      const why = inItsWords(state, failedJob.job, callFailure({ name: error, cause }));
      return { status: 'failed', ...started, endedAt: last.timestamp, error: { ...why, ...failedJob } };
    }
    case 'ExecutionTimedOut': {
      const { error = 'States.Timeout', cause = '' } = last.executionTimedOutEventDetails ?? {};
      return { status: 'timeout', ...started, endedAt: last.timestamp, error: { name: error, cause } };
    }
    case 'ExecutionAborted': {
      const { error, cause = '' } = last.executionAbortedEventDetails ?? {};
      // Nothing of it has ended: it goes on with a redrive.
      if (isPauseError(error)) return { status: 'paused', ...started, endedAt: last.timestamp };
      const why = error === undefined && cause === '' ? {} : { error: { name: error ?? '', cause } };
      return { status: 'cancelled', ...started, endedAt: last.timestamp, ...why };
    }
    default:
      return { status: state.known.size === 0 ? 'queued' : 'running', ...started };
  }
}

/** An error as its job names it: Step Functions has one name for all that take too long. */
function inItsWords(state: FoldState, job: string | undefined, error: FailureView): FailureView {
  const id = job?.split('/').at(-1) ?? '';
  if (state.artifact.approvals?.includes(id) !== true) return error;
  const node = placedNodes(state.artifact.pipeline.body).find((placed) => placed.node.id === id)?.node;
  return node?.kind === 'approval' ? approvalFailure(node, error) : error;
}

function failedJobOf(state: FoldState, eventId: number): { readonly job?: string; readonly source?: SourcePosition } {
  const position = state.positions.get(eventId);
  const cause = position?.cause;
  const recorded = cause === undefined ? undefined : (state.jobs.get(cause) ?? state.maps.get(cause));
  const name = recorded?.state.name ?? position?.state?.name;
  const source = name === undefined ? undefined : state.artifact.states[name]?.source;
  return { ...(cause === undefined ? {} : { job: cause }), ...(source === undefined ? {} : { source }) };
}

function walk(
  state: FoldState,
  execution: Ending,
  scope: ScopeIr,
  iterations: readonly Iteration[],
  into: JobView[],
): void {
  for (const node of scope.nodes) {
    if (node.kind === 'branch' || node.kind === 'switch' || node.kind === 'guard') {
      for (const { scope: side } of innerScopes(node)) walk(state, execution, side, iterations, into);
      continue;
    }
    const path = pathOf(state.machine, iterations, node.id);
    into.push(
      node.kind === 'map' || node.kind === 'mapS3' || node.kind === 'loop'
        ? mapView(state, execution, node, path, iterations)
        : jobView(state, execution, node, path, iterations),
    );
    const map = state.machine.stateOfNode.get(node.id);
    if ((node.kind !== 'map' && node.kind !== 'loop') || map === undefined) continue;
    for (const index of state.maps.get(path)?.facts?.begun ?? []) {
      walk(state, execution, node.body, [...iterations, { map: map.name, index }], into);
    }
  }
}

type Seen = Omit<JobView, 'job' | 'kind' | 'node' | 'operation' | 'isApproval' | 'source' | 'fingerprint'>;

function jobView(
  state: FoldState,
  execution: Ending,
  node: JobIr | ApprovalIr | WaitIr,
  path: string,
  iterations: readonly Iteration[],
): JobView {
  const { id, source } = node;
  const fingerprint = state.artifact.fingerprints?.[id]?.all;
  const known = fingerprint === undefined ? {} : { fingerprint };
  const kind = node.kind === 'wait' ? ('wait' as const) : ('job' as const);
  const does =
    node.kind === 'job' ? { operation: node.operation } : node.kind === 'approval' ? { isApproval: true as const } : {};
  const base = { job: path, kind, node: id, ...does, source, ...known } as const;
  const recorded = state.jobs.get(path);
  if (recorded === undefined) return { ...base, ...unreached(state, execution, node, iterations) };
  if (recorded.settled !== undefined) return recorded.settled;
  recorded.facts ??= factsOf(node, stateFacts(state, recorded));
  const { delivered, lastEventId, fetched: _, attempts: own, ...rest } = recorded.facts;
  const facts = { ...rest, attempts: own.map((attempt) => cutBefore(state, recorded.state, iterations, attempt)) };
  if (facts.status !== 'running' && facts.status !== 'retrying') {
    recorded.settled = { ...base, ...facts };
    return recorded.settled;
  }
  const over = overSince(state, execution, recorded.state, iterations, lastEventId);
  if (over === undefined) return { ...base, ...facts, ...(isAsked(node, facts) ? { status: 'waiting' } : {}) };
  const last = facts.attempts.at(-1);
  if (delivered) return { ...base, ...facts, status: 'completed', endedAt: last?.endedAt ?? over };
  if (facts.status === 'retrying') {
    const status = last?.status === 'timeout' ? 'timeout' : 'failed';
    return { ...base, ...facts, status, endedAt: last?.endedAt ?? over };
  }
  const attempts = facts.attempts.map((attempt) => cut(attempt, over));
  return { ...base, ...facts, status: 'cancelled', endedAt: over, attempts };
}

const factsOf = (node: JobIr | ApprovalIr | WaitIr, facts: JobFacts): JobFacts =>
  node.kind === 'approval' ? approvalFacts(node, facts) : facts;

const isAsked = (
  node: JobIr | ApprovalIr | WaitIr,
  { status, attempts }: Pick<JobFacts, 'status' | 'attempts'>,
): boolean => node.kind === 'approval' && status === 'running' && attempts.length > 0;

function cut(attempt: AttemptView, endedAt: number): AttemptView {
  return attempt.status === 'running' ? { ...attempt, status: 'cancelled', endedAt } : attempt;
}

/** An attempt that a later one took the place of: it ended with what lay around it, before that was redriven. */
function cutBefore(
  state: FoldState,
  shape: StateShape,
  iterations: readonly Iteration[],
  attempt: AttemptView,
): AttemptView {
  if (attempt.status !== 'cancelled' || attempt.endedAt !== undefined) return attempt;
  const end = state.execution.find(({ id, type }) => id > attempt.eventId && type !== 'ExecutionRedriven');
  const first = firstClosure(state, shape, iterations, attempt.eventId);
  const over = first !== undefined && first.eventId < (end?.id ?? Infinity) ? first : end;
  return over === undefined ? attempt : { ...attempt, endedAt: over.timestamp };
}

/** What a job's events tell; those of a container are in up to three states. */
function stateFacts(state: FoldState, { state: own, events }: Recorded<JobFacts>): JobFacts {
  const { machine } = state;
  const stateOf = ({ id }: HistoryEvent) => state.positions.get(id)?.state ?? own;
  if (events.every((event) => stateOf(event) === own) && !machine.leaves.has(machine.nodeOfState.get(own.name) ?? '')) {
    return jobFacts(own, events);
  }
  const parts = Map.groupBy(events, stateOf);
  const roleOf = (shape: StateShape) => state.artifact.states[shape.name]?.role;
  const part = (role: 'given' | 'taken') => [...parts].find(([shape]) => roleOf(shape) === role);
  const leaves = machine.leaves.has(machine.nodeOfState.get(own.name) ?? '');
  return containerFacts({ own: [own, parts.get(own) ?? []], given: part('given'), taken: part('taken'), leaves });
}

function mapView(
  state: FoldState,
  execution: Ending,
  node: MapIr | MapS3Ir | LoopIr,
  path: string,
  iterations: readonly Iteration[],
): JobView {
  const kind = node.kind === 'loop' ? ('loop' as const) : ('map' as const);
  const base = { job: path, kind, node: node.id, source: node.source };
  const recorded = state.maps.get(path);
  if (recorded === undefined) return { ...base, ...unreached(state, execution, node, iterations) };
  recorded.facts =
    node.kind === 'loop'
      ? loopFacts(recorded.events, isLeft(state, recorded.state, node, iterations))
      : (recorded.facts ?? mapFacts(recorded.state, recorded.events));
  const { total, completed, failed, error, run, startedAt, endedAt, status, lastEventId } = recorded.facts;
  const open = status === 'running' || status === 'retrying';
  const over = open ? overSince(state, execution, recorded.state, iterations, lastEventId) : undefined;
  const end = over ?? endedAt;
  return {
    ...base,
    status: over === undefined ? status : status === 'retrying' ? 'failed' : 'cancelled',
    attempts: [],
    ...(error === undefined ? {} : { error }),
    startedAt,
    ...(end === undefined ? {} : { endedAt: end }),
    ...(total === undefined ? {} : { iterations: { total, completed, failed } }),
    ...(run === undefined ? {} : { run }),
  };
}

/** Whether the scope of a loop has gone on to a state that is none of the loop's. */
function isLeft(state: FoldState, { region }: StateShape, loop: LoopIr, iterations: readonly Iteration[]): boolean {
  const current = state.current.get(placeKey(region.id, iterations, region.maps.length));
  return current !== undefined && state.machine.nodeOfState.get(current.state.name) !== loop.id;
}

/** When what lies around the state ended by failure after the given event and was not redriven, or the execution ended. */
function overSince(
  state: FoldState,
  execution: Ending,
  shape: StateShape,
  iterations: readonly Iteration[],
  eventId: number,
): number | undefined {
  const redriven = state.execution.findLast(({ type }) => type === 'ExecutionRedriven')?.id ?? 0;
  const first = firstClosure(state, shape, iterations, Math.max(eventId, redriven));
  return first?.timestamp ?? (isTerminal(execution.status) ? execution.endedAt : undefined);
}

/** The first failure after the given event of what lies around the state. */
function firstClosure(
  state: FoldState,
  shape: StateShape,
  iterations: readonly Iteration[],
  eventId: number,
): Closure | undefined {
  let first: Closure | undefined;
  const consider = (key: string): void => {
    const closure = state.closures.get(key);
    if (closure !== undefined && closure.eventId > eventId && closure.eventId < (first?.eventId ?? Infinity)) {
      first = closure;
    }
  };
  let { region } = shape;
  while (region.holder !== undefined) {
    const { holder } = region;
    if (holder.type === 'Map') consider(placeKey(region.id, iterations, region.maps.length));
    consider(placeKey(holder.name, iterations, holder.region.maps.length));
    region = holder.region;
  }
  return first;
}

/** A job, map, loop or wait that has not begun: still to come, passed by, or never to come. */
function unreached(state: FoldState, execution: Ending, node: NodeIr, iterations: readonly Iteration[]): Seen {
  return { status: unreachedStatus(state, execution, node, iterations), attempts: [] };
}

function unreachedStatus(
  state: FoldState,
  execution: Ending,
  node: NodeIr,
  iterations: readonly Iteration[],
): Extract<JobStatus, 'pending' | 'skipped' | 'cancelled'> {
  const shape = state.machine.stateOfNode.get(node.id);
  let at = shape;
  while (at !== undefined) {
    const { region } = at;
    const current = state.current.get(placeKey(region.id, iterations, region.maps.length));
    if (current !== undefined) {
      if (current.state !== at && !state.machine.reaches(current.state, at)) return 'skipped';
      break;
    }
    at = region.holder;
  }
  if (execution.status === 'completed') return 'skipped';
  const entered = shape && state.current.get(placeKey(shape.region.id, iterations, shape.region.maps.length));
  const over = shape && overSince(state, execution, shape, iterations, entered?.eventId ?? 0);
  return over !== undefined || isTerminal(execution.status) ? 'cancelled' : 'pending';
}
