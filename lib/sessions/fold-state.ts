/** What a fold has learnt so far, and how it names places in the machine. */
import type { HistoryEvent } from '../asl/history.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { JobFacts } from './job-view.ts';
import type { MachineMap, Region, StateShape } from './machine-map.ts';
import type { MapFacts } from './map-view.ts';
import type { JobView } from './view.ts';

/** One turn of a Map: the state's name and the item's index. */
export interface Iteration {
  readonly map: string;
  readonly index: number;
}

/** Where in the machine an event happened. */
export interface Position {
  readonly iterations: readonly Iteration[];
  readonly region: Region;
  readonly state?: StateShape;
  /** The state has been left or has ended; what follows is after it, not in it. */
  readonly closed: boolean;
  /** The job whose failure is on its way up. */
  readonly cause?: string;
}

/** A job's or map's events by ascending id, and what was last made of them. */
export interface Recorded<Facts> {
  readonly state: StateShape;
  readonly events: HistoryEvent[];
  facts: Facts | undefined;
  /** Its view, once nothing but an event of its own can change it: views of long sessions are asked for often. */
  settled: JobView | undefined;
}

/** When something ended by failure. */
export interface Closure {
  readonly eventId: number;
  readonly timestamp: number;
}

/** What has been learnt so far. Opaque to callers. */
export interface FoldState {
  readonly artifact: PipelineArtifact;
  readonly machine: MachineMap;
  readonly known: Set<number>;
  readonly positions: Map<number, Position>;
  /** Events whose predecessor is not known yet, by the predecessor's id. */
  readonly waiting: Map<number, HistoryEvent[]>;
  readonly jobs: Map<string, Recorded<JobFacts>>;
  readonly maps: Map<string, Recorded<MapFacts>>;
  /** Events that entered a state that runs a round of a loop, by `placeKey` of the state, ascending. */
  readonly rounds: Map<string, number[]>;
  /** The jobs whose failure has brought Parallels down, by the state's name. */
  readonly causes: Map<string, string>;
  /** The state last entered in each region, by `placeKey`. */
  readonly current: Map<string, { readonly state: StateShape; readonly eventId: number }>;
  /** Failed Parallels and Maps by `placeKey` of their state, failed iterations by that of their body. */
  readonly closures: Map<string, Closure>;
  /** Execution* events by ascending id. */
  readonly execution: HistoryEvent[];
}

/** Identifies a state or region within its iterations. */
export function placeKey(what: string, iterations: readonly Iteration[], depth: number): string {
  let key = what;
  for (const iteration of iterations.slice(0, depth)) key += `@${iteration.index}`;
  return key;
}

/** A job's or map's path: `convert[17]/one`. */
export function pathOf(machine: MachineMap, iterations: readonly Iteration[], node: string): string {
  const parts = iterations.map(({ map, index }) => `${machine.nodeOfState.get(map) ?? map}[${index}]`);
  return [...parts, node].join('/');
}
