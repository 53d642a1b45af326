/** What the nodes of a machine come to, measured on the machine as it was emitted in one piece. */
import type { StateOrigin } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';
import type { Weight } from './shards.ts';

/** Events that a visit of a state leaves, by its type; of a task that waits for a token one more. */
const eventsOf: { readonly [type: string]: number } = { Task: 5, Map: 4, Parallel: 4, Choice: 2, Pass: 2 };

export type WeighedStates = { readonly [name: string]: { readonly [field: string]: Json } };

/**
 * The weight of each node of the pipeline's own scope: of every state that serves it, or what is inside it. States of
 * Parallels over several nodes count for none. JSON is measured in characters, of which texts of authors may take
 * three bytes, and names of functions are put in later: the budget leaves room, and whole definitions are measured.
 *
 * @param outermost of a node, itself or the node of the pipeline's own scope that it is in
 */
export function weighNodes(
  states: WeighedStates,
  origins: { readonly [state: string]: StateOrigin },
  outermost: (node: string) => string | undefined,
): { readonly of: (node: string) => Weight; readonly whole: Weight } {
  const weights = new Map<string, Weight>();
  let whole: Weight = { bytes: 300, events: 4 };
  const add = (node: string | undefined, bytes: number, events: number): void => {
    whole = { bytes: whole.bytes + bytes, events: whole.events + events };
    if (node === undefined) return;
    const before = weights.get(node) ?? { bytes: 0, events: 0 };
    weights.set(node, { bytes: before.bytes + bytes, events: before.events + events });
  };
  // Parallels are nested to a bounded depth, maps and branches as deep as their author wrote them.
  const measure = (inside: WeighedStates): void => {
    for (const [name, state] of Object.entries(inside)) {
      const { Branches, ItemProcessor, ...own } = state;
      const origin = origins[name];
      const node = origin === undefined || origin.role === 'fork' ? undefined : outermost(origin.node);
      const bytes = JSON.stringify(own).length + name.length + 4;
      add(node, bytes, eventsOf[String(own['Type'])] ?? 5);
      for (const branch of Array.isArray(Branches) ? (Branches as { readonly States: WeighedStates }[]) : []) {
        add(undefined, 40, 0);
        measure(branch.States);
      }
      if (ItemProcessor !== undefined) measure((ItemProcessor as unknown as { readonly States: WeighedStates }).States);
    }
  };
  measure(states);
  return { of: (node) => weights.get(node) ?? { bytes: 0, events: 0 }, whole };
}
