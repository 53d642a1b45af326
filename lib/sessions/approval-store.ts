/**
 * Items of approvals that wait: written by the machine, read and ended here and nowhere else. The token in them leaves
 * this file only to Step Functions.
 */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import type { SFNClient } from '@aws-sdk/client-sfn';
import { DeleteCommand, GetCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import {
  answersPrefix,
  approvalAttributes as at,
  approvalKey,
  type ApprovalOutput,
  type ApprovalRequest,
  approvalsPartition,
} from '../approval-layout.ts';
import { gateAttributes } from '../gate-layout.ts';
import type { Json } from '../ir/expressions.ts';
import { type ExecutionBlock, readExecutionBlock, sessionOfExecution, tables } from '../storage-layout.ts';
import { readAsked } from './approval-view.ts';
import type { StoreDeps } from './deps.ts';
import type { AnswerItem, SessionItem } from './items.ts';
import { isTerminal } from './status.ts';

export interface ApprovalStoreDeps extends StoreDeps {
  /** The table of gates, in which approvals wait. */
  readonly gatesTable: string;
}

export interface ApprovalSendDeps extends ApprovalStoreDeps {
  readonly sfn: Pick<SFNClient, 'send'>;
}

/** An approval that waits, or whose answer Step Functions may not have yet. */
export interface AskedApproval extends Omit<ApprovalRequest, 'block'> {
  readonly block: ExecutionBlock;
  /** ISO 8601. */
  readonly askedAt: string;
  /** The answer that was taken. */
  readonly answered?: ApprovalOutput<Json>;
  /** It was told of. */
  readonly isNoticed: boolean;
}

/** When it waits no longer, milliseconds since the epoch. */
export function endOfWait({ askedAt, timeout }: Pick<AskedApproval, 'askedAt' | 'timeout'>): number {
  return Date.parse(askedAt) + timeout * 1_000;
}

/** Whether a session has ended: what asks since a redrive that is not on record yet is a session that goes on. */
export function hasEnded(
  { status, redrive_count: redrive = 0 }: Pick<SessionItem, 'status' | 'redrive_count'>,
  asked: AskedApproval | undefined,
): boolean {
  return isTerminal(status) && (asked === undefined || asked.redrive <= redrive);
}

type Item = { readonly [attribute: string]: unknown };

const text = (item: Item, attribute: string): string | undefined => {
  const value = item[attribute];
  return typeof value === 'string' ? value : undefined;
};

function read(item: Item): AskedApproval | undefined {
  const request = readAsked(text(item, at.asked) ?? '');
  const askedAt = text(item, at.askedAt);
  if (request === undefined || askedAt === undefined) return undefined;
  const { block, ...rest } = request;
  const answered = text(item, at.answered);
  return {
    ...rest,
    block: readExecutionBlock(block) ?? sessionOfExecution(request.execution, request.startedAt),
    askedAt,
    ...(answered === undefined ? {} : { answered: JSON.parse(answered) as ApprovalOutput<Json> }),
    isNoticed: text(item, at.noticed) !== undefined,
  };
}

/** Everything but the token. */
const shown = {
  ProjectionExpression: '#asked, #at, #answered, #noticed',
  ExpressionAttributeNames: { '#asked': at.asked, '#at': at.askedAt, '#answered': at.answered, '#noticed': at.noticed },
};

const keyOf = (executionArn: string, job: string) => ({
  [gateAttributes.partitionKey]: approvalsPartition,
  [gateAttributes.sortKey]: approvalKey(executionArn, job),
});

export async function readAsking(
  deps: ApprovalStoreDeps,
  executionArn: string,
  job: string,
): Promise<AskedApproval | undefined> {
  const Key = keyOf(executionArn, job);
  const found = await deps.db.send(new GetCommand({ TableName: deps.gatesTable, Key, ConsistentRead: true, ...shown }));
  return found.Item === undefined ? undefined : read(found.Item);
}

/** Every item: of one execution, or of all; in the order of executions and jobs. */
export async function listAsking(deps: ApprovalStoreDeps, executionArn?: string): Promise<readonly AskedApproval[]> {
  const { partitionKey, sortKey } = gateAttributes;
  const all: AskedApproval[] = [];
  let from: Record<string, unknown> | undefined;
  do {
    const page = await deps.db.send(
      new QueryCommand({
        TableName: deps.gatesTable,
        KeyConditionExpression: `#pk = :approvals${executionArn === undefined ? '' : ' AND begins_with(#sk, :execution)'}`,
        ...shown,
        ExpressionAttributeNames: {
          ...shown.ExpressionAttributeNames,
          '#pk': partitionKey,
          ...(executionArn === undefined ? {} : { '#sk': sortKey }),
        },
        ExpressionAttributeValues: {
          ':approvals': approvalsPartition,
          ...(executionArn === undefined ? {} : { ':execution': `${executionArn} ` }),
        },
        ExclusiveStartKey: from,
      }),
    );
    all.push(...(page.Items ?? []).flatMap((item) => read(item) ?? []));
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  return all;
}

async function unlessStale(write: Promise<unknown>): Promise<'ok' | 'stale'> {
  try {
    await write;
    return 'ok';
  } catch (thrown) {
    if (thrown instanceof ConditionalCheckFailedException) return 'stale';
    throw thrown;
  }
}

const isSame = (asked: AskedApproval) => ({
  condition: '#at = :at',
  names: { '#at': at.askedAt },
  values: { ':at': asked.askedAt },
});

/** Takes an answer, the first one. @returns `'stale'` when another was taken, or it is asked anew or no more */
export async function claimAnswer(
  deps: ApprovalStoreDeps,
  asked: AskedApproval,
  answer: ApprovalOutput<Json>,
): Promise<'ok' | 'stale'> {
  const { condition, names, values } = isSame(asked);
  return unlessStale(
    deps.db.send(
      new UpdateCommand({
        TableName: deps.gatesTable,
        Key: keyOf(asked.execution, asked.job),
        UpdateExpression: 'SET #answered = :answer',
        ConditionExpression: `${condition} AND attribute_not_exists(#answered)`,
        ExpressionAttributeNames: { ...names, '#answered': at.answered },
        ExpressionAttributeValues: { ...values, ':answer': JSON.stringify(answer) },
      }),
    ),
  );
}

/** Notes that it was told of. */
export async function noteNoticed(deps: ApprovalStoreDeps, asked: AskedApproval, delivery: string): Promise<void> {
  const { condition, names, values } = isSame(asked);
  await unlessStale(
    deps.db.send(
      new UpdateCommand({
        TableName: deps.gatesTable,
        Key: keyOf(asked.execution, asked.job),
        UpdateExpression: 'SET #noticed = :delivery',
        ConditionExpression: condition,
        ExpressionAttributeNames: { ...names, '#noticed': at.noticed },
        ExpressionAttributeValues: { ...values, ':delivery': delivery },
      }),
    ),
  );
}

/** Ends a wait on record, unless it is asked anew by now. */
export async function forgetAsking(deps: ApprovalStoreDeps, asked: AskedApproval): Promise<void> {
  const { condition, names, values } = isSame(asked);
  await unlessStale(
    deps.db.send(
      new DeleteCommand({
        TableName: deps.gatesTable,
        Key: keyOf(asked.execution, asked.job),
        ConditionExpression: condition,
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: values,
      }),
    ),
  );
}

/**
 * Clears away what an execution that has ended does not wait for any more.
 *
 * @param redrive how often it had been redriven then: what is asked since is left
 */
export async function forgetApprovals(deps: ApprovalStoreDeps, executionArn: string, redrive: number): Promise<void> {
  for (const asked of await listAsking(deps, executionArn)) {
    if (asked.redrive <= redrive) await forgetAsking(deps, asked);
  }
}

/** The token, for who sends an answer; `undefined` when it is asked anew by now, or no more. */
export async function tokenOf(deps: ApprovalStoreDeps, asked: AskedApproval): Promise<string | undefined> {
  const Key = keyOf(asked.execution, asked.job);
  const { Item = {} } = await deps.db.send(new GetCommand({ TableName: deps.gatesTable, Key, ConsistentRead: true }));
  return text(Item, at.askedAt) === asked.askedAt ? text(Item, at.token) : undefined;
}

/** Puts an answer on record. The same again changes nothing. */
export async function recordAnswer(deps: StoreDeps, item: AnswerItem): Promise<void> {
  await deps.db.send(new PutCommand({ TableName: deps.names.jobHistoryTable, Item: item }));
}

/** Takes an answer off the record that Step Functions did not take. */
export async function withdrawAnswer(deps: StoreDeps, { session_id, job_timestamp }: AnswerItem): Promise<void> {
  const Key = { session_id, job_timestamp };
  await deps.db.send(new DeleteCommand({ TableName: deps.names.jobHistoryTable, Key }));
}

/** The answers to a job that are on record, in order. */
export async function answersOf(deps: StoreDeps, session: string, job: string): Promise<readonly AnswerItem[]> {
  const { partitionKey, sortKey } = tables.jobHistory;
  const found = await deps.db.send(
    new QueryCommand({
      TableName: deps.names.jobHistoryTable,
      KeyConditionExpression: `${partitionKey} = :id AND begins_with(${sortKey}, :answers)`,
      ExpressionAttributeValues: { ':id': session, ':answers': answersPrefix(job) },
    }),
  );
  return (found.Items ?? []) as AnswerItem[];
}
