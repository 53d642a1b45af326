/**
 * A notice: what is published when something happens to a session, and what channels are told. One JSON message on the
 * platform's topic, with the attributes `event`, `pipeline` and `channels` (`String.Array`), by which subscriptions filter.
 */
import type { SourcePosition } from '../errors.ts';
import type { NoticeEvent } from '../ir/nodes.ts';
import type { SessionTrigger } from './items.ts';
import type { SessionStatus } from './status.ts';

export interface Notice {
  readonly noticeVersion: 1;
  /** The same however often the notice is published or delivered: receivers may drop what they have seen. */
  readonly delivery_id: string;
  readonly event: NoticeEvent;
  /** When it happened, ISO 8601 in UTC. */
  readonly at: string;
  /** Names of the channels that are to hear of it. */
  readonly channels: readonly string[];
  readonly session_id: string;
  readonly created_at: string;
  readonly pipeline_id: string;
  readonly pipeline_version: string;
  readonly status: SessionStatus;
  readonly trigger: SessionTrigger;
  readonly execution_arn?: string;
  readonly environment?: string;
  /** The deployed platform, by its prefix; absent on a laptop. */
  readonly platform?: string;
  readonly region: string;
  readonly duration_ms?: number;
  /** Jobs outside of maps. */
  readonly total_jobs: number;
  readonly completed_jobs: number;
  readonly failed_jobs: number;
  /** How many jobs were undone after the failure, and how many compensations have failed. */
  readonly compensation?: { readonly undone: number; readonly failed: number };
  /** The job that failed or is tried again. */
  readonly job?: { readonly job_id: string; readonly attempt: number; readonly source?: SourcePosition };
  /** What somebody is asked, where that is what it is about. */
  readonly approval?: {
    readonly message: string;
    readonly who: readonly string[];
    readonly asked_at: string;
    readonly expires_at: string;
  };
  /** Where what failed is written, when it is no job: a condition, a map. */
  readonly source?: SourcePosition;
  readonly error?: { readonly error_code: string; readonly error_message: string };
}

/** Stable: one per event of a session's generation and redrive, and per attempt where the event is about one. */
export function deliveryId(at: {
  readonly session: string;
  readonly generation: number;
  readonly redrive: number;
  readonly event: NoticeEvent;
  readonly job?: string;
  /** Of an approval when it was asked. */
  readonly attempt?: number | string;
}): string {
  const { session, generation, redrive, event, job, attempt } = at;
  return [session, generation, redrive, event, ...(job === undefined ? [] : [job, attempt ?? 1])].join('/');
}
