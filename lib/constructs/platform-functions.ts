/** The functions that every platform has, with their sizes, times and dead letters. */
import { Duration, Size } from 'aws-cdk-lib';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { BookkeepingProps, PlatformSetting } from './bookkeeping-function.ts';
import { bookkeepingFunction } from './bookkeeping-function.ts';
import type { BookkeepingName } from './bookkeeping-code.ts';
import type { Permission } from './permission.ts';

/** Makes them; `permissions` by the function's folder in `lambdas/`. */
export function platformFunctions(
  scope: Construct,
  setting: PlatformSetting,
  permissions: { readonly [name in Exclude<BookkeepingName, 'notify'>]: readonly Permission[] },
  deadLetterQueue: IQueue,
) {
  const make = (
    id: string,
    props: Omit<BookkeepingProps, 'permissions' | 'name'> & { readonly name: keyof typeof permissions },
  ) => bookkeepingFunction(scope, id, setting, { ...props, permissions: permissions[props.name] });
  const startSession = make('StartSession', {
    name: 'start-session',
    description: 'bunsui: starts a session, once per key',
    timeout: Duration.seconds(30),
    memorySize: Size.mebibytes(512),
    deadLetterQueue,
  });
  const recordEvents = make('RecordEvents', {
    name: 'record-events',
    description: 'bunsui: records what running executions do, as they do it',
    timeout: Duration.minutes(1),
    memorySize: Size.mebibytes(512),
    deadLetterQueue,
  });
  const sessionEnded = make('SessionEnded', {
    name: 'session-ended',
    description: 'bunsui: records an execution that has ended, with its logs and report',
    timeout: Duration.minutes(10),
    memorySize: Size.mebibytes(1024),
    deadLetterQueue,
  });
  const reconcile = make('Reconcile', {
    name: 'reconcile',
    description: 'bunsui: finds and puts right what events did not tell',
    timeout: Duration.minutes(5),
    memorySize: Size.mebibytes(1024),
    deadLetterQueue,
  });
  // API Gateway waits for it: what fails, fails in the caller's hands, and 29 seconds are all that it has.
  const apiHandler = make('ApiHandler', {
    name: 'api',
    description: 'bunsui: answers requests of the HTTP API',
    timeout: Duration.seconds(29),
    memorySize: Size.mebibytes(1024),
  });
  return {
    startSession: startSession.function,
    recordEvents: recordEvents.function,
    sessionEnded: sessionEnded.function,
    reconcile: reconcile.function,
    reconcileLogs: reconcile.logGroup,
    apiHandler: apiHandler.function,
  };
}
