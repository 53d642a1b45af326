/**
 * Cycles of a dependency graph, for messages: each as the ids along it, starting with the one written first. Of cycles
 * that share a node only one is given: mending it shows what is left.
 */
export function cyclesOf(dependencies: ReadonlyMap<string, ReadonlySet<string>>): readonly (readonly string[])[] {
  const cycles: string[][] = [];
  const settled = new Set<string>();
  for (const start of dependencies.keys()) {
    if (settled.has(start)) continue;
    // Depth first without recursion: graphs may be deeper than the call stack.
    const trail: { readonly id: string; readonly rest: string[] }[] = [];
    const onTrail = new Set<string>();
    const enter = (id: string) => {
      trail.push({ id, rest: [...(dependencies.get(id) ?? [])] });
      onTrail.add(id);
    };
    enter(start);
    for (let top = trail.at(-1); top; top = trail.at(-1)) {
      const next = top.rest.shift();
      if (next === undefined) {
        settled.add(top.id);
        onTrail.delete(top.id);
        trail.pop();
      } else if (onTrail.has(next)) {
        const cycle = trail.slice(trail.findIndex(({ id }) => id === next)).map(({ id }) => id);
        if (!cycles.some((known) => known.some((id) => cycle.includes(id)))) cycles.push(cycle);
      } else if (!settled.has(next) && dependencies.has(next)) {
        enter(next);
      }
    }
  }
  return cycles;
}
