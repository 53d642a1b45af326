/** Graphs that are no sequences and parallels, as pipelines of jobs that take so many seconds. */
import { type Job, type Pipeline, pipeline } from 'bunsui';
import * as z from 'zod';
import { work } from './operations.ts';

/** `[seconds, after]` of each job, those first that others come after. */
export type Graph = Readonly<Record<string, readonly [seconds: number, after?: readonly string[]]>>;

/** Two jobs, three that come after them, `y` after both: it has to wait at a gate for `b`, or finds it open. */
const waiting: Graph = { a: [1], b: [3], x: [4, ['a']], y: [2, ['a', 'b']], z: [2, ['b']] };
const open: Graph = { a: [3], b: [1], x: [1, ['a']], y: [2, ['a', 'b']], z: [4, ['b']] };
/** One, `slow`, that three come after, each after another one too, which others come after as well; the last finds it ended. */
const fanOut: Graph = {
  first: [1],
  slow: [4],
  w1: [1, ['first']],
  w2: [1, ['first']],
  w3: [5, ['first']],
  x1: [3, ['w1', 'slow']],
  x2: [3, ['w2', 'slow']],
  x3: [1, ['w3', 'slow']],
  y1: [3, ['w1']],
  y2: [3, ['w2']],
  y3: [1, ['w3']],
  z: [2, ['slow']],
};
/** One, `c`, that comes after four, each of which has another one behind it. */
const latch: Graph = {
  own: [1],
  p1: [1],
  p2: [2],
  p3: [3],
  other: [4, ['own']],
  x1: [3, ['p1']],
  x2: [2, ['p2']],
  x3: [1, ['p3']],
  c: [3, ['own', 'p1', 'p2', 'p3']],
};

export interface GraphRow {
  readonly name: string;
  readonly graph: Graph;
  /** Gates that its machines have, as `kind node`. */
  readonly gates: readonly string[];
  /** How many have to wait at them, and how many find them open. */
  readonly waits: { readonly waited: number; readonly open: number };
  /** Whether it is run in several machines. */
  readonly cut?: true;
}

export const graphRows: readonly GraphRow[] = [
  { name: 'n-waiting', graph: waiting, gates: ['latch y'], waits: { waited: 1, open: 0 } },
  { name: 'n-open', graph: open, gates: ['latch y'], waits: { waited: 0, open: 1 } },
  { name: 'flag', graph: fanOut, gates: ['flag slow'], waits: { waited: 2, open: 1 } },
  { name: 'latch-of-three', graph: latch, gates: ['latch c'], waits: { waited: 1, open: 0 } },
  { name: 'flag-across-machines', graph: fanOut, gates: ['flag slow'], waits: { waited: 2, open: 1 }, cut: true },
];

export function graphPipeline(id: string, graph: Graph): Pipeline {
  return pipeline(id, { input: z.object({}) }, (p) => {
    const made = new Map<string, Job<unknown>>();
    for (const [job, [seconds, after = []]] of Object.entries(graph)) {
      const before = after.flatMap((one) => made.get(one) ?? []);
      made.set(job, p.job(job, work, { seconds, until: '', fail: false }, { after: before }));
    }
  });
}
