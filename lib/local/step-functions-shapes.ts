/** Executions and history events in the form in which Step Functions sends them. */
import type { HistoryEvent } from '../asl/history.ts';
import type { Outcome } from '../engine/execution.ts';
import type { ExecutionRecord } from './execution-records.ts';
import type { ExpressExecution } from './express-executions.ts';
import type { Machine } from './machines.ts';

/** AWS's JSON protocols give times in seconds, with a fraction. */
export function seconds(ms: number): number {
  return ms / 1000;
}

/** The answer of DescribeExecution. */
export function describeExecution(record: ExecutionRecord, withData: boolean): object {
  const { header, status, stoppedAtMs, output, error, cause, redriveCount, redrivenAtMs, notRedrivable } = record;
  return {
    executionArn: header.executionArn,
    stateMachineArn: header.stateMachineArn,
    name: header.name,
    ...header.origin,
    status,
    startDate: seconds(header.startedAtMs),
    ...(stoppedAtMs !== undefined && { stopDate: seconds(stoppedAtMs) }),
    ...(withData && { input: header.input, inputDetails: { included: true } }),
    ...(withData && output !== undefined && { output, outputDetails: { included: true } }),
    ...(error !== undefined && { error }),
    ...(cause !== undefined && { cause }),
    redriveCount,
    ...(redrivenAtMs !== undefined && { redriveDate: seconds(redrivenAtMs) }),
    redriveStatus: notRedrivable === undefined ? 'REDRIVABLE' : 'NOT_REDRIVABLE',
    ...(notRedrivable !== undefined && { redriveStatusReason: notRedrivable }),
  };
}

/** The answer of StartSyncExecution. */
export function describeSync(
  machine: Machine,
  { executionArn, name, startedAtMs }: ExpressExecution,
  input: string,
  outcome: Outcome,
  stoppedAtMs: number,
): object {
  const { status, output, error, cause } = outcome;
  return {
    executionArn,
    stateMachineArn: machine.arn,
    name,
    startDate: seconds(startedAtMs),
    stopDate: seconds(stoppedAtMs),
    status,
    input,
    inputDetails: { included: true },
    ...(output !== undefined && { output, outputDetails: { included: true } }),
    ...(error !== undefined && { error }),
    ...(cause !== undefined && { cause }),
    // Rounded up to 100 ms, as it is billed; memory is not measured here.
    billingDetails: {
      billedDurationInMilliseconds: Math.ceil((stoppedAtMs - startedAtMs) / 100) * 100,
      billedMemoryUsedInMB: 64,
    },
  };
}

/** Of a field that is data: the word on whether it is whole, where AWS says one. */
const dataFields = { input: 'inputDetails', output: 'outputDetails', assignedVariables: 'assignedVariablesDetails' };
const whole = { truncated: false };

/** An event as GetExecutionHistory gives it: the time in seconds, and a word on whether its data are whole. */
export function historyEvent(event: HistoryEvent, withData: boolean): object {
  const shown: { [field: string]: unknown } = { ...event, timestamp: seconds(event.timestamp) };
  // A copy and few changes: a page has a thousand of these, and listing the fields of each costs more than the rest.
  for (const name in shown) {
    const value = shown[name];
    if (typeof value === 'object' && value !== null) shown[name] = details(value, withData);
  }
  return shown;
}

function details(value: object, withData: boolean): object {
  const shown: { [field: string]: unknown } = { ...value };
  for (const [field, about] of Object.entries(dataFields)) {
    if (!Object.hasOwn(shown, field)) continue;
    if (withData) shown[about] = whole;
    else delete shown[field];
  }
  if (!withData) delete shown['parameters'];
  return shown;
}
