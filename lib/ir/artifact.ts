/**
 * The artifact of a compiled pipeline: what is deployed, recorded (`configs/pipelines/{id}/{version}.json`) and read
 * back by sessions, reports and the command line. JSON-able.
 */
import type { SourcePosition } from '../errors.ts';
import type { Json } from './expressions.ts';
import type { Fingerprint } from './fingerprints.ts';
import type { Keep } from '../payload-layout.ts';
import type { PipelineIr } from './nodes.ts';

export interface PipelineArtifact {
  readonly artifactVersion: 1;
  readonly pipeline: PipelineIr;
  /** Hash of what runs, its code included where it is deployed, and of when and for whom (`policy.ts`): 12 hexadecimal digits. */
  readonly version: string;
  /**
   * The state machine, in Amazon States Language. A function is named `${operation:<id>}`: a deployment puts the
   * function's ARN in its place.
   */
  readonly definition: { readonly [key: string]: Json };
  /**
   * Child machines, where the pipeline is too large for one: `definition` starts them by their numbers, which count
   * from 1. A deployment puts their ARNs in the place of `${machine:<number>}`.
   */
  readonly shards?: readonly PipelineArtifact['definition'][];
  /** Who works at gates, where the machine has some: the operations whose jobs open them, and whether states do. */
  readonly gates?: { readonly openedBy: readonly string[]; readonly openedByStates: boolean };
  /** Ids of the nodes that wait for a person, where there are some. */
  readonly approvals?: readonly string[];
  /**
   * What of the input must stay in it when it is large, and how many bytes of JSON may (`lib/payload-layout.ts`). Absent in
   * artifacts of before, whose functions read no pointers.
   */
  readonly input?: { readonly keep: Keep; readonly inline: number };
  /** Where each state comes from, by state name. */
  readonly states: { readonly [stateName: string]: StateOrigin };
  /** What the result of each job depends on, by the job's id. Absent where nothing was bundled. */
  readonly fingerprints?: { readonly [job: string]: Fingerprint };
}

/**
 * What a state of the machine is for. `start`, `again` and `bound` are the states of a loop beside the one that runs its
 * rounds; `ends` and `rethrow` are those of a guard beside the one that runs what is guarded. States of gates, forks, conditions and the like do not appear in session records.
 * `totals` asks what has become of a map over S3, `start` is also the first state of one of its batches.
 * `given` and `taken` belong to the job of a container, which they bring its input and take its output from.
 */
export interface StateOrigin {
  /** The node that the state serves; for a fork the first node it forks to. */
  readonly node: string;
  readonly role:
    | 'job'
    | 'given'
    | 'taken'
    | 'map'
    | 'totals'
    | 'loop'
    | 'start'
    | 'again'
    | 'bound'
    | 'wait'
    | 'guard'
    | 'ends'
    | 'rethrow'
    | 'condition'
    | 'skip'
    | 'fork'
    | 'shard'
    | 'gate'
    | 'output';
  readonly source: SourcePosition;
  /** For jobs: the operation; absent where the job is an approval. */
  readonly operation?: string;
}

/** The placeholder of an operation's function in a definition. */
export function functionPlaceholder(operation: string): string {
  return `\${operation:${operation}}`;
}

/** The placeholder of the machine of a pipeline that is called, by the pipeline's id. */
export function pipelinePlaceholder(pipeline: string): string {
  return `\${pipeline:${pipeline}}`;
}

/** What a deployment puts into the states of a container, by its operation. */
export const containerParts = ['bucket', 'cluster', 'task', 'subnets', 'securityGroups', 'publicIp', 'logs'] as const;
export type ContainerPart = (typeof containerParts)[number];

/** The placeholder of such a part. */
export function containerPlaceholder(operation: string, part: ContainerPart): string {
  return `\${operation:${operation}:${part}}`;
}

/** The placeholder of the platform's bucket in a definition. */
export const platformBucketPlaceholder = '${platform:bucket}';

/** The placeholder of a child machine in a definition. */
export function machinePlaceholder(number: number): string {
  return `\${machine:${number}}`;
}
