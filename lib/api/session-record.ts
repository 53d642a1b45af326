/** Sessions as the API shows them: the record, without what is bookkeeping only, with values in place of JSON text. */
import type * as z from 'zod/mini';
import type { SessionItem } from '../sessions/items.ts';
import { recordedValue } from '../sessions/recorded-value.ts';
import { type PayloadStore, wholeValues } from '../sessions/whole-values.ts';
import type { session, sessionSummary } from './schemas.ts';

export function summaryOf(item: SessionItem): z.output<typeof sessionSummary> {
  return {
    session_id: item.session_id,
    created_at: item.created_at,
    pipeline_id: item.pipeline_id,
    pipeline_version: item.pipeline_version,
    status: item.status,
    ...optional(item, 'started_at', 'completed_at', 'error_code', 'error_message'),
    total_jobs: item.total_jobs,
    completed_jobs: item.completed_jobs,
    failed_jobs: item.failed_jobs,
    ...optional(item, 'compensation'),
    generation: item.generation,
    redrive_count: item.redrive_count ?? 0,
    ...optional(item, 'execution_arn'),
    trigger: item.trigger,
    ...optional(item, 'called_by', 'user_name', 'pausing', 'tags', 'environment'),
    region: item.region,
    updated_at: item.updated_at,
  };
}

/** A session's values may have this much as JSON; an answer of the API at most six times that. */
const maxValueBytes = 1_048_576;

export async function sessionOf(store: PayloadStore, item: SessionItem): Promise<z.output<typeof session>> {
  const whole = wholeValues(store, item);
  return {
    ...summaryOf(item),
    actions: [...(item.actions ?? [])],
    input: await whole(recordedValue(item.input), maxValueBytes),
    ...(item.output === undefined ? {} : { output: await whole(recordedValue(item.output), maxValueBytes) }),
  };
}

type Present<T, K extends keyof T> = { [F in K]?: Exclude<T[F], undefined> };

/** Those of the fields that the item has. */
export function optional<T extends object, K extends keyof T>(item: T, ...fields: readonly K[]): Present<T, K> {
  const found: Present<T, K> = {};
  for (const field of fields) {
    const value = item[field];
    if (value !== undefined) found[field] = value as Exclude<T[K], undefined>;
  }
  return found;
}
