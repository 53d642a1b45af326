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
  const ids = [...dependencies.keys()];
  const rank = new Map(ids.map((id, index) => [id, index]));
  const children: number[][] = ids.map(() => []);
  const waiting = new Int32Array(ids.length);
  let index = 0;
  for (const parents of dependencies.values()) {
    waiting[index] = parents.size;
    for (const parent of parents) children[rank.get(parent) ?? -1]?.push(index);
    index += 1;
  }
  const order: string[] = [];
  let ready = Array.from(ids.keys()).filter((node) => waiting[node] === 0);
  while (ready.length > 0) {
    const next: number[] = [];
    for (const node of ready) {
      order.push(ids[node] ?? '');
      for (const child of children[node] ?? []) {
        const left = (waiting[child] ?? 0) - 1;
        waiting[child] = left;
        if (left === 0) next.push(child);
      }
    }
    ready = next.length > 1 ? next.sort((a, b) => a - b) : next;
  }
  return order;
}
