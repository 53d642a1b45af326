/**
 * Bounds: how many states a run of a compiled machine enters, and how many events its history has, at least and at
 * most. Read from the definition itself, so it counts what runs: forks, conditions, gates and child machines too.
 * Numbers are those of a run that succeeds; what retries add is said apart, because it depends on failures.
 */
import { gateAttributes } from '../gate-layout.ts';
import type { PipelineArtifact, StateOrigin } from '../ir/artifact.ts';
import type { Expression, Json } from '../ir/expressions.ts';
import type { LoopIr } from '../ir/nodes.ts';
import { alternatives, type ShapeContext, shapeOf } from '../ir/shapes.ts';
import { nodeIndex } from '../ir/walk.ts';

/** At least and at most; at most infinite where nothing says how many items a map has. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** What one execution comes to. */
export interface MachineBounds {
  /** States entered, as AWS bills them. */
  readonly transitions: Range;
  /** Events of the history, without those of child machines, which have histories of their own. */
  readonly events: Range;
  /** Events beyond the most, when every retry is needed. */
  readonly retryEvents: number;
}

/** Bounds of a pipeline's run. */
export interface RunBounds {
  /** Over all machines. */
  readonly transitions: Range;
  /** Those of them that wait at gates, open them and read behind them. */
  readonly gates: Range;
  /** Writes at gates: one for each wait, for each that opens one, and for each value that is kept behind one. */
  readonly gateWrites: Range;
  /** The machine that is started, then the child machines. */
  readonly machines: readonly MachineBounds[];
}

const none: Range = { min: 0, max: 0 };
const exactly = (count: number): Range => ({ min: count, max: count });
const plus = (a: Range, b: Range): Range => {
  if (a === none) return b;
  return b === none ? a : { min: a.min + b.min, max: a.max + b.max };
};
const either = (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) });
// Nothing of something endless is nothing.
const product = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);
const times = (a: Range, b: Range): Range => ({ min: product(a.min, b.min), max: product(a.max, b.max) });

interface Count {
  readonly transitions: Range;
  readonly gates: Range;
  readonly writes: Range;
  /** Of child machines. */
  readonly elsewhere: Range;
  readonly events: Range;
  readonly retries: number;
}
const nothing: Count = { transitions: none, gates: none, writes: none, elsewhere: none, events: none, retries: 0 };
const add = (a: Count, b: Count): Count => ({
  transitions: plus(a.transitions, b.transitions),
  gates: plus(a.gates, b.gates),
  writes: plus(a.writes, b.writes),
  elsewhere: plus(a.elsewhere, b.elsewhere),
  events: plus(a.events, b.events),
  retries: a.retries + b.retries,
});
const choose = (a: Count, b: Count): Count => ({
  transitions: either(a.transitions, b.transitions),
  gates: either(a.gates, b.gates),
  writes: either(a.writes, b.writes),
  elsewhere: either(a.elsewhere, b.elsewhere),
  events: either(a.events, b.events),
  retries: Math.max(a.retries, b.retries),
});

const repeated = (how: Range, one: Count): Count => ({
  transitions: times(how, one.transitions),
  gates: times(how, one.gates),
  writes: times(how, one.writes),
  elsewhere: times(how, one.elsewhere),
  events: times(how, one.events),
  retries: product(how.max, one.retries),
});

interface State {
  readonly Type: string;
  readonly Next?: string;
  readonly Default?: string;
  readonly Choices?: readonly { readonly Next: string }[];
  readonly Catch?: readonly { readonly Next: string }[];
  readonly Retry?: readonly { readonly MaxAttempts?: number }[];
  readonly Resource?: string;
  readonly Arguments?: {
    readonly Key?: { readonly [attribute: string]: Json };
    readonly StateMachineArn?: Json;
    readonly Payload?: { readonly bunsui?: Json };
  };
  readonly Branches?: readonly Machine[];
  readonly ItemProcessor?: Machine;
}
interface Machine {
  readonly StartAt: string;
  readonly States: { readonly [name: string]: State };
}

type Compiled = Pick<PipelineArtifact, 'definition' | 'states' | 'pipeline'> & {
  readonly shards?: readonly PipelineArtifact['definition'][];
};

/**
 * The bounds of a compiled pipeline's run.
 *
 * @param unbounded how many items a map counts as, at most, of which nothing says how many it has
 */
export function boundsOf(artifact: Compiled, unbounded = Number.POSITIVE_INFINITY): RunBounds {
  const machines = [artifact.definition, ...(artifact.shards ?? [])] as unknown as readonly Machine[];
  const counter = counterOf(artifact, machines, unbounded);
  const counts = machines.map((machine) => {
    const { events, retries, ...count } = counter(machine);
    // Every history begins and ends with an event of the execution.
    return { ...count, events: plus(events, exactly(2)), retryEvents: retries };
  });
  const [first] = counts;
  return {
    transitions: first === undefined ? none : plus(first.transitions, first.elsewhere),
    gates: first?.gates ?? none,
    gateWrites: first?.writes ?? none,
    machines: counts.map(({ transitions, events, retryEvents }) => ({ transitions, events, retryEvents })),
  };
}

function counterOf(
  { pipeline, states }: Compiled,
  machines: readonly Machine[],
  unbounded: number,
): (machine: Machine) => Count {
  const nodes = nodeIndex(pipeline);
  const waiters = waitersIn(machines);
  const context: ShapeContext = { pipeline, nodes, known: [] };
  const known = new Map<Machine, Count>();
  /** The states that run a round, by the loop. */
  const roundOf = new Map<string, State>();

  const own = (name: string, state: State, before: State | undefined): Count => {
    switch (state.Type) {
      case 'Parallel':
        return (state.Branches ?? []).reduce((sum, branch) => add(sum, countOf(branch)), {
          ...nothing,
          transitions: exactly(1),
          events: exactly(4),
        });
      case 'Map':
        return mapCount(name, state, before);
      case 'Choice':
        return states[name]?.role === 'again' ? loopCount(name, state) : simple(name, state);
      case 'Task':
        return taskCount(name, state);
      default:
        return simple(name, state);
    }
  };
  const simple = (name: string, { Type }: State): Count => ({
    ...nothing,
    transitions: exactly(1),
    gates: states[name]?.role === 'gate' ? exactly(1) : none,
    events: exactly(Type === 'Fail' ? 1 : 2),
  });
  /** The Choice of a loop with all of its rounds: it is entered once more than there are rounds. */
  const loopCount = (name: string, state: State): Count => {
    const { node: id = '' } = states[name] ?? {};
    const node = nodes.get(id)?.node;
    const rounds = node?.kind === 'loop' ? roundsRange(context, node) : none;
    const map = roundOf.get(id);
    const look = simple(name, state);
    const round = map === undefined ? look : add(look, mapCount(id, map, undefined));
    return add(look, repeated(rounds, round));
  };
  const mapCount = (name: string, { ItemProcessor: body }: State, before: State | undefined): Count => {
    const node = nodes.get(states[name]?.node ?? '')?.node;
    const isGate = states[name]?.role === 'gate';
    if (node?.kind === 'mapS3') return recordsCount(body, node.reader.limit ?? Number.POSITIVE_INFINITY);
    // Tokens of those who wait at the gate that the state before has opened.
    const said = isGate
      ? { min: 1, max: waiters.get(keyOf(before)) ?? 1 }
      : node?.kind === 'map'
        ? itemsRange(context, node.items)
        : node?.kind === 'loop'
          ? exactly(1)
          : { min: 0, max: Number.POSITIVE_INFINITY };
    const items = Number.isFinite(said.max) ? said : { min: said.min, max: Math.max(said.min, unbounded) };
    const one = body === undefined ? nothing : countOf(body);
    const all = repeated(items, { ...one, events: plus(one.events, exactly(2)) });
    return add({ ...nothing, transitions: exactly(1), gates: isGate ? exactly(1) : none, events: exactly(4) }, all);
  };
  /** Executions of a map over S3 have histories of their own; their transitions are counted all the same. */
  const recordsCount = (body: Machine | undefined, most: number): Count => {
    const items = { min: 0, max: Number.isFinite(most) ? most : unbounded };
    const all = repeated(items, body === undefined ? nothing : countOf(body));
    const elsewhere = plus(all.transitions, all.elsewhere);
    return { ...all, transitions: exactly(1), elsewhere, events: exactly(6), retries: 0 };
  };
  const taskCount = (name: string, { Resource = '', Retry = [], Arguments: given }: State): Count => {
    // An open gate answers with a failure in place of a token: one event less.
    const isGate = states[name]?.role === 'gate';
    const isWait = isGate && Resource.endsWith('.waitForTaskToken');
    const events = isWait ? { min: 5, max: 6 } : exactly(/\.(sync(:\d)?|waitForTaskToken)$/.test(Resource) ? 6 : 5);
    const tries = Retry.reduce((sum, { MaxAttempts = 3 }) => sum + MaxAttempts, 0);
    const child = childOf(given?.StateMachineArn);
    const inside = child === undefined ? nothing : countOf(child);
    return {
      transitions: exactly(1),
      gates: plus(isGate ? exactly(1) : none, inside.gates),
      writes: plus(exactly(writesOf(isGate, Resource, given)), inside.writes),
      elsewhere: plus(inside.transitions, inside.elsewhere),
      events,
      retries: 3 * tries,
    };
  };
  const childOf = (machine: Json | undefined): Machine | undefined =>
    typeof machine === 'string' ? machines[Number(/^\$\{machine:(\d+)\}$/.exec(machine)?.[1])] : undefined;
  /** Backwards over the states, each behind those it may go on to. Machines are long: no recursion along them. */
  const countOf = (machine: Machine): Count => {
    const found = known.get(machine);
    if (found !== undefined) return found;
    const { StartAt, States } = machine;
    const rest = new Map<string, Count>();
    const before = new Map<string, State>();
    for (const [name, state] of Object.entries(States)) {
      if (state.Next !== undefined && !before.has(state.Next)) before.set(state.Next, state);
      if (states[name]?.role === 'loop') roundOf.set(name, state);
    }
    for (const name of endsFirst(machine)) {
      const state = States[name];
      if (state === undefined) continue;
      // A round goes back to the Choice of its loop, which counts all of them.
      const next = nextOnSuccess(states[name]?.role, state);
      const following = next.map((one) => rest.get(one) ?? nothing);
      const after = following.length === 0 ? nothing : following.reduce(choose);
      rest.set(name, add(own(name, state, before.get(name)), after));
    }
    const count = rest.get(StartAt) ?? nothing;
    known.set(machine, count);
    return count;
  };
  return countOf;
}

/** Where a run goes on that succeeds. */
function nextOnSuccess(role: StateOrigin['role'] | undefined, state: State): readonly string[] {
  switch (role) {
    case 'loop':
      return [];
    case 'again':
      return state.Default === undefined ? [] : [state.Default];
    case 'guard':
      return state.Next === undefined ? [] : [state.Next];
    case 'ends':
      return (state.Choices ?? []).map(({ Next }) => Next);
    default:
      return nextOf(state);
  }
}

function nextOf({ Next, Default, Choices = [], Catch = [] }: State): readonly string[] {
  if (Choices.length === 0 && Catch.length === 0 && Default === undefined) return Next === undefined ? [] : [Next];
  const named = [Next, Default, ...Choices.map((choice) => choice.Next), ...Catch.map((caught) => caught.Next)];
  return [...new Set(named.filter((name) => name !== undefined))];
}

/** The states of a machine that can be reached, each behind all that it may go on to. */
function endsFirst({ StartAt, States }: Machine): readonly string[] {
  const ordered: string[] = [];
  const seen = new Set<string>([StartAt]);
  const open: { readonly name: string; readonly next: string[] }[] = [];
  const enter = (name: string): void => {
    const state = States[name];
    if (state !== undefined) open.push({ name, next: [...nextOf(state)] });
  };
  enter(StartAt);
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const next = top.next.pop();
    if (next === undefined) {
      ordered.push(top.name);
      open.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      enter(next);
    }
  }
  return ordered;
}

/** How often a task writes at gates: by itself, or in the function that it calls, as the envelope says. */
function writesOf(isGate: boolean, resource: string, given: State['Arguments']): number {
  if (resource.includes(':dynamodb:updateItem')) return isGate ? 1 : 0;
  const envelope = String(given?.Payload?.bunsui ?? '');
  const gates = envelope.indexOf('"gates": {');
  // Quotation marks within names would be escaped: what this finds are fields.
  return gates < 0 ? 0 : [...envelope.slice(gates).matchAll(/"(latch|flag)": "|"keep": \{"key": "/g)].length;
}

/** Which gate it is that a state waits at or opens. Whose execution the gate belongs to each machine knows in its own way. */
const keyOf = (state: State | undefined): string =>
  JSON.stringify(state?.Arguments?.Key?.[gateAttributes.sortKey] ?? null);

/** How many states wait at each gate. */
function waitersIn(machines: readonly Machine[]): ReadonlyMap<string, number> {
  const waiters = new Map<string, number>();
  const open = [...machines];
  // It grows while it is walked through.
  for (const { States } of open)
    for (const state of Object.values(States)) {
      open.push(...(state.Branches ?? []), ...(state.ItemProcessor ? [state.ItemProcessor] : []));
      if (state.Resource?.endsWith('.waitForTaskToken'))
        waiters.set(keyOf(state), (waiters.get(keyOf(state)) ?? 0) + 1);
    }
  return waiters;
}

/** How many rounds a loop has that succeeds, as far as constants and schemas say. */
export function roundsRange(context: ShapeContext, { rounds, max }: LoopIr): Range {
  const upTo = (most: Range): Range => ({ min: Math.min(most.min, max), max: Math.min(most.max, max) });
  switch (rounds.kind) {
    case 'list':
      return upTo(itemsRange(context, rounds.items));
    case 'range': {
      const [from, to] = [rounds.from, rounds.to].map((end) => (end.kind === 'literal' ? end.value : undefined));
      if (typeof from !== 'number' || typeof to !== 'number') return { min: 0, max };
      return upTo(exactly(Math.max(0, to - from + 1)));
    }
    case 'while':
      return { min: 0, max };
    case 'until':
      return { min: 1, max };
  }
}

/** How many items a list has, as far as constants and schemas say. */
export function itemsRange(context: ShapeContext, list: Expression): Range {
  if (list.kind === 'literal' && Array.isArray(list.value)) return exactly(list.value.length);
  if (list.kind === 'array') return exactly(list.items.length);
  if (list.kind === 'call' && list.name === 'orElse')
    return list.arguments.map((value) => itemsRange(context, value)).reduce(either);
  if (list.kind === 'call' && list.name === 'pluck' && list.arguments[0])
    // Items without the field are left out.
    return { min: 0, max: itemsRange(context, list.arguments[0]).max };
  if (list.kind === 'ref' && list.target.kind === 'node' && list.path.length === 0) {
    const node = context.nodes.get(list.target.id)?.node;
    if (node?.kind === 'map') return itemsRange(context, node.items);
  }
  const ranges = alternatives(shapeOf(context, list).schema)
    .filter(({ type }) => type !== 'null')
    .map(({ minItems, maxItems }) => ({
      min: typeof minItems === 'number' ? minItems : 0,
      max: typeof maxItems === 'number' ? maxItems : Number.POSITIVE_INFINITY,
    }));
  return ranges.length === 0 ? { min: 0, max: Number.POSITIVE_INFINITY } : ranges.reduce(either);
}
