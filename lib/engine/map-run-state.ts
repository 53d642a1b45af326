/**
 * What is known of a map run and of its child executions. Made by the fold, as everything else of an execution, and read
 * by whoever answers questions about the run.
 */
import type { Json } from '../asl/definition.ts';
import type { Payload } from '../asl/json.ts';
import type { Failure } from './execution.ts';

/** A map run, without its children. */
export interface MapRun {
  readonly arn: string;
  /** Children at once; 0 is as many as AWS runs at most. */
  maxConcurrency: number;
  toleratedCount?: number;
  toleratedPercentage?: number;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED';
  startedAtMs: number;
  stoppedAtMs: number | undefined;
  redrives: number;
  redrivenAtMs: number;
  /** Where the items come from; undefined when they are the state's own data. */
  readonly reader?: Json;
  /** What becomes of the children's results. */
  readonly writer: ResultWriting;
  /** Items in all children. */
  items: number;
  /** Items of children that have failed. */
  failed: number;
  /** What came of the last export of the results. */
  exported: ExportedResults | undefined;
  /** Files of earlier exports that still count: what had succeeded then is written once. */
  readonly kept: ResultFile[];
}

// Types, where interfaces would not do: the journal takes them as JSON.

/** ResultWriter, evaluated. */
export type ResultWriting = {
  readonly transformation: 'NONE' | 'COMPACT' | 'FLATTEN';
  readonly outputType: 'JSON' | 'JSONL';
  /** Where the results are exported to; undefined: they are the state's result. The prefix is empty or ends in a slash. */
  readonly to?: { readonly bucket: string; readonly prefix: string };
};

/** Settings that may be changed while a run is under way. */
export type RunChanges = {
  readonly maxConcurrency?: number;
  readonly toleratedCount?: number;
  readonly toleratedPercentage?: number;
};

/** An object with results. */
export type ResultFile = {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
};

/** Files of what has succeeded, or why nothing could be exported. */
export type ExportedResults = { readonly succeeded: readonly ResultFile[] } | { readonly cause: string };

/** Items of a run that has ended, by what has become of them. */
export interface ItemCounts {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly aborted: number;
}

/** A child execution of a map run: what its context object and its history need. */
export interface ChildExecution {
  readonly executionArn: string;
  readonly name: string;
  /** The machine's name, a slash, and the map's label. */
  readonly stateMachineName: string;
  readonly stateMachineArn: string;
  readonly label: string;
  readonly input: Payload;
  /** Items that it works on: more than one where they are batched. */
  readonly items: number;
  /** PENDING_REDRIVE: it had failed, and is to run again. */
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'ABORTED' | 'PENDING_REDRIVE';
  startedAtMs: number;
  stoppedAtMs: number | undefined;
  output: Payload | undefined;
  failure: Failure;
  /** Its success is in a file of an export. */
  exported: boolean;
  /** Events in its history. */
  events: number;
  redrives: number;
  redrivenAtMs: number;
}

/** A run that begins. */
export function newMapRun(
  known: Pick<MapRun, 'arn' | 'maxConcurrency' | 'toleratedCount' | 'toleratedPercentage' | 'reader'> & {
    readonly writer?: ResultWriting;
  },
): MapRun {
  return {
    writer: { transformation: 'COMPACT', outputType: 'JSON' },
    ...known,
    status: 'RUNNING',
    startedAtMs: 0,
    stoppedAtMs: undefined,
    redrives: 0,
    redrivenAtMs: 0,
    items: 0,
    failed: 0,
    exported: undefined,
    kept: [],
  };
}
