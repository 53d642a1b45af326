/** What is kept of a session's jobs: results of those that have completed, and what handlers keep of their way. */
import { BatchWriteCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { BunsuiError } from '../errors.ts';
import { checkpointKey, isJobPath, isMilestone, maxProgressBytes, progressKey } from '../storage-layout.ts';
import type { StoreDeps } from './deps.ts';
import type { Asker, CandidateItem, CheckpointItem, ProgressItem, SessionItem } from './items.ts';
import { isTerminal } from './status.ts';
import { getSession, listJobRecords } from './store.ts';

export const checkpointKinds = ['result', 'candidate', 'progress', 'milestone', 'manual'] as const;
export type CheckpointKind = (typeof checkpointKinds)[number];

/** One of them. */
export interface KeptCheckpoint {
  /** Path. */
  readonly job: string;
  readonly generation: number;
  /**
   * `result`: the job has completed; `candidate`: a rerun may take it; `progress`: a handler has kept it on its way,
   * `milestone`: under a name; `manual`: a person has kept either.
   */
  readonly kind: CheckpointKind;
  readonly milestone?: string;
  readonly by?: Asker;
  readonly attempt?: number;
  readonly at: string;
  /** The generation that computed it, where a rerun has reused it. */
  readonly reused_from?: number;
  /** Of its value. */
  readonly bytes: number;
  /** JSON text. */
  readonly value: string;
}

/** All that is kept of a session, the newest generation first, then by job. */
export async function listCheckpoints(deps: StoreDeps, session: string): Promise<readonly KeptCheckpoint[]> {
  const { checkpoints, candidates, progress } = await listJobRecords(deps, session);
  return [...checkpoints, ...candidates, ...progress]
    .map(keptOf)
    .sort((a, b) => b.generation - a.generation || (a.job < b.job ? -1 : a.job > b.job ? 1 : 0));
}

function keptOf(item: CheckpointItem | CandidateItem | ProgressItem): KeptCheckpoint {
  const { job_id: job, generation, attempt } = item;
  if (item.record_type === 'progress') {
    const { value, kept_at: at, kept_by: by, milestone } = item;
    const kind = by !== undefined ? 'manual' : milestone === undefined ? 'progress' : 'milestone';
    const more = { ...(milestone === undefined ? {} : { milestone }), ...(by === undefined ? { attempt } : { by }) };
    return { job, generation, kind, ...more, at, bytes: Buffer.byteLength(value), value };
  }
  const { output: value, completed_at: at, reused_from } = item;
  return {
    job,
    generation,
    kind: item.record_type === 'candidate' ? 'candidate' : 'result',
    attempt,
    at,
    ...(reused_from === undefined ? {} : { reused_from }),
    bytes: Buffer.byteLength(value),
    value,
  };
}

export interface KeepRequest {
  /** Id. */
  readonly session: string;
  /** Path. */
  readonly job: string;
  /** JSON text, at most 256 KiB. */
  readonly value: string;
  readonly milestone?: string;
  readonly by: Asker;
}

/**
 * Keeps a value for a job in place of its handler: the next try in the session's generation is given it.
 *
 * @throws {BunsuiError} BS3002 when there is no such session, BS2001 for what is no path, JSON, or name of a milestone
 */
export async function keepCheckpoint(
  deps: StoreDeps & { readonly now: () => number },
  { session, job, value, milestone, by }: KeepRequest,
): Promise<KeptCheckpoint> {
  const refuse = (message: string, hint: string) => new BunsuiError('ValidationError', 'BS2001', message, { hint });
  if (!isJobPath(job)) {
    throw refuse(`"${job.slice(0, 100)}" is no path of a job`, 'paths are as session show has them: convert[17]/one');
  }
  if (milestone !== undefined && !isMilestone(milestone)) {
    const hint = 'a name has letters, digits, - and _, at most 64';
    throw refuse(`"${milestone.slice(0, 100)}" is no name of a milestone`, hint);
  }
  const bytes = Buffer.byteLength(value);
  if (bytes > maxProgressBytes) {
    throw refuse(
      `the value is ${bytes} bytes, at most ${maxProgressBytes} are kept`,
      'keep the key of an object in S3',
    );
  }
  try {
    JSON.parse(value);
  } catch (cause) {
    throw refuse(`the value is no JSON: ${(cause as Error).message}`, `a text is in quotes: '"so"'`);
  }
  const item = await existing(deps, session);
  const kept: ProgressItem = {
    session_id: item.session_id,
    job_timestamp: progressKey(job, item.generation, milestone),
    record_type: 'progress',
    job_id: job,
    operation_id: '',
    attempt: 0,
    generation: item.generation,
    execution_arn: item.execution_arn ?? '',
    ...(milestone === undefined ? {} : { milestone }),
    value,
    kept_at: new Date(deps.now()).toISOString(),
    kept_by: by,
  };
  await deps.db.send(new PutCommand({ TableName: deps.names.jobHistoryTable, Item: kept }));
  return keptOf(kept);
}

async function existing(deps: StoreDeps, session: string): Promise<SessionItem> {
  const item = await getSession(deps, session);
  if (item !== undefined) return item;
  const id = session.slice(0, 100);
  throw new BunsuiError('SessionError', 'BS3002', `no session has the id "${id}"`, { context: { session_id: id } });
}

export interface PruneRequest {
  /** Id. */
  readonly session: string;
  /**
   * Also results of the last generation, which a rerun would reuse.
   *
   * @default what no rerun needs: earlier generations, and the way of jobs that have completed
   */
  readonly all?: boolean;
}

const batchSize = 25;

/**
 * Deletes what is kept of a session that has ended.
 *
 * @returns what was deleted
 * @throws {BunsuiError} BS3002 when there is no such session, BS3017 when it has not ended
 */
export async function pruneCheckpoints(
  deps: StoreDeps,
  { session, all = false }: PruneRequest,
): Promise<readonly KeptCheckpoint[]> {
  const item = await existing(deps, session);
  requireEnded(item);
  const { checkpoints, candidates, progress } = await listJobRecords(deps, session);
  const records = [...checkpoints, ...candidates, ...progress];
  const done = new Set(checkpoints.map(({ job_timestamp }) => job_timestamp));
  const isNeeded = (record: (typeof records)[number]) =>
    record.generation === item.generation &&
    (record.record_type !== 'progress' || !done.has(checkpointKey(record.job_id, record.generation)));
  const gone = records.filter((record) => all || !isNeeded(record));
  const table = deps.names.jobHistoryTable;
  let open = gone.map(({ session_id, job_timestamp }) => ({ DeleteRequest: { Key: { session_id, job_timestamp } } }));
  while (open.length > 0) {
    const answer = await deps.db.send(new BatchWriteCommand({ RequestItems: { [table]: open.slice(0, batchSize) } }));
    const left = (answer.UnprocessedItems?.[table] ?? []) as typeof open;
    open = [...left, ...open.slice(batchSize)];
  }
  return gone.map(keptOf);
}

function requireEnded({ session_id, status }: SessionItem): void {
  if (isTerminal(status)) return;
  throw new BunsuiError('SessionError', 'BS3017', `session ${session_id} is ${status}: it has not ended`, {
    context: { session_id, status },
    hint: 'jobs that go on need what is kept; wait for its end',
  });
}
