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
  const ancestors = order.map(() => new Uint32Array(words));
  const has = (row: Uint32Array | undefined, bit: number) => (((row?.[bit >>> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
  const parents = new Map<string, readonly string[]>();
  for (const [index, id] of order.entries()) {
    const all = [...(dependencies.get(id) ?? [])].map((parent) => position.get(parent) ?? 0).sort((a, b) => a - b);
    const row = ancestors[index];
    if (!row) continue;
    for (const parent of all) {
      const above = ancestors[parent];
      for (let word = 0; word < words; word++) row[word] = (row[word] ?? 0) | (above?.[word] ?? 0);
    }
    // What is an ancestor of another parent is implied; at this point `row` holds ancestors of parents only.
    const direct = all.filter((parent) => !has(row, parent));
    for (const parent of all) row[parent >>> 5] = (row[parent >>> 5] ?? 0) | (1 << (parent & 31));
    parents.set(
      id,
      direct.map((parent) => order[parent] ?? ''),
    );
  }
  return {
    order,
    parents,
    isAncestor: (a, b) => has(ancestors[position.get(b) ?? -1], position.get(a) ?? 0),
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
