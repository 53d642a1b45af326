/** The services of one small world at the SDK's seam: what a client's `send` is given, and what AWS would answer. */
import { FilterLogEventsCommand, ResourceNotFoundException } from '@aws-sdk/client-cloudwatch-logs';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  DescribeStateMachineForExecutionCommand,
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { PublishCommand } from '@aws-sdk/client-sns';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import type { EndDeps } from '../../lib/sessions/deps.ts';
import type { Notice } from '../../lib/sessions/notice.ts';
import type { NoticeDeps } from '../../lib/sessions/notices.ts';
import { type LocalTables, tableNames } from './local-tables.ts';

export const machineArn = 'arn:aws:states:us-east-1:000000000000:stateMachine:flow';
export const nowMs = Date.parse('2026-03-04T05:06:07.000Z');

export interface LogEvent {
  readonly logStreamName: string;
  readonly timestamp: number;
  readonly message: string;
}

export interface Execution {
  readonly name: string;
  readonly input: string;
  status: string;
  history: readonly HistoryEvent[];
  startedAt?: number;
  stoppedAt?: number;
  redriveCount?: number;
  redrivenAt?: number;
}

export interface Cloud {
  readonly deps: EndDeps & { nowMs: number; notices: NoticeDeps };
  /** By ARN. */
  readonly executions: Map<string, Execution>;
  /** By key. */
  readonly objects: Map<string, string>;
  /** By log group. */
  readonly logs: Map<string, readonly LogEvent[]>;
  /** Messages of the topic, in order. */
  readonly published: Notice[];
  /** Names of the SDK's commands in order, of every service. */
  readonly calls: string[];
  /** Called before and after each command; what it throws is what the caller gets. */
  around: ((when: 'before' | 'after', call: number) => void) | undefined;
  /** All items of a table. */
  items(table: keyof typeof tableNames): Promise<readonly Record<string, unknown>[]>;
}

function page<T>(all: readonly T[], token: string | undefined, size: number) {
  const from = Number(token ?? 0);
  const next = from + size < all.length ? { nextToken: String(from + size) } : {};
  return { part: all.slice(from, from + size), ...next };
}

/** A world with the given tables; functions `flow-<operation>` are what its one state machine calls. */
export function cloudOn(tables: LocalTables): Cloud {
  const executions = new Map<string, Execution>();
  const objects = new Map<string, string>();
  const logs = new Map<string, readonly LogEvent[]>();
  const calls: string[] = [];
  let ids = 0n;
  const document = DynamoDBDocumentClient.from(tables.client, { marshallOptions: { removeUndefinedValues: true } });

  const sfn = (command: unknown): unknown => {
    if (command instanceof StartExecutionCommand) {
      const { name = '', input = '', stateMachineArn = '' } = command.input;
      const arn = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`;
      if (executions.has(arn)) throw new ExecutionAlreadyExists({ message: arn, $metadata: {} });
      executions.set(arn, { name, input, status: 'RUNNING', history: [] });
      return { executionArn: arn, startDate: new Date(nowMs) };
    }
    if (command instanceof DescribeExecutionCommand) {
      const found = executions.get(command.input.executionArn ?? '');
      if (found === undefined) throw new ExecutionDoesNotExist({ message: 'none', $metadata: {} });
      return {
        stateMachineArn: machineArn,
        status: found.status,
        input: found.input,
        startDate: new Date(found.startedAt ?? nowMs),
        ...(found.stoppedAt === undefined ? {} : { stopDate: new Date(found.stoppedAt) }),
        redriveCount: found.redriveCount ?? 0,
      };
    }
    if (command instanceof GetExecutionHistoryCommand) {
      const history = executions.get(command.input.executionArn ?? '')?.history ?? [];
      const found = command.input.reverseOrder === true ? history.toReversed() : history;
      const { part, ...next } = page(found, command.input.nextToken, 20);
      return { events: part.map((event) => ({ ...event, timestamp: new Date(event.timestamp) })), ...next };
    }
    if (command instanceof DescribeStateMachineForExecutionCommand) {
      const call = (name: string) => ({
        FunctionName: `arn:aws:lambda:us-east-1:000000000000:function:flow-${name}`,
        Payload: { bunsui: '{% … %}', input: {} },
      });
      return { definition: JSON.stringify([call('load'), call('one'), call('never'), call('load')]) };
    }
    if (command instanceof ListStateMachinesCommand) {
      return { stateMachines: [{ stateMachineArn: machineArn, type: 'STANDARD' }] };
    }
    if (command instanceof ListExecutionsCommand) {
      const { statusFilter, redriveFilter, nextToken } = command.input;
      const all = [...executions]
        .filter(([, one]) => statusFilter === undefined || one.status === statusFilter)
        .filter(([, one]) => redriveFilter !== 'REDRIVEN' || (one.redriveCount ?? 0) > 0)
        .sort(([, a], [, b]) => (b.startedAt ?? nowMs) - (a.startedAt ?? nowMs));
      const { part, ...next } = page(all, nextToken, 3);
      const listed = part.map(([executionArn, one]) => ({
        executionArn,
        stateMachineArn: machineArn,
        name: one.name,
        status: one.status,
        startDate: new Date(one.startedAt ?? nowMs),
        ...(one.stoppedAt === undefined ? {} : { stopDate: new Date(one.stoppedAt) }),
        ...(one.redriveCount === undefined ? {} : { redriveCount: one.redriveCount }),
        ...(one.redrivenAt === undefined ? {} : { redriveDate: new Date(one.redrivenAt) }),
      }));
      return { executions: listed, ...next };
    }
    throw new TypeError('a call that this world does not know');
  };
  const s3 = (command: unknown): unknown => {
    if (command instanceof PutObjectCommand) {
      const { Key = '', Body } = command.input;
      objects.set(Key, Body instanceof Uint8Array ? Buffer.from(Body).toString() : String(Body));
      return {};
    }
    if (command instanceof GetObjectCommand) {
      const text = objects.get(command.input.Key ?? '');
      if (text === undefined) throw new NoSuchKey({ message: 'none', $metadata: {} });
      const [, from = '0', to] = /^bytes=(\d+)-(\d+)$/.exec(command.input.Range ?? '') ?? [];
      const bytes = Buffer.from(text).subarray(Number(from), to === undefined ? undefined : Number(to) + 1);
      return { Body: { transformToString: async () => bytes.toString(), transformToByteArray: async () => bytes } };
    }
    if (command instanceof DeleteObjectsCommand) {
      for (const { Key = '' } of command.input.Delete?.Objects ?? []) objects.delete(Key);
      return {};
    }
    if (command instanceof ListObjectsV2Command) {
      const keys = [...objects.keys()].filter((key) => key.startsWith(command.input.Prefix ?? '')).sort();
      const { part, nextToken } = page(keys, command.input.ContinuationToken, 1);
      return {
        Contents: part.map((key) => ({ Key: key, Size: Buffer.byteLength(objects.get(key) ?? '') })),
        ...(nextToken === undefined ? {} : { NextContinuationToken: nextToken }),
      };
    }
    throw new TypeError('a call that this world does not know');
  };
  const cloudWatch = (command: unknown): unknown => {
    if (!(command instanceof FilterLogEventsCommand)) throw new TypeError('a call that this world does not know');
    const found = logs.get(command.input.logGroupName ?? '');
    if (found === undefined) throw new ResourceNotFoundException({ message: 'none', $metadata: {} });
    const { part, ...next } = page(found, command.input.nextToken, 3);
    return { events: part, ...next };
  };

  const published: Notice[] = [];
  const sns = (command: unknown): unknown => {
    if (!(command instanceof PublishCommand)) throw new TypeError('a call that this world does not know');
    const { default: text } = JSON.parse(command.input.Message ?? '{}') as { readonly default: string };
    published.push(JSON.parse(text) as Notice);
    return {};
  };

  const seam = (answer: (command: unknown) => unknown) => ({
    send: async (command: unknown) => {
      const call = calls.push((command as object).constructor.name);
      cloud.around?.('before', call);
      let answered: unknown;
      try {
        answered = await answer(command);
      } finally {
        cloud.around?.('after', call);
      }
      return answered as never;
    },
  });
  const cloud: Cloud = {
    executions,
    objects,
    logs,
    published,
    calls,
    around: undefined,
    deps: {
      db: seam((command) => document.send(command as never)) as EndDeps['db'],
      sfn: seam(sfn) as EndDeps['sfn'],
      s3: seam(s3) as EndDeps['s3'],
      logs: seam(cloudWatch) as EndDeps['logs'],
      notices: { sns: seam(sns) as NoticeDeps['sns'], topic: 'arn:aws:sns:us-east-1:000000000000:t', channels: {} },
      names: { ...tableNames, bucket: 'b' },
      region: 'us-east-1',
      nowMs,
      now() {
        return this.nowMs;
      },
      entropy: () => ++ids,
    },
    async items(table) {
      const { Items: found = [] } = await document.send(new ScanCommand({ TableName: tableNames[table] }));
      return found;
    },
  };
  return cloud;
}
