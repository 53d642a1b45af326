/**
 * What each function of a platform may do: the calls that its code makes, on the platform's resources. Nothing here
 * names a pipeline, so no policy grows with them.
 */
import { Stack } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';
import { tables } from '../storage-layout.ts';
import { approvalItems, approvalItemsWithoutTokens, linkKeyItems } from './gate-permissions.ts';
import type { Permission } from './permission.ts';
import { executionsArnOf, logsPermission, mapRunsArnOf, machinesArnOf } from './permission.ts';
import type { BucketRef, TableRef } from './platform-interface.ts';

/** What permissions name. */
export interface PermissionParts {
  readonly prefix: string;
  readonly sessionsTable: TableRef;
  readonly jobHistoryTable: TableRef;
  readonly pipelinesTable: TableRef;
  readonly gatesTable: TableRef;
  readonly bucket: BucketRef;
  /** The bucket where CDK puts the assets of the platform's stack. */
  readonly assetsBucketName: string;
  readonly tagValue: string;
  readonly topicArn: string;
}

/** The statements of the functions, by the function's folder in `lambdas/`. */
export function platformPermissions(scope: IConstruct, parts: PermissionParts) {
  const { sessionsTable, jobHistoryTable, pipelinesTable, bucket } = parts;
  const stack = Stack.of(scope);
  const objects = (action: string, ...patterns: readonly string[]): Permission => ({
    actions: [action],
    resources: patterns.map((pattern) => bucket.arnForObjects(pattern)),
    wildcard: 'objects',
  });
  const on = (table: TableRef, ...actions: readonly string[]): Permission => ({
    actions: actions.map((action) => `dynamodb:${action}`),
    resources: [table.tableArn],
  });
  const machines = (...actions: readonly string[]): Permission => ({
    actions: actions.map((action) => `states:${action}`),
    resources: [`${machinesArnOf(scope, parts.prefix)}*`],
    wildcard: 'executions',
  });
  const executions = (...actions: readonly string[]): Permission => ({
    actions: actions.map((action) => `states:${action}`),
    resources: [executionsArnOf(scope, parts.prefix)],
    wildcard: 'executions',
  });
  // How far a map over S3 came that has failed.
  const mapRuns: Permission = {
    actions: ['states:DescribeMapRun'],
    resources: [mapRunsArnOf(scope, parts.prefix)],
    wildcard: 'executions',
  };
  // Whoever first needs a deployed version registers it: see lib/sessions/deployed.ts.
  const register: readonly Permission[] = [
    on(pipelinesTable, 'GetItem', 'Query', 'PutItem'),
    objects('s3:PutObject', 'configs/*'),
    {
      actions: ['s3:GetObject'],
      resources: [
        stack.formatArn({
          service: 's3',
          region: '',
          account: '',
          resource: parts.assetsBucketName,
          resourceName: '*.bunsui',
        }),
      ],
      wildcard: 'objects',
    },
  ];
  const readLogs = logsPermission(scope, parts.tagValue);
  // Lists of sessions are read by an index.
  const byIndex = (...names: readonly string[]): Permission => ({
    actions: ['dynamodb:Query'],
    resources: names.map((name) => `${sessionsTable.tableArn}/index/${name}`),
  });
  const publish: Permission = { actions: ['sns:Publish'], resources: [parts.topicArn] };
  const readArtifacts = objects('s3:GetObject', 'configs/*');
  // Whose turn it is, and whoever's it is started: see lib/sessions/overlap.ts.
  // Whoever is cancelled or dropped meanwhile is told of, by way of the outbox.
  const turns: readonly Permission[] = [
    on(sessionsTable, 'GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem'),
    publish,
    machines('StartExecution'),
    executions('StopExecution'),
  ];
  const waiting = { resources: [parts.gatesTable.tableArn] };
  // What a new generation reuses of the one before: see lib/sessions/reuse-items.ts.
  const takeOver: readonly Permission[] = [objects('s3:GetObject', 'reruns/*')];
  const end: readonly Permission[] = [
    // What an execution waited for when it ended waits no more.
    { ...approvalItemsWithoutTokens('Query', 'DeleteItem'), ...waiting },
    ...turns,
    on(jobHistoryTable, 'Query', 'BatchWriteItem'),
    ...register,
    readArtifacts,
    // To what is archived of a log more is added.
    objects('s3:GetObject', 'payloads/*', 'maps/*', 'logs/*'),
    mapRuns,
    { actions: ['s3:ListBucket'], resources: [bucket.bucketArn] },
    objects('s3:PutObject', 'logs/*', 'reports/*'),
    executions('DescribeExecution', 'GetExecutionHistory', 'DescribeStateMachineForExecution'),
    // Of child machines, for the functions that they call.
    machines('DescribeStateMachine'),
    readLogs,
  ];
  return {
    'start-session': [
      ...turns,
      ...register,
      objects('s3:PutObject', 'payloads/*'),
      machines('DescribeStateMachine', 'ListStateMachineVersions'),
    ],
    'session-ended': end,
    reconcile: [
      ...end,
      ...takeOver,
      byIndex(tables.sessions.byStatusIndex.name),
      machines('ListExecutions', 'ListStateMachineVersions', 'DeleteStateMachineVersion'),
      // Answers that somebody took and could not hand on.
      { ...approvalItems('GetItem', 'Query', 'UpdateItem', 'DeleteItem'), ...waiting },
      on(jobHistoryTable, 'PutItem'),
      machines('SendTaskSuccess', 'SendTaskFailure'),
      { actions: ['states:ListStateMachines'], resources: ['*'], wildcard: 'delivery' },
    ],
    'record-events': [
      on(sessionsTable, 'Query', 'PutItem', 'UpdateItem'),
      on(jobHistoryTable, 'PutItem'),
      { ...approvalItemsWithoutTokens('GetItem', 'UpdateItem'), ...waiting },
      ...register,
      readArtifacts,
      executions('DescribeExecution', 'GetExecutionHistory', 'DescribeStateMachineForExecution'),
      publish,
    ],
    api: [
      on(sessionsTable, 'GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem'),
      publish,
      byIndex(tables.sessions.byPipelineIndex.name, tables.sessions.byStatusIndex.name),
      on(jobHistoryTable, 'Query', 'PutItem', 'DeleteItem'),
      // It answers: of approvals and of the key of links it reads all there is.
      { ...approvalItems('GetItem', 'Query', 'UpdateItem', 'DeleteItem'), ...waiting },
      { ...linkKeyItems('GetItem', 'PutItem'), ...waiting },
      machines('SendTaskSuccess', 'SendTaskFailure'),
      ...takeOver,
      on(jobHistoryTable, 'BatchWriteItem'),
      objects('s3:PutObject', 'reruns/*'),
      objects('s3:DeleteObject', 'logs/*', 'reports/*', 'reruns/*', 'payloads/*', 'maps/*'),
      ...register,
      readArtifacts,
      objects('s3:GetObject', 'logs/*', 'reports/*', 'payloads/*'),
      objects('s3:PutObject', 'payloads/*'),
      { actions: ['s3:ListBucket'], resources: [bucket.bucketArn] },
      machines('StartExecution', 'DescribeStateMachine', 'ListStateMachineVersions'),
      { actions: ['states:ListStateMachines'], resources: ['*'], wildcard: 'delivery' },
      executions('StopExecution', 'DescribeExecution', 'RedriveExecution', 'GetExecutionHistory'),
      executions('DescribeStateMachineForExecution'),
      readLogs,
    ],
    // Links are signed with a key. Repeats of a failure are counted under a key of their own.
    notify: [
      on(sessionsTable, 'GetItem', 'PutItem', 'UpdateItem'),
      { ...linkKeyItems('GetItem', 'PutItem'), ...waiting },
    ],
  } satisfies { readonly [name: string]: readonly Permission[] };
}
