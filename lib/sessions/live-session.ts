/**
 * A session that the live feed follows: its record, its fold, and how far both go. Kept in memory only to save reads:
 * whoever has nothing of it opens it from the tables, the bucket and the execution's history.
 */
import type { HistoryEvent } from '../asl/history.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { type PipelinePolicy, policyOf } from '../ir/policy.ts';
import { executionName, sessionOfExecution } from '../storage-layout.ts';
import { adoptedItem, blockOf } from './adopt.ts';
import { pipelineOfExecution } from './deployed.ts';
import type { LiveDeps } from './deps.ts';
import { emptyFold, foldEvents } from './fold.ts';
import type { FoldState } from './fold-state.ts';
import { describeExecution, readNewest } from './history.ts';
import type { AttemptItem, SessionItem } from './items.ts';
import type { LiveEvent } from './live-events.ts';
import { readArtifact } from './pipelines.ts';
import { isTerminal } from './status.ts';
import { createItem, getSession } from './store.ts';

export interface LiveSession {
  session: SessionItem;
  readonly artifact: PipelineArtifact;
  readonly policy: PipelinePolicy;
  fold: FoldState;
  /** Ids that were delivered: one that only the history has told is still to be recorded. */
  readonly delivered: Set<number>;
  /** Delivered, but of an unknown place yet. */
  open: readonly LiveEvent[];
  /** All events up to this one are in the fold. */
  upTo: number;
  /** Status of each attempt as it stands in the table, by key, as far as this process knows. */
  readonly written: Map<string, AttemptItem['job_status']>;
  /** The numbers as they were written last. */
  counts: string;
}

/** By execution ARN; the one used last is the last. */
export type LiveSessions = Map<string, LiveSession>;

const maxSessions = 40;
const maxEvents = 60_000;

/** Forgets what was not used for longest when there is too much to hold. */
export function forgetOldest(sessions: LiveSessions): void {
  let events = 0;
  for (const { delivered } of sessions.values()) events += delivered.size;
  for (const [arn, { delivered }] of sessions) {
    if (sessions.size <= maxSessions && events <= maxEvents) return;
    sessions.delete(arn);
    events -= delivered.size;
  }
}

/**
 * The session of an execution, recorded from now on if nobody knew it.
 *
 * @returns `undefined` when there is nothing to record live: it has ended, or this is not its latest generation
 * @throws {BunsuiError} BS3003 when the execution is of no deployed pipeline
 */
export async function openLive(
  deps: LiveDeps,
  executionArn: string,
  redriveCount: number,
): Promise<LiveSession | undefined> {
  const { session } = await findLiveSession(deps, executionArn);
  const redriven = redriveCount > (session.redrive_count ?? 0);
  if (session.execution_arn !== executionArn || (isTerminal(session.status) && !redriven)) return undefined;
  const artifact = await readArtifact(deps, session.pipeline_id, session.pipeline_version);
  const policy = policyOf(artifact.pipeline) ?? {};
  const fold = emptyFold(artifact);
  return { session, artifact, policy, fold, delivered: new Set(), open: [], upTo: 0, written: new Map(), counts: '' };
}

/**
 * The session that an execution belongs to, recorded now if nobody knew it. It may be of another generation.
 *
 * @param startedAt of the execution, ISO 8601; whoever knows it saves asking for it
 * @throws {BunsuiError} BS3003 when the execution is of no deployed pipeline
 */
export async function findLiveSession(
  deps: LiveDeps,
  executionArn: string,
  startedAt?: string,
): Promise<{ readonly session: SessionItem; readonly adopted: boolean }> {
  const derived = startedAt === undefined ? undefined : sessionOfExecution(executionArn, startedAt);
  const known = (await sessionByName(deps, executionArn)) ?? (derived && (await getSession(deps, derived.session)));
  if (known !== undefined) return { session: known, adopted: false };
  const execution = await describeExecution(deps.sfn, executionArn);
  const found = await getSession(deps, blockOf(execution).session);
  if (found !== undefined) return { session: found, adopted: false };
  const item = adoptedItem(deps, execution, await pipelineOfExecution(deps, execution));
  if ((await createItem(deps, item)) === 'created') return { session: item, adopted: true };
  return { session: (await getSession(deps, item.session_id)) ?? item, adopted: false };
}

/** Executions that bunsui starts are named for their session, whose record names them. No call of Step Functions. */
async function sessionByName(deps: LiveDeps, executionArn: string): Promise<SessionItem | undefined> {
  const name = executionArn.split(':').at(-1) ?? '';
  const [, session = '', generation] = /^session-([0-9a-z]{26})-(\d{1,6})$/.exec(name) ?? [];
  if (generation === undefined || name !== executionName(session, Number(generation))) return undefined;
  const found = await getSession(deps, session);
  return found?.execution_arn === executionArn ? found : undefined;
}

/** A history of more events than that is AWS's limit anyway. */
const maxPages = 25;

/**
 * Takes delivered events in, and from the history what is missing before and between them, or was cut off.
 *
 * @returns whether every event up to the newest delivered one is in the fold
 */
export async function takeIn(
  deps: LiveDeps,
  live: LiveSession,
  executionArn: string,
  events: readonly LiveEvent[],
): Promise<boolean> {
  const newest = events.reduce((max, { id }) => Math.max(max, id), 0);
  live.fold = foldEvents(
    live.fold,
    events.flatMap(({ event }) => event ?? []),
  );
  goOn(live);
  if (live.upTo >= newest) return true;
  const read = await readNewest(deps.sfn, executionArn, live.upTo + 1, maxPages);
  // What is newer will be delivered yet, and is recorded then.
  live.fold = foldEvents(
    live.fold,
    read
      .filter(({ id }) => id <= newest)
      .reverse()
      .map(withoutStateData),
  );
  goOn(live);
  return live.upTo >= newest;
}

/** What goes into and out of states is much, and nobody looks at it. */
function withoutStateData(event: HistoryEvent): HistoryEvent {
  if ('stateEnteredEventDetails' in event) {
    return { ...event, stateEnteredEventDetails: { name: event.stateEnteredEventDetails.name } };
  }
  if ('stateExitedEventDetails' in event) {
    return { ...event, stateExitedEventDetails: { name: event.stateExitedEventDetails.name } };
  }
  return event;
}

function goOn(live: LiveSession): void {
  while (live.fold.known.has(live.upTo + 1)) live.upTo += 1;
}
