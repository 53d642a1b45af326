/**
 * How many bytes of JSON a job's answer may have. A state carries 256 KiB, and where values meet (the input of a job, the
 * branches of a fork, the items of a map, the pipeline's output) they share it. What is more than a job's share goes to
 * S3 in its function, so that no state can fail because of its size. What stands in variables at the same time shares the
 * 10 MiB that those of an execution may have.
 */
import { type Expression, type RefExpression, refsOf, secretsOf } from '../ir/expressions.ts';
import type { JobIr, JsonSchema, NodeIr, PipelineIr } from '../ir/nodes.ts';
import type { ShapeContext } from '../ir/shapes.ts';
import { innerScopes, ownExpressions, type ScopeStep } from '../ir/walk.ts';
import { byteLength, type Keep, maxInlineBytes, pointerBytes } from '../payload-layout.ts';
import { itemsRange } from './bounds.ts';
import { mostBytes } from './most-bytes.ts';
import { constantBytes } from './sizes.ts';

/** Iterations of an inline Map that run at once. @see https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html */
export const inlineMapLimit = 40;

/** What values that meet may have together, with the constants beside them: 256 KiB, less names and the envelope. */
const meetingBytes = 240_000;

/** What variables of an execution may have together: 10 MiB, less what does not come from functions. */
const variableBytes = 9_500_000;

/**
 * However often maps within maps multiply: an output costs five events of the 25,000 that a history has, and the list of a
 * map four.
 */
const mostOutputs = 5_000;
const mostLists = 6_250;
/** What every output has room for, however many there are. */
const leastBytes = 480;

/** As an item of a list too: as many as a history has events for fit into a state. */
const shortBytes = 48;

/** The pipeline's input among producers: no node has this id. */
export const inputId = '';

export interface InlineBytes {
  /** Notes that values of these nodes go through one state together. */
  meet(nodes: readonly string[]): void;
  /** Says which values stand in variables of which execution. @default all of them in those of one */
  hold(executions: readonly Iterable<string>[]): void;
  /** What one output of a job may have at the most, whatever it meets. */
  most(job: string): number;
  /** What a job may leave in the state machine, if it is alone with its kind: one item of a map's list has less. */
  of(job: string): number;
  /** What the pipeline's input may. */
  ofInput(): number;
  /** Jobs whose outputs are the items of this map's list, or are in them. */
  results(map: string): ReadonlySet<string>;
  /** What is around each of those outputs in an item: names, constants, a comma. */
  around(map: string): number;
}

/** What of a job's envelope depends on the pipeline: the parts of its output that must stay, and its secrets. */
export function envelopeBytes({ operations }: PipelineIr, { input, operation }: JobIr, keep: Keep | undefined): number {
  const secrets = secretsOf(input).map(({ at, name }) => ({ at, name }));
  const kept = isShort(operations[operation]?.output ?? {}) ? undefined : keep;
  return [kept, secrets.length === 0 ? undefined : secrets].reduce<number>(
    (sum, part) => sum + (part === undefined ? 0 : byteLength(JSON.stringify(part))),
    0,
  );
}

/** Whether an output is always shorter than what would point at it: nobody need say what to do when it is large. */
export function isShort(output: JsonSchema): boolean {
  return mostOfOutput(output) <= shortBytes;
}

function mostOfOutput(output: JsonSchema): number {
  const most = known.get(output) ?? mostBytes(output);
  known.set(output, most);
  return most;
}

/** Operations serve many jobs. */
const known = new WeakMap<JsonSchema, number>();

/** @returns what begins anew for each machine that is emitted */
export function inlineBytes(
  pipeline: PipelineIr,
  nodes: ShapeContext['nodes'],
  keeps: ReadonlyMap<string, Keep>,
  /** The values that are read: each stands in a variable. */
  read: Iterable<string>,
): () => InlineBytes {
  const producers = producersOf(nodes);
  const meetCounted = (shares: Shares, met: readonly (readonly [string, number])[], constants = 0): void => {
    const all = met.flatMap(([id, times]) => producers(id).map((job) => ({ job, times, isList: job !== id })));
    const timesOf = (some: typeof all) => some.reduce((sum, { times }) => sum + times, 0);
    const room = Math.max(0, meetingBytes - constants);
    const even = Math.floor(room / Math.max(1, timesOf(all)));
    const lists = timesOf(all.filter(({ isList }) => isList));
    // One value never takes more than its most; what that leaves is for the lists.
    const ofList = Math.floor((room - (timesOf(all) - lists) * maxInlineBytes) / Math.max(1, lists));
    for (const { job, isList } of all)
      shares.set(job, Math.min(isList && even >= maxInlineBytes ? ofList : even, shareIn(shares, job)));
  };
  /** Where expressions say so: in any machine. */
  const always: Shares = new Map();
  const meetIn = (expression: Expression, beside = 0): void =>
    meetCounted(always, timesIn(expression, nodes), constantBytes(expression) + beside);
  for (const { node } of nodes.values()) {
    const envelope = node.kind === 'job' ? envelopeBytes(pipeline, node, keeps.get(node.id)) : 0;
    for (const { place, expression } of ownExpressions(node)) meetIn(expression, place === 'input' ? envelope : 0);
    if ((node.kind === 'loop' || node.kind === 'mapS3') && node.body.result) meetIn(node.body.result);
  }
  if (pipeline.output) meetIn(pipeline.output.value);
  const context: ShapeContext = { pipeline, nodes, known: [] };
  const times = (id: string): number => timesAtOnce(nodes.get(id)?.scope ?? [], context);
  const held = heldBytes(context, producers, times);
  const inOne = held(read);
  return () => {
    const shares: Shares = new Map(always);
    let { all, ofList } = inOne;
    return {
      hold(executions) {
        const each = executions.map(held);
        all = Math.min(...each.map((one) => one.all));
        ofList = Math.min(...each.map((one) => one.ofList));
      },
      most: (job) => Math.max(leastBytes, Math.min(maxInlineBytes, Math.floor(all / times(job)))),
      meet: (ids) =>
        meetCounted(
          shares,
          ids.map((id) => [id, 1] as const),
        ),
      // A pointer has to fit.
      of: (job) => Math.max(pointerBytes, Math.min(ofList, shareIn(shares, job))),
      ofInput: () => Math.min(maxInlineBytes, shareIn(shares, inputId)),
      results: (map) => new Set(producers(map)),
      around(map) {
        const node = nodes.get(map)?.node;
        const result = node?.kind === 'map' ? node.body.result : undefined;
        const bytes = result === undefined ? 0 : constantBytes(result) + 1;
        return Math.ceil(bytes / Math.max(1, producers(map).length));
      },
    };
  };
}

/**
 * How large values may be that stand in variables of one execution together: one and the same value in all the iterations
 * that run at once, and a list that a map gives. Those that are always shorter leave their room to the others.
 */
function heldBytes(
  { pipeline, nodes }: ShapeContext,
  producers: (id: string) => readonly string[],
  times: (id: string) => number,
): (values: Iterable<string>) => { readonly all: number; readonly ofList: number } {
  const mostOf = (job: string): number => {
    const node = nodes.get(job)?.node;
    const output = node?.kind === 'job' ? pipeline.operations[node.operation]?.output : undefined;
    return Math.min(maxInlineBytes, mostOfOutput(output ?? {}));
  };
  return (values) => {
    const held: { readonly bytes: number; readonly times: number }[] = [];
    let lists = 0;
    for (const id of values) {
      const kind = nodes.get(id)?.node.kind;
      if (kind === 'map') lists += times(id);
      else if (kind !== undefined)
        for (const job of producers(id)) held.push({ bytes: mostOf(job) * times(job), times: times(job) });
    }
    lists = Math.min(lists, mostLists);
    // A list has as many pointers as a history has items: it needs more than one value.
    const ofList = Math.min(meetingBytes, Math.floor(variableBytes / 2 / Math.max(1, lists)));
    const room = variableBytes - lists * ofList;
    const all = shareOut(held, room);
    const isScarce = held.some(({ times }) => all / times < leastBytes);
    return { all: isScarce ? shareOut(held, room - mostOutputs * leastBytes) : all, ofList };
  };
}

/** What each kind of value may take of a room, with all that there is of it; the small ones leave theirs to the others. */
function shareOut(held: readonly { readonly bytes: number }[], room: number): number {
  let left = room;
  for (const [index, { bytes }] of held.toSorted((a, b) => a.bytes - b.bytes).entries()) {
    const others = held.length - index;
    if (bytes * others > left) return Math.floor(left / others);
    left -= bytes;
  }
  return Number.POSITIVE_INFINITY;
}

/** How often there is what stands in a scope at the same time: for each iteration that runs, of the maps around. */
function timesAtOnce(scope: readonly ScopeStep[], context: ShapeContext): number {
  return scope.reduce((times, { node: id }) => {
    const node = context.nodes.get(id)?.node;
    if (node?.kind !== 'map') return times;
    const most = Math.max(1, itemsRange(context, node.items).max);
    return times * Math.min(most, node.concurrency || inlineMapLimit, inlineMapLimit);
  }, 1);
}

type Shares = Map<string, number>;

function shareIn(shares: Shares, id: string): number {
  return shares.get(id) ?? meetingBytes;
}

/** For each node the jobs whose outputs are its value, or are in it. */
function producersOf(nodes: ShapeContext['nodes']): (id: string) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  const inValue = (value: Expression | undefined): readonly string[] =>
    value === undefined
      ? []
      : refsOf(value).flatMap(({ target }) => (target.kind === 'node' ? producers(target.id) : []));
  const producers = (id: string): readonly string[] => {
    const before = known.get(id);
    if (before !== undefined) return before;
    const node = nodes.get(id)?.node;
    const inside = node === undefined ? [] : innerScopes(node).flatMap(({ scope }) => inValue(scope.result));
    const found =
      node === undefined || node.kind === 'job'
        ? [id]
        : node.kind === 'mapS3'
          ? []
          : node.kind === 'loop'
            ? [...inside, ...inValue(node.start)]
            : inside;
    known.set(id, found);
    return found;
  };
  return producers;
}

/** Nodes that an expression reads, and how often one part of their value is in it. */
function timesIn(expression: Expression, nodes: ShapeContext['nodes']): readonly (readonly [string, number])[] {
  const paths = new Map<string, (readonly (string | number)[])[]>();
  const open: RefExpression[] = [...refsOf(expression)];
  const seen = new Set<string>();
  for (let ref = open.pop(); ref !== undefined; ref = open.pop()) {
    const { target, path } = ref;
    if (target.kind === 'item' || target.kind === 'state') {
      const key = `${target.kind} ${target.map}`;
      if (!seen.has(key)) open.push(...partOf(target.kind, nodes.get(target.map)?.node));
      seen.add(key);
      continue;
    }
    if (target.kind === 'index' || target.kind === 'failure') continue;
    const id = target.kind === 'node' ? target.id : inputId;
    const before = paths.get(id);
    if (before === undefined) paths.set(id, [path]);
    else before.push(path);
  }
  return [...paths].map(([id, all]) => [
    id,
    Math.max(...all.map((path) => all.filter((other) => overlap(path, other)).length)),
  ]);
}

/** What an item is a part of, the list that a map or loop goes over; or what the state of a loop is made from. */
function partOf(kind: 'item' | 'state', around: NodeIr | undefined): readonly RefExpression[] {
  if (around?.kind === 'map') return refsOf(around.items);
  if (around?.kind !== 'loop') return [];
  const { rounds, start, body } = around;
  if (kind === 'state') return [...refsOf(start), ...(body.result ? refsOf(body.result) : [])];
  return rounds.kind === 'list' ? refsOf(rounds.items) : [];
}

/** Whether one path leads through what the other leads to. */
function overlap(a: readonly (string | number)[], b: readonly (string | number)[]): boolean {
  const length = Math.min(a.length, b.length);
  return a.slice(0, length).every((key, index) => key === b[index]);
}
