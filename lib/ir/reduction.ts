/**
 * Transitive reduction: the dependencies that remain when those implied by others are left out.
 *
 * Ancestor sets are bit rows (one bit per node), so a graph of n nodes and E edges takes n·E/32 steps.
 */
export interface Reduced {
  /** Ids so that each comes after everything it depends on; otherwise in the given order. Nodes of a cycle are left out. */
  readonly order: readonly string[];
  /** Direct parents that no other parent implies, by id, in `order`. */
  readonly parents: ReadonlyMap<string, readonly string[]>;
  /** Is `a` an ancestor of `b`? */
  isAncestor(a: string, b: string): boolean;
}

/** Reduces a dependency graph (`id → ids it waits for`). */
export function transitiveReduction(dependencies: ReadonlyMap<string, ReadonlySet<string>>): Reduced {
  const order = topologicalOrder(dependencies);
  const position = new Map(order.map((id, index) => [id, index]));
  const words = (order.length + 31) >>> 5;
  // One row of bits for each node, in one piece of memory.
  const bits = new Uint32Array(order.length * words);
  const has = (node: number, bit: number) => (((bits[node * words + (bit >>> 5)] ?? 0) >>> (bit & 31)) & 1) === 1;
  const parents = new Map<string, readonly string[]>();
  for (const [index, id] of order.entries()) {
    const all = Array.from(dependencies.get(id) ?? [], (parent) => position.get(parent) ?? 0);
    if (all.length > 1) all.sort((a, b) => a - b);
    const row = index * words;
    const [first] = all;
    if (first !== undefined) bits.copyWithin(row, first * words, first * words + (first >>> 5) + 1);
    for (const parent of all.slice(1)) {
      const above = parent * words;
      // A node's ancestors have lower numbers than it.
      for (let word = parent >>> 5; word >= 0; word--)
        bits[row + word] = (bits[row + word] ?? 0) | (bits[above + word] ?? 0);
    }
    // What is an ancestor of another parent is implied; at this point the row holds ancestors of parents only.
    const direct = all.length < 2 ? all : all.filter((parent) => !has(index, parent));
    for (const parent of all) bits[row + (parent >>> 5)] = (bits[row + (parent >>> 5)] ?? 0) | (1 << (parent & 31));
    parents.set(
      id,
      direct.map((parent) => order[parent] ?? ''),
    );
  }
  return {
    order,
    parents,
    isAncestor: (a, b) => {
      const [above, below] = [position.get(a), position.get(b)];
      return above !== undefined && below !== undefined && has(below, above);
    },
  };
}

function topologicalOrder(dependencies: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] {
  const children = new Map<string, string[]>([...dependencies.keys()].map((id) => [id, []]));
  const waiting = new Map<string, number>();
  for (const [id, parents] of dependencies) {
    waiting.set(id, parents.size);
    for (const parent of parents) children.get(parent)?.push(id);
  }
  const rank = new Map([...dependencies.keys()].map((id, index) => [id, index]));
  const order: string[] = [];
  let ready = [...dependencies.keys()].filter((id) => waiting.get(id) === 0);
  while (ready.length > 0) {
    const next: string[] = [];
    for (const id of ready) {
      order.push(id);
      for (const child of children.get(id) ?? []) {
        const left = (waiting.get(child) ?? 0) - 1;
        waiting.set(child, left);
        if (left === 0) next.push(child);
      }
    }
    ready = next.sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
  }
  return order;
}
