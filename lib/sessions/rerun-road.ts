/**
 * Which road a rerun takes: a redrive of the session's execution, which Step Functions offers for a time after a failure
 * that nothing has caught, or a new execution, the session's next generation. Pure.
 */
import type { DescribeExecutionOutput } from '@aws-sdk/client-sfn';
import { BunsuiError } from '../errors.ts';
import type { OverlapPolicy } from '../ir/nodes.ts';
import type { PipelineItem, SessionItem, SessionRef } from './items.ts';

export const rerunRoads = ['redrive', 'new-execution'] as const;
export type RerunRoad = (typeof rerunRoads)[number];

/** Whether the pipeline may run now. */
export interface RerunTurn {
  readonly policy: OverlapPolicy;
  /** The session whose turn it is instead. */
  readonly other?: SessionRef;
}

export interface RoadChoice {
  readonly road: RerunRoad;
  /** For a person. */
  readonly reason: string;
}

/** What the choice is made of. */
export interface RoadGrounds {
  readonly item: SessionItem;
  /** Absent when Step Functions does not know it any more. */
  readonly execution: DescribeExecutionOutput | undefined;
  /** What a new execution would run. */
  readonly pipeline: PipelineItem | undefined;
  readonly turn: RerunTurn;
  /** What is asked for that a redrive cannot do, in words. */
  readonly beyondRedrive: string | undefined;
  readonly wanted: RerunRoad | undefined;
}

/** @throws {BunsuiError} BS3008 when the road that is asked for is closed, or the pipeline may not run now */
export function chooseRoad(grounds: RoadGrounds): RoadChoice {
  const { item, execution, pipeline, turn, beyondRedrive, wanted } = grounds;
  if (turn.policy === 'skip' && turn.other !== undefined) throw notItsTurn(item, turn.other);
  if (wanted === 'new-execution') return { road: wanted, reason: 'as asked for' };
  const runs = execution?.status === 'RUNNING';
  const open = runs || execution?.redriveStatus === 'REDRIVABLE';
  if (wanted === 'redrive') {
    if (turn.other !== undefined) throw notItsTurn(item, turn.other);
    if (open && beyondRedrive === undefined)
      return { road: wanted, reason: 'as asked for: jobs that have completed are kept' };
    const why = beyondRedrive ?? closedTo(execution);
    throw new BunsuiError('SessionError', 'BS3008', `session ${item.session_id} cannot be redriven: ${why}`, {
      context: { session_id: item.session_id },
      hint: 'rerun it with a new execution, which reuses the results that are valid',
    });
  }
  if (beyondRedrive !== undefined) return { road: 'new-execution', reason: beyondRedrive };
  if (!open) return { road: 'new-execution', reason: `it cannot be redriven: ${closedTo(execution)}` };
  if (turn.other !== undefined) {
    const what = turn.policy === 'queue' ? 'waits for its end' : 'takes its place';
    return { road: 'new-execution', reason: `session ${turn.other.session_id} of its pipeline runs: it ${what}` };
  }
  const changed = runs || pipeline === undefined ? undefined : changeSince(item, execution, pipeline);
  if (changed !== undefined) return { road: 'new-execution', reason: `${changed}; a redrive would run the old one` };
  return { road: 'redrive', reason: 'its execution can be redriven: jobs that have completed are kept' };
}

/** Why an execution cannot be redriven. */
export function closedTo(execution: DescribeExecutionOutput | undefined): string {
  if (execution === undefined) return 'Step Functions does not know the execution any more';
  return execution.redriveStatusReason ?? 'Step Functions does not offer it';
}

/** What was deployed since the execution began, if anything. */
function changeSince(
  item: SessionItem,
  execution: DescribeExecutionOutput | undefined,
  pipeline: PipelineItem,
): string | undefined {
  if (pipeline.version !== item.pipeline_version) return `version ${pipeline.version} of the pipeline is deployed now`;
  // The same definition can call newer functions.
  const began = execution?.stateMachineVersionArn;
  const now = pipeline.machine_version_arn;
  if (began === undefined || now === undefined || began === now) return undefined;
  return 'other code of its jobs is deployed now';
}

/** @param other whose turn it is */
export function notItsTurn({ session_id }: Pick<SessionItem, 'session_id'>, other: SessionRef): BunsuiError {
  return new BunsuiError(
    'SessionError',
    'BS3008',
    `session ${session_id} cannot be rerun now: session ${other.session_id} of its pipeline runs`,
    { context: { session_id }, hint: 'wait until that one has ended, or cancel it', recoverable: true },
  );
}
