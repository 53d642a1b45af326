/**
 * Execution history events, as GetExecutionHistory gives them. The engine's journal is made of these; sessions fold
 * them. Field names are AWS's; `timestamp` is milliseconds since the epoch (AWS sends seconds; adapters convert).
 * Inputs and outputs are JSON text, as on AWS.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
 */

/** Error and cause of something that failed, timed out or was aborted. */
export interface FailureDetails {
  readonly error?: string;
  readonly cause?: string;
}

export interface TaskScheduledDetails {
  readonly resourceType: string;
  readonly resource: string;
  readonly region: string;
  readonly parameters: string;
  readonly timeoutInSeconds?: number;
  readonly heartbeatInSeconds?: number;
  readonly taskCredentials?: { readonly roleArn: string };
}
export interface TaskResourceDetails {
  readonly resourceType: string;
  readonly resource: string;
}
export interface StateEnteredDetails {
  readonly name: string;
  readonly input?: string;
}
export interface StateExitedDetails {
  readonly name: string;
  readonly output?: string;
  /** Variables assigned by the state: name → JSON text of the value. */
  readonly assignedVariables?: { readonly [name: string]: string };
}
export interface MapIterationDetails {
  readonly name: string;
  readonly index: number;
}

interface EventBase<T extends string> {
  readonly id: number;
  readonly previousEventId: number;
  readonly timestamp: number;
  readonly type: T;
}

type StateEventPrefix = 'Choice' | 'Fail' | 'Map' | 'Parallel' | 'Pass' | 'Succeed' | 'Task' | 'Wait';

export type HistoryEvent =
  | (EventBase<'ExecutionStarted'> & {
      readonly executionStartedEventDetails: {
        readonly input: string;
        readonly roleArn?: string;
        readonly stateMachineVersionArn?: string;
        readonly stateMachineAliasArn?: string;
      };
    })
  | (EventBase<'ExecutionSucceeded'> & { readonly executionSucceededEventDetails: { readonly output: string } })
  | (EventBase<'ExecutionFailed'> & { readonly executionFailedEventDetails: FailureDetails })
  | (EventBase<'ExecutionTimedOut'> & { readonly executionTimedOutEventDetails?: FailureDetails })
  | (EventBase<'ExecutionAborted'> & { readonly executionAbortedEventDetails?: FailureDetails })
  | (EventBase<'ExecutionRedriven'> & { readonly executionRedrivenEventDetails: { readonly redriveCount: number } })
  | (EventBase<'MapRunRedriven'> & {
      readonly mapRunRedrivenEventDetails: { readonly mapRunArn: string; readonly redriveCount: number };
    })
  | (EventBase<`${StateEventPrefix}StateEntered`> & { readonly stateEnteredEventDetails: StateEnteredDetails })
  | (EventBase<`${Exclude<StateEventPrefix, 'Fail'>}StateExited`> & {
      readonly stateExitedEventDetails: StateExitedDetails;
    })
  | EventBase<
      | 'ParallelStateStarted'
      | 'ParallelStateSucceeded'
      | 'ParallelStateFailed'
      | 'ParallelStateAborted'
      | 'MapStateSucceeded'
      | 'MapStateFailed'
      | 'MapStateAborted'
      | 'TaskStateAborted'
      | 'WaitStateAborted'
    >
  | (EventBase<'MapStateStarted'> & { readonly mapStateStartedEventDetails: { readonly length: number } })
  | (EventBase<'MapRunStarted'> & { readonly mapRunStartedEventDetails: { readonly mapRunArn: string } })
  | EventBase<'MapRunSucceeded' | 'MapRunAborted'>
  | (EventBase<'MapRunFailed'> & { readonly mapRunFailedEventDetails: FailureDetails })
  | (EventBase<'MapIterationStarted'> & { readonly mapIterationStartedEventDetails: MapIterationDetails })
  | (EventBase<'MapIterationSucceeded'> & { readonly mapIterationSucceededEventDetails: MapIterationDetails })
  | (EventBase<'MapIterationFailed'> & { readonly mapIterationFailedEventDetails: MapIterationDetails })
  | (EventBase<'MapIterationAborted'> & { readonly mapIterationAbortedEventDetails: MapIterationDetails })
  | (EventBase<'TaskScheduled'> & { readonly taskScheduledEventDetails: TaskScheduledDetails })
  | (EventBase<'TaskStarted'> & { readonly taskStartedEventDetails: TaskResourceDetails })
  | (EventBase<'TaskStartFailed'> & { readonly taskStartFailedEventDetails: TaskResourceDetails & FailureDetails })
  | (EventBase<'TaskSubmitted'> & {
      readonly taskSubmittedEventDetails: TaskResourceDetails & { readonly output: string };
    })
  | (EventBase<'TaskSubmitFailed'> & { readonly taskSubmitFailedEventDetails: TaskResourceDetails & FailureDetails })
  | (EventBase<'TaskSucceeded'> & {
      readonly taskSucceededEventDetails: TaskResourceDetails & { readonly output: string };
    })
  | (EventBase<'TaskFailed'> & { readonly taskFailedEventDetails: TaskResourceDetails & FailureDetails })
  | (EventBase<'TaskTimedOut'> & { readonly taskTimedOutEventDetails: TaskResourceDetails & FailureDetails })
  | (EventBase<'LambdaFunctionScheduled'> & {
      readonly lambdaFunctionScheduledEventDetails: {
        readonly resource: string;
        readonly input: string;
        readonly timeoutInSeconds?: number;
      };
    })
  | EventBase<'LambdaFunctionStarted'>
  | (EventBase<'LambdaFunctionStartFailed'> & { readonly lambdaFunctionStartFailedEventDetails: FailureDetails })
  | (EventBase<'LambdaFunctionSucceeded'> & {
      readonly lambdaFunctionSucceededEventDetails: { readonly output: string };
    })
  | (EventBase<'LambdaFunctionFailed'> & { readonly lambdaFunctionFailedEventDetails: FailureDetails })
  | (EventBase<'LambdaFunctionTimedOut'> & { readonly lambdaFunctionTimedOutEventDetails: FailureDetails })
  | (EventBase<'ActivityScheduled'> & {
      readonly activityScheduledEventDetails: {
        readonly resource: string;
        readonly input: string;
        readonly timeoutInSeconds?: number;
        readonly heartbeatInSeconds?: number;
      };
    })
  | (EventBase<'ActivityStarted'> & { readonly activityStartedEventDetails: { readonly workerName?: string } })
  | (EventBase<'ActivitySucceeded'> & { readonly activitySucceededEventDetails: { readonly output: string } })
  | (EventBase<'ActivityFailed'> & { readonly activityFailedEventDetails: FailureDetails })
  | (EventBase<'ActivityTimedOut'> & { readonly activityTimedOutEventDetails: FailureDetails })
  | (EventBase<'EvaluationFailed'> & {
      readonly evaluationFailedEventDetails: FailureDetails & { readonly state: string; readonly location?: string };
    });

export type HistoryEventType = HistoryEvent['type'];
export type HistoryEventOf<T extends HistoryEventType> = Extract<HistoryEvent, { type: T }>;

export type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';
