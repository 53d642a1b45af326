/**
 * The private records of the journal: what a history does not hold and a resumed execution needs. They stand before
 * the event they belong to, so that a journal cut between the two decides again and contradicts nothing.
 */
import type { ExportedResults, ResultWriting, RunChanges } from './map-run-state.ts';
import type { JournalRecord, Json } from './ports.ts';

export type PrivateRecord = { readonly kind: 'private'; readonly thread: string } & PrivateFields;

type PrivateFields =
  /** Where a Choice or a Catch goes. */
  | { readonly type: 'next'; readonly state: string }
  /** Until when a Wait waits. */
  | { readonly type: 'wait'; readonly untilMs: number }
  /** When a failed state is tried again (jitter drawn), and by which retrier. */
  | { readonly type: 'retry'; readonly retrier: number; readonly atMs: number }
  /** The token of the task that is about to be scheduled. */
  | { readonly type: 'token'; readonly token: string }
  /** A sign of life of the task in flight. */
  | { readonly type: 'heartbeat'; readonly atMs: number }
  /** What each branch of a Parallel gets, as JSON text. */
  | { readonly type: 'branches'; readonly input: string }
  /** What a Map runs over, as JSON text of the list; absent when that is the state's input. Limit 0: a map run's, of none. */
  | { readonly type: 'items'; readonly items?: string; readonly limit: number }
  /** What is known of a map run before it reads its items. */
  | {
      readonly type: 'run';
      readonly arn: string;
      readonly toleratedCount?: number;
      readonly toleratedPercentage?: number;
      readonly reader?: Json;
      readonly writer?: ResultWriting;
    }
  /** The settings of a map run are changed while it runs. */
  | ({ readonly type: 'runChanged' } & RunChanges)
  /** The children of a map run have ended; their results are to be exported. */
  | { readonly type: 'writing' }
  /** What came of the export. */
  | { readonly type: 'written'; readonly exported: ExportedResults }
  /** What the children of a map run get, as JSON text of the list. */
  | { readonly type: 'children'; readonly inputs: string }
  /** A child of a map run starts. */
  | { readonly type: 'child'; readonly index: number; readonly name: string }
  /** An event in the history of a child of a map run; the thread belongs to the child. */
  | { readonly type: 'childEvent'; readonly event: Json }
  /** A state failed for a reason that no event tells. */
  | {
      readonly type: 'failure';
      readonly error?: string;
      readonly cause?: string;
      readonly terminal?: boolean;
      /** It ends a Parallel or Map without an event that says so. */
      readonly silent?: boolean;
    }
  /** A child of a map run that is redriven goes on where it failed; of type EXPRESS it has a new name and begins anew. */
  | { readonly type: 'childAgain'; readonly index: number; readonly name?: string }
  /** The caller's token of the redrive before it. */
  | { readonly type: 'redriveToken'; readonly token: string }
  /** A child of this thread failed and takes its siblings with it. */
  | { readonly type: 'childFailure'; readonly child: string };

type Undated<T> = T extends unknown ? Omit<T, 'kind' | 'thread'> : never;
/** A private record before it is bound to its thread. */
export type PrivateBody = Undated<PrivateRecord>;

/** The types of private records, for readers of a journal. */
export const privateTypes: ReadonlySet<Json | undefined> = new Set([
  'next',
  'wait',
  'retry',
  'token',
  'heartbeat',
  'branches',
  'run',
  'runChanged',
  'writing',
  'written',
  'children',
  'child',
  'childEvent',
  'childAgain',
  'redriveToken',
  'items',
  'failure',
  'childFailure',
] satisfies PrivateRecord['type'][]);

/** A journal's private record as one of ours; undefined when it is none. */
export function asPrivateRecord(record: JournalRecord & { readonly kind: 'private' }): PrivateRecord | undefined {
  const known = privateTypes.has(record['type']) && typeof record['thread'] === 'string';
  return known ? (record as unknown as PrivateRecord) : undefined;
}
