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

const data = new Set(['input', 'output', 'parameters', 'assignedVariables']);
const dataDetails: Readonly<Record<string, string>> = {
  input: 'inputDetails',
  output: 'outputDetails',
  assignedVariables: 'assignedVariablesDetails',
};

/** An event as GetExecutionHistory gives it: the time in seconds, and a word on whether its data are whole. */
export function historyEvent(event: HistoryEvent, withData: boolean): object {
  const shown: { [field: string]: unknown } = { timestamp: seconds(event.timestamp) };
  for (const [name, value] of Object.entries(event)) {
    if (name !== 'timestamp')
      shown[name] = typeof value === 'object' && value !== null ? details(value, withData) : value;
  }
  return shown;
}

function details(value: object, withData: boolean): object {
  const shown: { [field: string]: unknown } = {};
  for (const [name, field] of Object.entries(value)) {
    if (data.has(name)) {
      if (!withData) continue;
      const about = dataDetails[name];
      if (about !== undefined) shown[about] = { truncated: false };
    }
    shown[name] = field;
  }
  return shown;
}
