/**
 * Telling of sessions: notices go to the platform's topic. Ends are told at least once, whatever crashes when:
 *
 *     entry in the outbox → terminal status → publish → `noticed` in the session → entry deleted
 *
 * Whoever finds an entry ends that session again, which does what is missing. An entry is an item of the sessions table
 * under one partition key, so that asking whether anything is open reads nothing when nothing is.
 */
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import { DeleteCommand, GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { NoticeEvent } from '../ir/nodes.ts';
import type { PipelinePolicy } from '../ir/policy.ts';
import type { StoreDeps } from './deps.ts';
import type { SessionItem } from './items.ts';
import { deliveryId, type Notice } from './notice.ts';
import { noticeMessage } from './notice-message.ts';
import { type ChannelEvents, channelsFor } from './notice-rules.ts';

const outboxKey = 'outbox';

export interface NoticeDeps {
  readonly sns: Pick<SNSClient, 'send'>;
  /** ARN. */
  readonly topic: string;
  /** What the platform's channels hear of every pipeline. */
  readonly channels: ChannelEvents;
  /** The deployed platform, by its prefix; absent on a laptop. */
  readonly platform?: string;
}

/** What happened. */
export interface Happening {
  readonly event: NoticeEvent;
  /** ISO 8601. */
  readonly at: string;
  readonly job?: Notice['job'];
  readonly approval?: Notice['approval'];
  readonly source?: Notice['source'];
  readonly error?: Notice['error'];
}

/** The notice of what happened to a session; `undefined` when nobody is to be told. */
export function noticeOf(
  deps: Pick<NoticeDeps, 'channels' | 'platform'>,
  session: SessionItem,
  policy: PipelinePolicy,
  { event, at, job, approval, source, error }: Happening,
): Notice | undefined {
  const channels = channelsFor(event, policy.notify ?? [], deps.channels);
  if (channels.length === 0) return undefined;
  const { session_id, generation, redrive_count: redrive = 0 } = session;
  const which = approval?.asked_at ?? (event === 'retrying' ? job?.attempt : undefined);
  const about = which === undefined || job === undefined ? {} : { job: job.job_id, attempt: which };
  const from = Date.parse(session.started_at ?? session.created_at);
  return {
    noticeVersion: 1,
    delivery_id: deliveryId({ session: session_id, generation, redrive, event, ...about }),
    event,
    at,
    channels,
    session_id,
    created_at: session.created_at,
    pipeline_id: session.pipeline_id,
    pipeline_version: session.pipeline_version,
    status: session.status,
    trigger: session.trigger,
    ...(session.execution_arn === undefined ? {} : { execution_arn: session.execution_arn }),
    ...(session.environment === undefined ? {} : { environment: session.environment }),
    ...(deps.platform === undefined ? {} : { platform: deps.platform }),
    region: session.region,
    ...(event === 'started' ? {} : { duration_ms: Math.max(0, Date.parse(at) - from) }),
    total_jobs: session.total_jobs,
    completed_jobs: session.completed_jobs,
    failed_jobs: session.failed_jobs,
    ...(session.compensation === undefined ? {} : { compensation: session.compensation }),
    ...(job === undefined ? {} : { job }),
    ...(approval === undefined ? {} : { approval }),
    ...(source === undefined ? {} : { source }),
    ...(error === undefined ? {} : { error }),
  };
}

export async function publishNotice(deps: NoticeDeps, notice: Notice): Promise<void> {
  await deps.sns.send(new PublishCommand(noticeMessage(deps.topic, notice)));
}

/** A notice that is to be published: table `sessions`, key `outbox` + its `delivery_id`. In no index. */
export interface OutboxItem {
  readonly session_id: typeof outboxKey;
  readonly created_at: string;
  readonly execution_arn: string;
  /** ISO 8601. */
  readonly entered_at: string;
  /** JSON text of the `Notice`. */
  readonly notice: string;
}

export async function enterOutbox(deps: StoreDeps, notice: Notice, executionArn: string, at: string): Promise<void> {
  const item: OutboxItem = {
    session_id: outboxKey,
    created_at: notice.delivery_id,
    execution_arn: executionArn,
    entered_at: at,
    notice: JSON.stringify(notice),
  };
  await deps.db.send(new PutCommand({ TableName: deps.names.sessionsTable, Item: item }));
}

/** True when the notice is still to be published, as far as anybody has noted. */
export async function isInOutbox(deps: StoreDeps, delivery: string): Promise<boolean> {
  const Key = { session_id: outboxKey, created_at: delivery };
  const found = await deps.db.send(new GetCommand({ TableName: deps.names.sessionsTable, Key, ConsistentRead: true }));
  return found.Item !== undefined;
}

export async function leaveOutbox(deps: StoreDeps, delivery: string): Promise<void> {
  const Key = { session_id: outboxKey, created_at: delivery };
  await deps.db.send(new DeleteCommand({ TableName: deps.names.sessionsTable, Key }));
}

/** What is to be published, oldest sessions first. */
export async function listOutbox(deps: StoreDeps, limit: number): Promise<readonly OutboxItem[]> {
  const found = await deps.db.send(
    new QueryCommand({
      TableName: deps.names.sessionsTable,
      KeyConditionExpression: 'session_id = :outbox',
      ExpressionAttributeValues: { ':outbox': outboxKey },
      Limit: limit,
    }),
  );
  return (found.Items ?? []) as OutboxItem[];
}
