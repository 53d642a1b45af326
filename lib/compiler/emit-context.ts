/**
 * What the emission of one machine shares: the pipeline and what is read of it, what stands where at the place being
 * emitted, and what is noted on the way. Every function that emits takes it as its first argument.
 */
import type { SourcePosition } from '../errors.ts';
import type { StateOrigin } from '../ir/artifact.ts';
import type { Expression, Json } from '../ir/expressions.ts';
import type { ScopeIr } from '../ir/nodes.ts';
import type { ScopeGates } from './behind-gates.ts';
import { reservedInputKey } from '../storage-layout.ts';
import type { GatePlace } from './gates.ts';
import type { Groundwork } from './groundwork.ts';
import type { InlineBytes } from './inline-bytes.ts';
import { variableNames } from './names.ts';
import type { Barrier } from './barriers.ts';
import type { Sharded } from './shards.ts';
import type { Skeleton } from './skeleton.ts';

/** A state of the definition, as Amazon States Language. */
export type State = { readonly [field: string]: Json };

/** States by name. Filled while a frame is emitted, in the order in which they stand in the definition. */
export type States = { [name: string]: State };

/** Values known at one state: of the nodes that end with this very state, where their raw values are. */
export type Overrides = ReadonlyMap<string, string>;

/** At a state with which no node ends. */
export const noOverrides: Overrides = new Map();

/** What a state assigns or puts out when it leaves a scope, printed where it is known what the state itself gives. */
export interface Exit {
  /** The state that follows; `undefined` ends the Parallel branch, the map iteration or the machine. */
  readonly next: string | undefined;
  /** Variables to assign on the way out, beyond the node's own. */
  readonly assign: (overrides: Overrides) => { readonly [variable: string]: Json };
  /** Output of the last state. Called only when `next` is undefined. */
  readonly output: (overrides: Overrides) => Json;
}

/** One scope of the machine: its top, a Parallel branch or a map iteration. */
export interface Frame {
  readonly depth: number;
  /** Maps around, outermost first. */
  readonly maps: readonly string[];
  /** Whether what is given here becomes an item of a list: then the states' input says of how long a list (`of`). */
  readonly listed: boolean;
  /** Conditions known to be true here: those of the sides around. */
  readonly known: readonly Expression[];
  /** What says which execution it is: the machine's own, or what a child machine was handed of its root. */
  readonly identity: Identity;
  /** Where the states of the frame go. */
  readonly states: States;
}

/** The gates of the scope that a node is in, and whose their items are. */
export interface Around {
  readonly gates: ScopeGates;
  readonly place: GatePlace;
}

/** Where a state finds the root execution, as steps of a path into the context. */
export interface Identity {
  readonly execution: string;
  readonly startedAt: string;
  readonly block: string;
}

/** Of a machine that runs by itself. */
export const ownIdentity: Identity = {
  execution: 'Execution.Id',
  startedAt: 'Execution.StartTime',
  block: `Execution.Input.${reservedInputKey}`,
};

/** Where barriers were put, by the scope they are in. */
export interface ScopeBarriers {
  readonly scope: string;
  readonly barriers: readonly Barrier[];
  /** Seconds by the estimates: without the barriers at the least, with them at the most. */
  readonly criticalPath: number;
  readonly makespan: number;
}

/** A scope of the pipeline that is to be emitted. */
export interface ScopeToEmit {
  readonly scope: ScopeIr;
  /** As notes say it: the node around, with its side; empty for the pipeline's own. */
  readonly name: string;
  /** Nodes of the scope whose value is read by what the scope gives. */
  readonly readOutside: ReadonlySet<string>;
}

/** Emits a scope into a frame and gives the name of its first state; none where the scope has no nodes. */
export type EmitScope = (emitter: Emitter, which: ScopeToEmit, frame: Frame, exit: Exit) => string | undefined;

/** The emission of one machine. Maps, sets and lists grow as it goes forward. */
export interface Emitter extends Groundwork {
  /** How much of outputs and input may stay in the state machine. */
  readonly inline: InlineBytes;
  /** Name of the variable that holds a node's value at a depth. */
  readonly variable: (id: string, depth: number) => string;
  /** Branches and maps hold scopes, which hold branches and maps: their files emit what is inside through this. */
  readonly emitScope: EmitScope;
  /** Where each node's value is, as JSONata, at the place being emitted. */
  readonly home: Map<string, string>;
  /** Nodes whose output functions read for themselves where is being emitted; and how many maps are around them. */
  readonly behind: Map<string, number>;
  readonly origins: { [name: string]: StateOrigin };
  readonly barriers: ScopeBarriers[];
  /** Definitions of child machines, in the order of their numbers. */
  readonly shards: { readonly [key: string]: Json }[];
  /** Cuts the pipeline's own scope into machines. @default one machine */
  readonly cut: ((skeleton: Skeleton) => Sharded) | undefined;
  /** Ids of the approvals. */
  readonly approvals: Set<string>;
  readonly gateUse: {
    gated: boolean;
    openedByStates: boolean;
    /** Operations whose functions open gates. */
    readonly openedBy: Set<string>;
  };
}

/** Begins the emission of a pipeline's machine. */
export function newEmitter(groundwork: Groundwork, emitScope: EmitScope, cut: Emitter['cut']): Emitter {
  return {
    ...groundwork,
    inline: groundwork.inlineBytes(),
    variable: variableNames(),
    emitScope,
    home: new Map(),
    behind: new Map(),
    origins: {},
    barriers: [],
    shards: [],
    cut,
    approvals: new Set(),
    gateUse: { gated: false, openedByStates: false, openedBy: new Set() },
  };
}

/** Notes which node a state is there for, and where its author wrote it. */
export function noteOrigin(
  { origins }: Emitter,
  name: string,
  role: StateOrigin['role'],
  { id, source }: { readonly id: string; readonly source: SourcePosition },
  operation?: string,
): void {
  origins[name] = { node: id, role, source, ...(operation === undefined ? {} : { operation }) };
}
