/** The jobs of a session as its records tell them: each job with its attempts, a page at a time. */
import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod/mini';
import type { Json } from '../ir/expressions.ts';
import type { StoreDeps } from '../sessions/deps.ts';
import { maxRecordTextBytes } from '../sessions/fit-text.ts';
import type { AnswerItem, AttemptItem, CheckpointItem, SessionItem } from '../sessions/items.ts';
import { type PayloadStore, type ReadWhole, wholeValues } from '../sessions/whole-values.ts';
import type { JobItem as StoredItem } from '../sessions/store.ts';
import { tables } from '../storage-layout.ts';
import { maxPageBytes, readCursor, writeCursor } from './cursors.ts';
import { recordedValue } from '../sessions/recorded-value.ts';
import { optional } from './session-record.ts';
import { type job, jobPath } from './schemas.ts';

type JobItem = AttemptItem | CheckpointItem | AnswerItem;
export type Job = z.output<typeof job>;

export interface JobQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly job?: string | undefined;
  /** With inputs and outputs. */
  readonly data: boolean;
}

const { partitionKey, sortKey } = tables.jobHistory;
/** Comes directly after `#` among characters: after everything of a job, before everything of the next. */
const behind = '$';
const mark = z.tuple([jobPath()]);

/** By path. */
export async function jobPage(
  deps: StoreDeps & PayloadStore,
  session: SessionItem,
  query: JobQuery,
): Promise<{ readonly jobs: readonly Job[]; readonly cursor?: string }> {
  const after = query.cursor === undefined ? undefined : readCursor(mark, query.cursor)[0];
  const jobs: Job[] = [];
  let bytes = 0;
  let last: string | undefined;
  const whole = wholeValues(deps, session);
  for await (const [path, items] of groups(records(deps, session.session_id, { job: query.job, after }))) {
    const found = await withWholeValues(jobOf(path, items, query.data), whole);
    bytes += JSON.stringify(found).length;
    if (jobs.length === query.limit || (jobs.length > 0 && bytes > maxPageBytes)) {
      return last === undefined ? { jobs } : { jobs, cursor: writeCursor([last]) };
    }
    jobs.push(found);
    last = path;
  }
  return { jobs };
}

async function* records(
  deps: StoreDeps,
  session: string,
  { job: path, after }: { readonly job: string | undefined; readonly after: string | undefined },
): AsyncGenerator<JobItem> {
  const bounds =
    path === undefined
      ? { ':from': after === undefined ? ' ' : `${after}${behind}`, ':to': '~' }
      : { ':from': after === undefined ? `${path}#` : `${after}${behind}`, ':to': `${path}${behind}` };
  // Nothing lies between bounds in the wrong order, which DynamoDB refuses.
  if (bounds[':from'] > bounds[':to']) return;
  let from: Record<string, unknown> | undefined;
  do {
    const page = await deps.db.send(
      new QueryCommand({
        TableName: deps.names.jobHistoryTable,
        KeyConditionExpression: `${partitionKey} = :id AND ${sortKey} BETWEEN :from AND :to`,
        ExpressionAttributeValues: { ':id': session, ...bounds },
        ExclusiveStartKey: from,
      }),
    );
    // What may be reused is nothing that has happened.
    const items = (page.Items ?? []) as StoredItem[];
    yield* items.filter((item) => item.record_type === 'attempt' || item.record_type === 'checkpoint');
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
}

/** Records of the same job, which stand side by side. */
async function* groups(items: AsyncIterable<JobItem>): AsyncGenerator<readonly [string, readonly JobItem[]]> {
  let path: string | undefined;
  let group: JobItem[] = [];
  for await (const item of items) {
    if (path !== undefined && item.job_id !== path) {
      yield [path, group];
      group = [];
    }
    path = item.job_id;
    group.push(item);
  }
  if (path !== undefined) yield [path, group];
}

async function withWholeValues(job: Job, whole: ReadWhole): Promise<Job> {
  const { input, output } = job;
  return {
    ...job,
    ...(input === undefined ? {} : { input: await whole(input as Json, maxRecordTextBytes) }),
    ...(output === undefined ? {} : { output: await whole(output as Json, maxRecordTextBytes) }),
  };
}

/** As they happened: clocks may go back, the events of an execution are numbered. */
function byRun(a: AttemptItem, b: AttemptItem): number {
  return a.generation - b.generation || a.event_id - b.event_id;
}

function jobOf(path: string, items: readonly JobItem[], withData: boolean): Job {
  const attempts = items.filter((item) => item.record_type === 'attempt').sort(byRun);
  const checkpoints = items.filter((item) => item.record_type === 'checkpoint');
  const generation = Math.max(...items.map((item) => item.generation));
  const last = attempts.filter((one) => one.generation === generation).at(-1);
  // The wrapper records a completion before anybody else has heard of it.
  const checkpoint = checkpoints.find((one) => one.generation === generation);
  const output = checkpoint?.output ?? last?.output;
  return {
    job_id: path,
    operation_id: (last ?? checkpoint)?.operation_id ?? '',
    job_status: checkpoint === undefined ? (last?.job_status ?? 'running') : 'completed',
    generation,
    attempts: attempts.map((one) => ({
      attempt: one.attempt,
      generation: one.generation,
      job_status: one.job_status,
      started_at: one.started_at,
      ...optional(
        one,
        'completed_at',
        'duration_ms',
        'error_code',
        'error_message',
        'called_session',
        'compensates',
        'reused_from',
      ),
    })),
    ...(withData && last?.input !== undefined ? { input: recordedValue(last.input) } : {}),
    ...(withData && output !== undefined ? { output: recordedValue(output) } : {}),
  };
}
