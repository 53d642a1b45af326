/** What the nodes of a machine come to, measured on the machine as it was emitted in one piece. */
import type { StateOrigin } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';
import type { PipelineIr } from '../ir/nodes.ts';
import type { ShapeContext } from '../ir/shapes.ts';
import { nodeIndex, placedNodes } from '../ir/walk.ts';
import { itemsRange, roundsRange } from './bounds.ts';
import type { Weight } from './shards.ts';
import { deployedBytes } from './sizes.ts';

/** Events that a visit of a state leaves, by its type; of a task that waits for a token one more. */
const eventsOf: { readonly [type: string]: number } = { Task: 5, Map: 4, Parallel: 4, Choice: 2, Pass: 2 };

export type WeighedStates = { readonly [name: string]: { readonly [field: string]: Json } };

/**
 * The weight of each node of the pipeline's own scope: of every state that serves it, or what is inside it. States of
 * Parallels over several nodes count for none. Events inside a map count for each item that it may have; once where
 * nothing says how many it has.
 */
export function weighNodes(
  states: WeighedStates,
  origins: { readonly [state: string]: StateOrigin },
  pipeline: PipelineIr,
): { readonly of: (node: string) => Weight; readonly whole: Weight } {
  const context: ShapeContext = { pipeline, nodes: nodeIndex(pipeline), known: [] };
  const outermost = outermostIn(pipeline);
  const weights = new Map<string, { bytes: number; events: number }>();
  const whole = { bytes: 300, events: 4 };
  const add = (node: string | undefined, bytes: number, events: number): void => {
    whole.bytes += bytes;
    whole.events += events;
    if (node === undefined) return;
    const weight = weights.get(node);
    if (weight === undefined) weights.set(node, { bytes, events });
    else {
      weight.bytes += bytes;
      weight.events += events;
    }
  };
  /** Items of a map, or rounds of a loop, beyond which there are none; each has two events of its own. */
  const itemsOf = (id: string): number => {
    const node = context.nodes.get(id)?.node;
    const most =
      node?.kind === 'map'
        ? itemsRange(context, node.items).max
        : node?.kind === 'loop'
          ? roundsRange(context, node).max
          : // Executions of their own have histories of their own.
            node?.kind === 'mapS3'
            ? 0
            : 1;
    return Number.isFinite(most) ? most : 1;
  };
  // Parallels are nested to a bounded depth, maps and branches as deep as their author wrote them.
  const measure = (inside: WeighedStates, times: number): void => {
    for (const [name, state] of Object.entries(inside)) {
      const { Branches, ItemProcessor } = state;
      const own = Branches === undefined && ItemProcessor === undefined ? state : withoutInside(state);
      const origin = origins[name];
      const node = origin === undefined || origin.role === 'fork' ? undefined : outermost.get(origin.node);
      const bytes = deployedBytes(JSON.stringify(own), pipeline.id) + Buffer.byteLength(name) + 4;
      const rounds = origin?.role === 'loop' || origin?.role === 'again' ? itemsOf(origin.node) : 1;
      add(node, bytes, times * rounds * (eventsOf[String(own['Type'])] ?? 5));
      for (const branch of Array.isArray(Branches) ? (Branches as { readonly States: WeighedStates }[]) : []) {
        add(undefined, 40, 0);
        measure(branch.States, times);
      }
      if (ItemProcessor === undefined) continue;
      const items = times * (origin?.role === 'map' || origin?.role === 'loop' ? itemsOf(origin.node) : 1);
      add(node, 0, 2 * items);
      measure((ItemProcessor as unknown as { readonly States: WeighedStates }).States, items);
    }
  };
  measure(states, 1);
  return { of: (node) => weights.get(node) ?? { bytes: 0, events: 0 }, whole };
}

function withoutInside({ Branches, ItemProcessor, ...own }: WeighedStates[string]): WeighedStates[string] {
  return own;
}

/** For each node the one of the pipeline's own scope that it is in, which may stand in a guard. */
function outermostIn({ body }: PipelineIr): ReadonlyMap<string, string> {
  return new Map(
    placedNodes(body).map(({ node, scope }) => {
      const first = scope.find(({ part }) => part !== 'guarded');
      return [node.id, first?.node ?? node.id];
    }),
  );
}
