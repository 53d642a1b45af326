/**
 * Whether what several writers have seen of one object can have happened one after the other: each operation at one moment
 * between its call and its answer (Herlihy and Wing). The search of Wing and Gong, answer by answer (Lowe).
 */

export interface Operation<Op, Out> {
  readonly op: Op;
  /** Moments of the call and of its answer: numbers that grow, each once. */
  readonly called: number;
  readonly answered: number;
  readonly out: Out;
}

/** What an operation gives and leaves in a state, if nobody else is there. States are JSON-able. */
export type Model<State, Op, Out> = (state: State, op: Op) => { readonly state: State; readonly out: Out };

interface Way<State> {
  readonly state: State;
  /** Of the operations that are under way: those that have happened. */
  readonly done: ReadonlySet<number>;
}

/** @returns the first operation whose answer no order explains, or `undefined` when there is an order */
export function anomaly<State, Op, Out>(
  model: Model<State, Op, Out>,
  initial: State,
  log: readonly Operation<Op, Out>[],
): Operation<Op, Out> | undefined {
  const moments = log
    .flatMap((one, index) => [
      { at: one.called, index },
      { at: one.answered, index, answer: one },
    ])
    .sort((a, b) => a.at - b.at) as { at: number; index: number; answer?: Operation<Op, Out> }[];
  const open = new Set<number>();
  let ways: readonly Way<State>[] = [{ state: initial, done: new Set() }];
  for (const { index, answer } of moments) {
    if (answer === undefined) {
      open.add(index);
      continue;
    }
    const found = new Map<string, Way<State>>();
    /** What changes nothing has happened as soon as it can: that closes no way. What may change something, and to what. */
    const settled = (way: Way<State>) => {
      const done = new Set(way.done);
      const next: (readonly [number, State])[] = [];
      const now = JSON.stringify(way.state);
      for (const other of open) {
        const operation = log[other];
        if (operation === undefined || done.has(other)) continue;
        const { state, out } = model(way.state, operation.op);
        if (JSON.stringify(out) !== JSON.stringify(operation.out)) continue;
        if (JSON.stringify(state) === now) done.add(other);
        else next.push([other, state]);
      }
      return { way: { state: way.state, done }, next };
    };
    const seen = new Set<string>();
    const visit = (from: Way<State>): void => {
      const { way, next } = settled(from);
      const key = JSON.stringify([way.state, [...way.done].sort()]);
      if (seen.has(key)) return;
      seen.add(key);
      // It has happened; what may happen after it is for the answers to come.
      if (way.done.has(index)) {
        const done = new Set(way.done);
        done.delete(index);
        found.set(JSON.stringify([way.state, [...done].sort()]), { state: way.state, done });
        return;
      }
      for (const [other, state] of next) visit({ state, done: new Set([...way.done, other]) });
    };
    for (const way of ways) visit(way);
    if (found.size === 0) return answer;
    ways = [...found.values()];
    open.delete(index);
  }
  return undefined;
}
