/** Reads executions from Step Functions in the form that the fold takes. */
import {
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  DescribeStateMachineForExecutionCommand,
  GetExecutionHistoryCommand,
  type HistoryEvent as SdkHistoryEvent,
  type SFNClient,
  StateMachineDoesNotExist,
} from '@aws-sdk/client-sfn';
import type { ExecutionStatus, HistoryEvent } from '../asl/history.ts';
import type { Json } from '../ir/expressions.ts';
import { reservedInputKey } from '../storage-layout.ts';
import { type RanContainer, ranContainers } from './container-view.ts';
import { parseJson } from './json-parts.ts';
import { wholeHistory } from './splice-histories.ts';

type Sfn = Pick<SFNClient, 'send'>;

export interface ExecutionFacts {
  readonly executionArn: string;
  readonly stateMachineArn: string;
  readonly status: ExecutionStatus;
  /** JSON text. */
  readonly input: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** ISO 8601; absent while it runs. */
  readonly stoppedAt?: string;
  readonly redriveCount: number;
  /** What it has failed or was stopped with. */
  readonly error?: string;
}

export async function describeExecution(sfn: Sfn, executionArn: string): Promise<ExecutionFacts> {
  const found = await sfn.send(new DescribeExecutionCommand({ executionArn }));
  return {
    executionArn,
    stateMachineArn: found.stateMachineArn ?? '',
    status: found.status as ExecutionStatus,
    input: found.input ?? '{}',
    startedAt: (found.startDate ?? new Date(0)).toISOString(),
    ...(found.stopDate === undefined ? {} : { stoppedAt: found.stopDate.toISOString() }),
    redriveCount: found.redriveCount ?? 0,
    ...(found.error === undefined ? {} : { error: found.error }),
  };
}

/** AWS takes no more at a time. */
const pageSize = 1_000;

/** The whole history of an execution with those of its child machines (`splice-histories.ts`), oldest first. */
export async function readHistory(sfn: Sfn, executionArn: string): Promise<readonly HistoryEvent[]> {
  return wholeHistory(await readOwnHistory(sfn, executionArn), (child) => readOwnHistory(sfn, child));
}

async function readOwnHistory(sfn: Sfn, executionArn: string): Promise<readonly HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  let nextToken: string | undefined;
  do {
    const page = await sfn.send(
      new GetExecutionHistoryCommand({
        executionArn,
        maxResults: pageSize,
        includeExecutionData: true,
        ...(nextToken === undefined ? {} : { nextToken }),
      }),
    );
    events.push(...(page.events ?? []).map(fromSdk));
    ({ nextToken } = page);
  } while (nextToken !== undefined);
  return events;
}

/**
 * The newest events of an execution, newest first, back to the one with the given id; whole pages, so more may come.
 *
 * @param maxPages of at most 1,000 events each
 */
export async function readNewest(
  sfn: Sfn,
  executionArn: string,
  backTo: number,
  maxPages: number,
): Promise<readonly HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  let nextToken: string | undefined;
  for (let pages = 0; pages < maxPages; pages += 1) {
    const page = await sfn.send(
      new GetExecutionHistoryCommand({
        executionArn,
        maxResults: pageSize,
        includeExecutionData: true,
        reverseOrder: true,
        ...(nextToken === undefined ? {} : { nextToken }),
      }),
    );
    events.push(...(page.events ?? []).map(fromSdk));
    ({ nextToken } = page);
    if (nextToken === undefined || (events.at(-1)?.id ?? 0) <= backTo) break;
  }
  return events;
}

/** The SDK's event is ours but for its time. Types of events that sessions do not know pass through and are ignored. */
export function fromSdk(event: SdkHistoryEvent): HistoryEvent {
  return {
    ...event,
    previousEventId: event.previousEventId ?? 0,
    timestamp: event.timestamp?.getTime() ?? 0,
  } as unknown as HistoryEvent;
}

/**
 * Names of the Lambda functions of ours that an execution's state machine and its child machines call, each once:
 * functions of others log elsewhere, and nothing of a session. A deployment with fewer child machines removes the others: what those called is not known any more.
 */
export async function functionsOf(sfn: Sfn, executionArn: string): Promise<readonly string[]> {
  return (await loggedBy(sfn, executionArn)).functions;
}

/** What has written a session's log: functions of ours by their names, and containers that have run. */
export interface Logged {
  readonly functions: readonly string[];
  readonly containers: readonly RanContainer[];
}

/** @see functionsOf */
export async function loggedBy(sfn: Sfn, executionArn: string): Promise<Logged> {
  const found = await sfn.send(new DescribeStateMachineForExecutionCommand({ executionArn }));
  const { definition = '' } = found;
  const children = [...definition.matchAll(/"StateMachineArn":\s*"(arn:[^"]{1,300})"/g)].map((match) => match[1] ?? '');
  const definitions = [definition];
  for (const stateMachineArn of children) {
    try {
      const child = await sfn.send(new DescribeStateMachineCommand({ stateMachineArn }));
      definitions.push(child.definition ?? '');
    } catch (thrown) {
      if (!(thrown instanceof StateMachineDoesNotExist)) throw thrown;
    }
  }
  const called = definitions.flatMap((text) => functionsCalled(parseJson(text)));
  const hasContainers = definitions.some((text) => text.includes(':ecs:runTask.sync'));
  const containers = hasContainers ? ranContainers(await readHistory(sfn, executionArn)) : [];
  return { functions: [...new Set(called)], containers };
}

/** Functions that states of a machine call with the envelope of a job. A version or alias may follow the name. */
function functionsCalled(part: Json | undefined): readonly string[] {
  if (typeof part !== 'object' || part === null) return [];
  const { FunctionName: name, Payload: payload, Resource: resource } = part as { readonly [field: string]: Json };
  const isOurs = typeof payload === 'object' && payload !== null && reservedInputKey in payload;
  // On a laptop a function runs the program that is there in a container's place: the state calls it by its ARN.
  const arn = isOurs ? name : resource;
  const found = typeof arn === 'string' ? /:function:([A-Za-z0-9_-]{1,64})/.exec(arn)?.[1] : undefined;
  return found === undefined ? Object.values(part).flatMap(functionsCalled) : [found];
}

/** Step Functions has been asked too often, by anybody in the account. */
export function isThrottling(thrown: unknown): boolean {
  return (
    thrown instanceof Error && /^(ThrottlingException|TooManyRequestsException|RequestLimitExceeded)$/.test(thrown.name)
  );
}
