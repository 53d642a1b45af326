/**
 * Overlap: what happens when a pipeline is to start while a session of it runs. One item per pipeline says whose turn it
 * is and who waits; it is changed as a whole, by whoever read it last (`revision`). Every step may be the last one before
 * a crash, and whoever comes next goes on: the next arrival, the end of the session whose turn it is, or the reconciler.
 *
 *     session's item: queued → in the turn item: holder, or waiting → StartExecution … end recorded → the next one's turn
 *
 * A turn is over when its session has ended on record, which is after its execution has: so two never run at once.
 * A rerun takes its turn as a start does; by a redrive only when the turn is free, because a redrive cannot wait.
 */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import type { SFNClient } from '@aws-sdk/client-sfn';
import { GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { BunsuiError } from '../errors.ts';
import type { OverlapPolicy } from '../ir/nodes.ts';
import { readPolicy } from '../ir/policy.ts';
import { tables } from '../storage-layout.ts';
import { cancelSession } from './cancel.ts';
import { machineToStart } from './deployed.ts';
import { cancelAndTell, type CancelNoticeDeps } from './cancelled-notice.ts';
import type { PipelineItem, SessionItem, SessionRef, TurnItem, TurnRef } from './items.ts';
import { findPipeline, requirePipeline } from './pipelines.ts';
import { startQueued } from './start-queued.ts';
import { isTerminal } from './status.ts';
import { getSession, updateSession } from './store.ts';

export interface OverlapDeps extends CancelNoticeDeps {
  readonly sfn: Pick<SFNClient, 'send'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The error of a session that its pipeline's overlap policy has dropped. */
export const overlapError = 'Bunsui.Overlap';
/** In the index by status, where the reconciler finds turns. No session has it. */
const turnStatus = 'overlap';
/** An item holds 400 KB, which is about four thousand; more than this many is no queue but a mistake. */
const maxWaiting = 1_000;

/** What became of a queued session. */
export type Begun = 'started' | 'waiting' | 'skipped';

/** Starts a queued session, or makes it wait, or drops it, as its pipeline's policy says. Changes nothing the second time. */
export async function beginQueued(deps: OverlapDeps, item: SessionItem, pipeline: PipelineItem): Promise<Begun> {
  const { overlap: policy = 'allow' } = readPolicy(pipeline.policy);
  if (policy === 'allow') {
    await startQueued(deps, item, machineToStart(pipeline));
    return 'started';
  }
  return takeTurn(deps, item, policy);
}

/** Goes on with a session that is queued, whoever queued it: for whoever finds one that nobody goes on with. */
export async function continueQueued(deps: OverlapDeps, item: SessionItem): Promise<Begun> {
  return beginQueued(deps, item, await requirePipeline(deps, item.pipeline_id, item.pipeline_version));
}

/**
 * Ends the turn of a session that has ended, and starts the next one. To be called when its end is on record, for
 * pipelines that have a policy other than `allow`; what is missed is made up by the next arrival and by `sweepTurns`.
 */
export async function endTurn(deps: OverlapDeps, pipeline: string): Promise<void> {
  await passTurn(deps, pipeline);
}

/** Passes on every turn that is over, and starts every session whose turn it is. @returns how many turns there are. */
export async function sweepTurns(deps: OverlapDeps): Promise<number> {
  const { name, partitionKey } = tables.sessions.byStatusIndex;
  const pipelines: string[] = [];
  let from: Record<string, unknown> | undefined;
  do {
    const page = await deps.db.send(
      new QueryCommand({
        TableName: deps.names.sessionsTable,
        IndexName: name,
        KeyConditionExpression: '#status = :status',
        ExpressionAttributeNames: { '#status': partitionKey },
        ExpressionAttributeValues: { ':status': turnStatus },
        ExclusiveStartKey: from,
      }),
    );
    pipelines.push(...((page.Items ?? []) as TurnItem[]).map(({ turn_of }) => turn_of));
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  for (const pipeline of pipelines) await passTurn(deps, pipeline);
  return pipelines.length;
}

const keyOf = (pipeline: string) => ({ session_id: `overlap#${pipeline}`, created_at: '-' as const });
const refOf = ({ session_id, created_at, asked_at, redrive }: TurnRef): TurnRef => ({
  session_id,
  created_at,
  ...(asked_at === undefined ? {} : { asked_at }),
  ...(redrive === undefined ? {} : { redrive }),
});
const isSame = (a: SessionRef | undefined, b: SessionRef) => a?.session_id === b.session_id;
/** Since when it is to run; ids order what began in the same millisecond. */
const ageOf = ({ asked_at, created_at, session_id }: TurnRef) => `${asked_at ?? created_at} ${session_id}`;
const byAge = (a: TurnRef, b: TurnRef) => (ageOf(a) < ageOf(b) ? -1 : 1);

/** A session that is queued, as it stands in line. */
function inLine({ session_id, created_at, generation, actions = [] }: SessionItem): TurnRef {
  const asked = generation === 1 ? undefined : actions.findLast((one) => one.generation === generation)?.at;
  return { session_id, created_at, ...(asked === undefined ? {} : { asked_at: asked }) };
}

async function readTurn(deps: OverlapDeps, pipeline: string): Promise<TurnItem> {
  const found = await deps.db.send(
    new GetCommand({ TableName: deps.names.sessionsTable, Key: keyOf(pipeline), ConsistentRead: true }),
  );
  const none: TurnItem = { ...keyOf(pipeline), turn_of: pipeline, waiting: [], revision: 0 };
  return (found.Item as TurnItem | undefined) ?? none;
}

/** @returns whether nobody has changed it in the meantime */
async function writeTurn(deps: OverlapDeps, before: TurnItem, next: Pick<TurnItem, 'holder' | 'waiting'>) {
  const { holder, waiting } = next;
  const item: TurnItem = {
    ...keyOf(before.turn_of),
    turn_of: before.turn_of,
    ...(holder === undefined ? {} : { holder: refOf(holder), status: turnStatus }),
    waiting: waiting.map(refOf),
    revision: before.revision + 1,
  };
  try {
    await deps.db.send(
      new PutCommand({
        TableName: deps.names.sessionsTable,
        Item: item,
        ConditionExpression: 'attribute_not_exists(session_id) OR revision = :revision',
        ExpressionAttributeValues: { ':revision': before.revision },
      }),
    );
    return true;
  } catch (thrown) {
    if (thrown instanceof ConditionalCheckFailedException) return false;
    throw thrown;
  }
}

/** A turn that is taken: by nobody, or by a session that has not ended. Passes it on where it has. */
async function passTurn(deps: OverlapDeps, pipeline: string): Promise<TurnItem> {
  for (;;) {
    const turn = await readTurn(deps, pipeline);
    const { holder } = turn;
    const holding = holder && (await getSession(deps, holder.session_id));
    if (holding?.status === 'queued') {
      if (await startHolder(deps, holding)) return turn;
      continue;
    }
    if (holding !== undefined && (!isTerminal(holding.status) || isBeingRedriven(deps, turn, holding))) return turn;
    if (holder === undefined && turn.waiting.length === 0) return turn;
    const [next, ...waiting] = turn.waiting;
    // One that was cancelled while it waited is passed over when it is its turn: it has ended.
    await writeTurn(deps, turn, { ...(next === undefined ? {} : { holder: next }), waiting });
  }
}

/** Whoever redrives a session takes its turn first; a redrive that is not on record by then is none. */
const redriveGraceMs = 60_000;

function isBeingRedriven(deps: OverlapDeps, { holder }: TurnItem, holding: SessionItem): boolean {
  if (holder?.redrive === undefined || holder.redrive <= (holding.redrive_count ?? 0)) return false;
  return deps.now() - Date.parse(holder.asked_at ?? '') < redriveGraceMs;
}

/**
 * Takes the turn for a session that is to be redriven.
 *
 * @param redrive how often its execution will have been redriven
 * @returns the session whose turn it is instead, if it is another's
 */
export async function takeTurnToRedrive(
  deps: OverlapDeps,
  item: SessionItem,
  redrive: number,
): Promise<SessionRef | undefined> {
  for (;;) {
    const turn = await passTurn(deps, item.pipeline_id);
    const { holder, waiting } = turn;
    if (holder !== undefined) return isSame(holder, item) ? undefined : holder;
    const next = { ...item, redrive, asked_at: new Date(deps.now()).toISOString() };
    if (await writeTurn(deps, turn, { holder: next, waiting })) return undefined;
  }
}

/** The session whose turn it is, if it is another's. Changes nothing. */
export async function whoseTurn(deps: OverlapDeps, item: SessionItem): Promise<SessionRef | undefined> {
  const turn = await readTurn(deps, item.pipeline_id);
  const { holder, waiting } = turn;
  if (holder === undefined || isSame(holder, item)) return undefined;
  const holding = await getSession(deps, holder.session_id);
  const isOver = holding === undefined || (isTerminal(holding.status) && !isBeingRedriven(deps, turn, holding));
  return isOver ? waiting[0] : holder;
}

/**
 * Starts the session whose turn it is.
 *
 * @returns false when it can never run: it has ended then
 */
async function startHolder(deps: OverlapDeps, item: SessionItem): Promise<boolean> {
  const { pipeline_id: id, pipeline_version: version } = item;
  const own = await findPipeline(deps, id, version);
  try {
    // Where machines have no versions, what is deployed now is what will run.
    const runs = own?.machine_version_arn === undefined ? await requirePipeline(deps, id) : own;
    if (runs.version !== version && item.rerun_plan !== undefined) {
      const why = `version ${version}, for which its rerun was planned, is not deployed any more; rerun it again`;
      throw new BunsuiError('PipelineError', 'BS3003', why);
    }
    if (runs.version !== version && !(await moveToVersion(deps, item, runs))) return true;
    await startQueued(deps, { ...item, pipeline_version: runs.version }, machineToStart(runs));
    return true;
  } catch (thrown) {
    if (!(thrown instanceof BunsuiError) || thrown.name !== 'PipelineError') throw thrown;
    await drop(deps, item, thrown.code, thrown.message);
    return false;
  }
}

const isStillQueued = (item: SessionItem) => ({
  condition: '#status = :queued AND #generation = :generation',
  names: { '#status': 'status', '#generation': 'generation' },
  values: { ':queued': 'queued', ':generation': item.generation },
});

async function moveToVersion(deps: OverlapDeps, item: SessionItem, to: PipelineItem): Promise<boolean> {
  const set = { pipeline_version: to.version, total_jobs: to.total_jobs };
  return (await updateSession(deps, item, { set, ...isStillQueued(item) })) === 'ok';
}

/** Ends a session that never runs. */
async function drop(deps: OverlapDeps, item: SessionItem, code: string, message: string): Promise<void> {
  const at = new Date(deps.now()).toISOString();
  const fields = { error_code: code, error_message: message, completed_at: at, updated_at: at };
  const set = { ...fields, status: 'cancelled' } as const;
  await cancelAndTell(deps, { ...item, ...set }, () => updateSession(deps, item, { set, ...isStillQueued(item) }));
}

/** Takes the turn, waits for it, or is dropped. */
async function takeTurn(deps: OverlapDeps, item: SessionItem, policy: Exclude<OverlapPolicy, 'allow'>): Promise<Begun> {
  for (;;) {
    const stored = await getSession(deps, item.session_id);
    // It has been started, or has ended: as far as this goes, the same.
    if (stored?.status !== 'queued') return stored?.error_code === overlapError ? 'skipped' : 'started';
    const turn = await passTurn(deps, item.pipeline_id);
    const { holder, waiting } = turn;
    if (isSame(holder, item)) continue;
    if (holder === undefined) {
      await writeTurn(deps, turn, { holder: inLine(stored), waiting });
      continue;
    }
    if (waiting.some((other) => isSame(other, item))) {
      if (policy === 'cancel-running') await cancelFor(deps, item, holder);
      // The end of what was cancelled is recorded by whoever hears of it, here at once if it was never started.
      return isSame((await passTurn(deps, item.pipeline_id)).holder, item) ? 'started' : 'waiting';
    }
    if (policy === 'skip' || waiting.length >= maxWaiting) {
      const full = policy === 'skip' ? '' : `, and ${waiting.length} wait`;
      await drop(deps, stored, overlapError, `session ${holder.session_id} of this pipeline ran already${full}`);
      continue;
    }
    if (policy === 'queue') {
      await writeTurn(deps, turn, { holder, waiting: [...waiting, inLine(stored)].sort(byAge) });
      continue;
    }
    const newer = [holder, ...waiting].find((other) => byAge(inLine(stored), other) < 0);
    if (newer !== undefined) {
      await drop(deps, stored, overlapError, `session ${newer.session_id} of this pipeline was started after it`);
      continue;
    }
    // Before they leave the item: nobody would find them afterwards.
    for (const other of waiting) await cancelFor(deps, item, other);
    await writeTurn(deps, turn, { holder, waiting: [inLine(stored)] });
  }
}

/** Cancels a session in favour of another one, unless it has ended. */
async function cancelFor(deps: OverlapDeps, item: SessionItem, other: SessionRef): Promise<void> {
  try {
    await cancelSession(deps, { session: other.session_id, reason: `session ${item.session_id} was to start` });
  } catch (thrown) {
    if (thrown instanceof BunsuiError && thrown.code === 'BS3005') return;
    throw thrown;
  }
}
