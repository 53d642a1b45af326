/**
 * How many bytes of JSON a job's answer may have. A state carries 256 KiB, and where values meet (the input of a job, the
 * branches of a fork, the items of a map, the pipeline's output) they share it. What is more than a job's share goes to
 * S3 in its function, so that no state can fail because of its size.
 */
import { type Expression, type RefExpression, refsOf, secretsOf } from '../ir/expressions.ts';
import type { JobIr, JsonSchema, NodeIr, PipelineIr } from '../ir/nodes.ts';
import type { ShapeContext } from '../ir/shapes.ts';
import { innerScopes, ownExpressions } from '../ir/walk.ts';
import { byteLength, type Keep, maxInlineBytes, pointerBytes } from '../payload-layout.ts';
import { mostBytes } from './most-bytes.ts';
import { constantBytes } from './sizes.ts';

/** What values that meet may have together, with the constants beside them: 256 KiB, less names and the envelope. */
const meetingBytes = 240_000;

/** As an item of a list too: as many as a history has events for fit into a state. */
const shortBytes = 48;

/** The pipeline's input among producers: no node has this id. */
export const inputId = '';

export interface InlineBytes {
  /** Notes that values of these nodes go through one state together. */
  meet(nodes: readonly string[]): void;
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
  const short = known.get(output) ?? mostBytes(output) <= shortBytes;
  known.set(output, short);
  return short;
}

/** Operations serve many jobs. */
const known = new WeakMap<JsonSchema, boolean>();

/** @returns what begins anew for each machine that is emitted */
export function inlineBytes(
  pipeline: PipelineIr,
  nodes: ShapeContext['nodes'],
  keeps: ReadonlyMap<string, Keep>,
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
  return () => {
    const shares: Shares = new Map(always);
    return {
      meet: (ids) =>
        meetCounted(
          shares,
          ids.map((id) => [id, 1] as const),
        ),
      // A pointer has to fit.
      of: (job) => Math.max(pointerBytes, shareIn(shares, job)),
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
