/**
 * Sharding: what is too large for one machine is packed into child machines, bottom-up over the skeleton. A part over
 * the budget gives its children away: those of a sequence in runs, those of a parallel by first fit, the largest first.
 * What holds a child machine stays where it is, so children have no children; and while there is room the smallest of
 * them are taken back, because each costs the second in which Step Functions hears of its end.
 *
 * Gates need to know nothing of it: their items are keyed by the root execution, and tokens work from anywhere.
 */
import type { Skeleton } from './skeleton.ts';

/** What a part of a machine comes to: bytes of definition, events of history. */
export interface Weight {
  readonly bytes: number;
  readonly events: number;
}

/** What stays clear of Step Functions' limits of 1 MiB and 25,000 events. */
export const shardBudget: Weight = { bytes: 900_000, events: 20_000 };

/** What the state is that runs a child machine, and what a Parallel is beside its branches. */
const ofShard: Weight = { bytes: 1_200, events: 8 };
const ofFork: Weight = { bytes: 300, events: 4 };

export interface Sharded {
  readonly skeleton: Skeleton;
  /** The parts that are machines of their own, in the order of their numbers, which count from 1. */
  readonly shards: readonly Skeleton[];
}

const fits = (weight: Weight, budget: Weight) => weight.bytes <= budget.bytes && weight.events <= budget.events;

function sumOf(weights: readonly Weight[]): Weight {
  let [bytes, events] = [0, 0];
  for (const weight of weights) {
    bytes += weight.bytes;
    events += weight.events;
  }
  return { bytes, events };
}

/** A part with what has become of it. */
interface Packed {
  readonly part: Skeleton;
  readonly weight: Weight;
  readonly shards: readonly { readonly part: Skeleton; readonly weight: Weight; readonly asked?: true }[];
}

/**
 * Packs a skeleton. Recursion goes as deep as Parallels are nested, which is bounded.
 *
 * @param weightOf what a node comes to with all that serves it
 * @param isAsked whether the author wants the node in a machine of its own
 */
export function shardSkeleton(
  skeleton: Skeleton,
  weightOf: (node: string) => Weight,
  budget: Weight,
  isAsked: (node: string) => boolean = () => false,
): Sharded {
  const packed = pack(skeleton, weightOf, budget, isAsked);
  const kept = new Set<Skeleton>();
  let { weight } = packed;
  for (const shard of packed.shards.toSorted((a, b) => a.weight.bytes - b.weight.bytes)) {
    if (shard.asked) continue;
    const more = sumOf([weight, shard.weight]);
    if (!fits(more, budget)) break;
    weight = more;
    kept.add(shard.part);
  }
  const shards = packed.shards.map(({ part }) => part).filter((part) => !kept.has(part));
  return { skeleton: packed.part, shards };
}

function pack(
  part: Skeleton,
  weightOf: (node: string) => Weight,
  budget: Weight,
  isAsked: (node: string) => boolean,
): Packed {
  if (part.kind === 'leaf') {
    const weight = weightOf(part.id);
    return isAsked(part.id)
      ? { part, weight: ofShard, shards: [{ part, weight, asked: true }] }
      : { part, weight, shards: [] };
  }
  const children = part.parts.map((inner) => pack(inner, weightOf, budget, isAsked));
  const own = part.kind === 'parallel' ? ofFork : { bytes: 0, events: 0 };
  const shards = children.flatMap((child) => child.shards);
  const weight = sumOf([own, ...children.map((child) => child.weight)]);
  if (fits(weight, budget)) {
    const isSame = children.every((child, index) => child.part === part.parts[index]);
    return { part: isSame ? part : { ...part, parts: children.map((child) => child.part) }, weight, shards };
  }
  const bins = part.kind === 'sequence' ? runsOf(children, budget) : firstFit(children, budget);
  const parts: Skeleton[] = [];
  const made: Packed['shards'][number][] = [];
  const weights: Weight[] = [own];
  for (const bin of bins) {
    const [only] = bin;
    const whole = sumOf([...bin.map((child) => child.weight), bin.length > 1 ? own : { bytes: 0, events: 0 }]);
    // What holds child machines is alone in its bin. One node over the budget has a machine of its own: what it is over
    // may still be less than Step Functions takes, and it leaves room to the others.
    if (only === undefined || only.shards.length > 0 || fits(whole, ofShard)) {
      for (const child of bin) {
        parts.push(child.part);
        weights.push(child.weight);
      }
      continue;
    }
    const inner: Skeleton = bin.length === 1 ? only.part : { kind: part.kind, parts: bin.map((child) => child.part) };
    parts.push(inner);
    weights.push(ofShard);
    made.push({ part: inner, weight: whole });
  }
  return { part: { ...part, parts }, weight: sumOf(weights), shards: [...shards, ...made] };
}

/** Neighbours that fit together. */
function runsOf(children: readonly Packed[], budget: Weight): readonly (readonly Packed[])[] {
  const runs: Packed[][] = [];
  let room: Weight | undefined;
  for (const child of children) {
    const run = runs.at(-1);
    const more: Weight | undefined = room && sumOf([room, child.weight]);
    if (run !== undefined && more !== undefined && child.shards.length === 0 && fits(more, budget)) {
      run.push(child);
      room = more;
      continue;
    }
    runs.push([child]);
    room = child.shards.length === 0 ? child.weight : undefined;
  }
  return runs;
}

/** First fit, the largest first; within a bin in the order in which they stood. */
function firstFit(children: readonly Packed[], budget: Weight): readonly (readonly Packed[])[] {
  const bins: { readonly places: number[]; weight: Weight }[] = [];
  const order = Array.from(children.keys()).toSorted(
    (a, b) => (children[b]?.weight.bytes ?? 0) - (children[a]?.weight.bytes ?? 0) || a - b,
  );
  const alone: number[][] = [];
  for (const place of order) {
    const child = children[place];
    if (child === undefined) continue;
    if (child.shards.length > 0) {
      alone.push([place]);
      continue;
    }
    const bin = bins.find((one) => fits(sumOf([one.weight, child.weight, ofFork]), budget));
    if (bin === undefined) bins.push({ places: [place], weight: child.weight });
    else {
      bin.places.push(place);
      bin.weight = sumOf([bin.weight, child.weight]);
    }
  }
  return [...bins.map(({ places }) => places), ...alone]
    .map((places) => places.toSorted((a, b) => a - b))
    .toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0))
    .map((places) => places.flatMap((place) => children[place] ?? []));
}
