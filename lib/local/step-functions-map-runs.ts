/** The API of map runs, and what the API of executions says of their child executions. */
import type { MapRunRecord } from '../engine/map-run-records.ts';
import type { RunChanges } from '../engine/map-run-state.ts';
import { AwsFault } from './aws-fault.ts';
import { type JsonInput, optionalNumber, optionalWord, refuseOthers, requiredString } from './json-input.ts';
import type { ChildOfRun } from './map-runs.ts';
import { noExecution, type Operation, pageOf, type StepFunctionsParts } from './step-functions-requests.ts';
import { seconds } from './step-functions-shapes.ts';

const childStatuses = ['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE'] as const;

export const mapRunOperations: Readonly<Record<string, Operation>> = {
  async DescribeMapRun(parts, input) {
    refuseOthers(input, ['mapRunArn']);
    return describeMapRun(await existingMapRun(parts, input));
  },

  async ListMapRuns({ mapRuns }, input) {
    refuseOthers(input, ['executionArn', 'maxResults', 'nextToken']);
    const executionArn = requiredString(input, 'executionArn');
    const runs = await mapRuns.startedBy(executionArn);
    if (runs === undefined) throw noExecution(input);
    const all = runs.toReversed().map(({ run, stateMachineArn, stoppedAtMs }) => ({
      executionArn,
      mapRunArn: run.arn,
      stateMachineArn,
      startDate: seconds(run.startedAtMs),
      ...(stoppedAtMs !== undefined && { stopDate: seconds(stoppedAtMs) }),
    }));
    const page = pageOf(all, input, `map runs ${executionArn}`);
    return { mapRuns: page.items, ...page.next };
  },

  async UpdateMapRun(parts, input) {
    refuseOthers(input, ['mapRunArn', 'maxConcurrency', 'toleratedFailureCount', 'toleratedFailurePercentage']);
    const { run } = await existingMapRun(parts, input);
    const changes = readChanges(input);
    if (!(await parts.mapRuns.change(run.arn, changes)))
      throw new AwsFault('ValidationException', `The Map Run ${run.arn} is not under way, and cannot be updated`);
    return {};
  },
};

async function existingMapRun({ mapRuns }: StepFunctionsParts, input: JsonInput): Promise<MapRunRecord> {
  const arn = requiredString(input, 'mapRunArn');
  if (!/^arn:aws:states:[\w-]+:\d{12}:mapRun:[^:]+\/[^:/]+:[^:]+$/.test(arn)) {
    throw new AwsFault('InvalidArn', `Invalid Arn: 'Invalid ARN: ${arn}'`);
  }
  const run = await mapRuns.find(arn);
  if (run === undefined) throw new AwsFault('ResourceNotFound', `Resource not found: '${arn}'`);
  return run;
}

function readChanges(input: JsonInput): RunChanges {
  const within = (name: string, most: number, isWhole: boolean): number | undefined => {
    const value = optionalNumber(input, name);
    if (value === undefined || (value >= 0 && value <= most && (!isWhole || Number.isInteger(value)))) return value;
    const kind = isWhole ? 'an integer' : 'a number';
    throw new AwsFault('ValidationException', `${name} must be ${kind} from 0 to ${most}, not ${value}`);
  };
  const maxConcurrency = within('maxConcurrency', 2_147_483_647, true);
  const toleratedCount = within('toleratedFailureCount', Number.MAX_SAFE_INTEGER, true);
  const toleratedPercentage = within('toleratedFailurePercentage', 100, false);
  return {
    ...(maxConcurrency !== undefined && { maxConcurrency }),
    ...(toleratedCount !== undefined && { toleratedCount }),
    ...(toleratedPercentage !== undefined && { toleratedPercentage }),
  };
}

function describeMapRun(record: MapRunRecord): object {
  const { run, status, executionArn, stoppedAtMs, children, pending } = record;
  const countsOf = (numberOf: (child: { readonly items: number }) => number, waiting: number): object => {
    const sumOf = (chosen: typeof children) => chosen.reduce((sum, child) => sum + numberOf(child), 0);
    const having = (wanted: string) => sumOf(children.filter((child) => child.status === wanted));
    const total = sumOf(children) + waiting;
    const isWritten = run.exported !== undefined && 'succeeded' in run.exported;
    return {
      aborted: having('ABORTED'),
      failed: having('FAILED'),
      failuresNotRedrivable: 0,
      pending: waiting,
      pendingRedrive: having('PENDING_REDRIVE'),
      resultsWritten: isWritten ? total : sumOf(children.filter(({ exported }) => exported)),
      running: having('RUNNING'),
      succeeded: having('SUCCEEDED'),
      timedOut: 0,
      total,
    };
  };
  return {
    mapRunArn: run.arn,
    executionArn,
    status,
    startDate: seconds(run.startedAtMs),
    ...(stoppedAtMs !== undefined && { stopDate: seconds(stoppedAtMs) }),
    maxConcurrency: run.maxConcurrency,
    toleratedFailureCount: run.toleratedCount ?? 0,
    toleratedFailurePercentage: run.toleratedPercentage ?? 0,
    itemCounts: countsOf(({ items }) => items, pending.items),
    executionCounts: countsOf(() => 1, pending.executions),
    redriveCount: run.redrives,
    ...(run.redrives > 0 && { redriveDate: seconds(run.redrivenAtMs) }),
  };
}

/** A page of the child executions of a run, the latest first. */
export async function listChildren(parts: StepFunctionsParts, input: JsonInput): Promise<object> {
  const { run, children } = await existingMapRun(parts, input);
  const status = optionalWord(input, 'statusFilter', childStatuses);
  const redriven = optionalWord(input, 'redriveFilter', ['REDRIVEN', 'NOT_REDRIVEN']);
  const all = children
    .filter((child) => status === undefined || child.status === status)
    .filter(({ redrives }) => redriven === undefined || redrives > 0 === (redriven === 'REDRIVEN'))
    .toSorted((a, b) => b.startedAtMs - a.startedAtMs || (a.name < b.name ? -1 : 1))
    .map((child) => ({
      executionArn: child.executionArn,
      mapRunArn: run.arn,
      stateMachineArn: child.stateMachineArn,
      name: child.name,
      status: child.status,
      startDate: seconds(child.startedAtMs),
      ...(child.stoppedAtMs !== undefined && { stopDate: seconds(child.stoppedAtMs) }),
      itemCount: child.items,
      redriveCount: child.redrives,
      ...(child.redrives > 0 && { redriveDate: seconds(child.redrivenAtMs) }),
    }));
  const page = pageOf(all, input, `children ${run.arn} ${status ?? ''} ${redriven ?? ''}`);
  return { executions: page.items, ...page.next };
}

/** @throws {AwsFault} ExecutionDoesNotExist */
export async function existingChild({ mapRuns }: StepFunctionsParts, input: JsonInput): Promise<ChildOfRun> {
  const found = await mapRuns.child(requiredString(input, 'executionArn'));
  if (found === undefined) throw noExecution(input);
  return found;
}

/** The answer of DescribeExecution for a child. */
export function describeChild({ child, mapRun }: ChildOfRun, withData: boolean): object {
  const { executionArn, stateMachineArn, name, status, startedAtMs, stoppedAtMs, failure, input, output } = child;
  const isOver = status === 'FAILED' || status === 'ABORTED' || status === 'PENDING_REDRIVE';
  return {
    executionArn,
    stateMachineArn,
    mapRunArn: mapRun.run.arn,
    name,
    status,
    startDate: seconds(startedAtMs),
    ...(stoppedAtMs !== undefined && { stopDate: seconds(stoppedAtMs) }),
    ...(withData && { input: input.text, inputDetails: { included: true } }),
    ...(withData && output !== undefined && { output: output.text, outputDetails: { included: true } }),
    ...failure,
    redriveCount: child.redrives,
    ...(child.redrives > 0 && { redriveDate: seconds(child.redrivenAtMs) }),
    ...(isOver
      ? { redriveStatus: 'REDRIVABLE_BY_MAP_RUN' }
      : {
          redriveStatus: 'NOT_REDRIVABLE',
          redriveStatusReason: `Execution is ${status} and cannot be redriven`,
        }),
  };
}
