/** What of a pipeline its starts and its notices need, apart from what runs. */
import type { NotifyIr, OverlapPolicy, PipelineIr, ScheduleIr, TriggerIr } from './nodes.ts';

/** A part of a pipeline without its place in a file. */
export type Unplaced<T> = T extends unknown ? Omit<T, 'source'> : never;

/** JSON text of this stands in the record of a deployed version (`PipelineItem.policy`). Without places in files. */
export interface PipelinePolicy {
  readonly schedules?: readonly Unplaced<ScheduleIr>[];
  readonly triggers?: readonly Unplaced<TriggerIr>[];
  readonly overlap?: OverlapPolicy;
  readonly notify?: readonly Unplaced<NotifyIr>[];
  readonly deadlineSeconds?: number;
}

function unplaced<T extends { readonly source: unknown }>(list: readonly T[]): readonly Unplaced<T>[] {
  return list.map(({ source: _, ...rest }) => rest as Unplaced<T>);
}

/**
 * The policy of a pipeline; `undefined` when it has none. It is part of what the version is a hash of: a start reads it
 * from the record of the version that is current, so that a changed schedule must be another version.
 */
export function policyOf(pipeline: PipelineIr): PipelinePolicy | undefined {
  const { schedules, triggers, overlap, notify, deadlineSeconds } = pipeline;
  const policy: PipelinePolicy = {
    ...(schedules === undefined ? {} : { schedules: unplaced(schedules) }),
    ...(triggers === undefined ? {} : { triggers: unplaced(triggers) }),
    ...(overlap === undefined ? {} : { overlap }),
    ...(notify === undefined ? {} : { notify: unplaced(notify) }),
    ...(deadlineSeconds === undefined ? {} : { deadlineSeconds }),
  };
  return Object.keys(policy).length === 0 ? undefined : policy;
}

/** The policy as a version's record holds it. */
export function readPolicy(text: string | undefined): PipelinePolicy {
  // Written by registerPipeline and by nothing else: its shape is that of the type.
  return text === undefined ? {} : (JSON.parse(text) as PipelinePolicy);
}
