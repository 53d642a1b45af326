/** The chain of jobs that decided when the session ended: shortening any other job would have gained nothing. */
import type { GraphNode, GraphScope } from '../graph/graph.ts';
import { scopesOf } from '../graph/graph.ts';
import type { JobView } from '../sessions/view.ts';

interface Times {
  readonly jobs: ReadonlyMap<string, JobView>;
  readonly iterations: ReadonlyMap<string, number>;
  readonly now: number;
}

/**
 * Paths of the jobs on the critical path, maps included.
 *
 * Backwards from what ended last: before each node stands the one it waited for longest. In a branch or switch the side that ran
 * counts, in a map the iteration that ended last.
 */
export function criticalPath(scope: GraphScope, jobs: readonly JobView[], now: number): ReadonlySet<string> {
  const iterations = new Map<string, number>();
  for (const { job } of jobs) {
    for (const match of job.matchAll(/\[(\d+)\]/g)) {
      const map = job.slice(0, match.index);
      iterations.set(map, Math.max(iterations.get(map) ?? 0, Number(match[1]) + 1));
    }
  }
  return new Set(walk(scope, '', { jobs: new Map(jobs.map((job) => [job.job, job])), iterations, now }));
}

function walk(scope: GraphScope, prefix: string, times: Times): readonly string[] {
  const byId = new Map(scope.nodes.map((node) => [node.id, node]));
  const found: string[] = [];
  const seen = new Set<string>();
  let current = latest(scope.nodes, prefix, times);
  while (current !== undefined && !seen.has(current.id)) {
    const { id } = current;
    seen.add(id);
    found.push(...inside(current, prefix, times));
    const parents = scope.edges.flatMap(({ from, to }) => (to === id ? [byId.get(from)] : []));
    current = latest(
      parents.filter((parent) => parent !== undefined),
      prefix,
      times,
    );
  }
  return found;
}

function inside(node: GraphNode, prefix: string, times: Times): readonly string[] {
  const path = prefix + node.id;
  switch (node.kind) {
    case 'job':
    case 'approval':
    case 'wait':
    case 'fold':
      return [path];
    case 'branch':
    case 'switch':
    case 'guard':
      return scopesOf(node).flatMap(({ scope }) => walk(scope, prefix, times));
    // What its executions did nobody has kept count of.
    case 'mapS3':
      return [path];
    case 'map':
    case 'loop': {
      const prefixes = iterationPrefixes(path, times);
      const ends = prefixes.map((each) => ({ each, end: endOfScope(node.body, each, times) ?? -Infinity }));
      const last = ends.reduce((a, b) => (b.end > a.end ? b : a), { each: '', end: -Infinity });
      return [path, ...(last.each === '' ? [] : walk(node.body, last.each, times))];
    }
  }
}

function iterationPrefixes(path: string, { iterations }: Times): readonly string[] {
  return Array.from({ length: iterations.get(path) ?? 0 }, (_, index) => `${path}[${index}]/`);
}

function latest(nodes: readonly GraphNode[], prefix: string, times: Times): GraphNode | undefined {
  let best: { readonly node: GraphNode; readonly end: number } | undefined;
  for (const node of nodes) {
    const end = endOf(node, prefix, times);
    if (end !== undefined && (best === undefined || end > best.end)) best = { node, end };
  }
  return best?.node;
}

/** When a node ended, or now while it runs; `undefined` when it has not begun. */
function endOf(node: GraphNode, prefix: string, times: Times): number | undefined {
  if (node.kind === 'branch' || node.kind === 'switch' || node.kind === 'guard') {
    const ends = scopesOf(node).flatMap(({ scope }) => endOfScope(scope, prefix, times) ?? []);
    return ends.length === 0 ? undefined : Math.max(...ends);
  }
  const job = times.jobs.get(prefix + node.id);
  return job?.startedAt === undefined || job.status === 'skipped' ? undefined : (job.endedAt ?? times.now);
}

function endOfScope(scope: GraphScope, prefix: string, times: Times): number | undefined {
  const ends = scope.nodes.flatMap((node) => endOf(node, prefix, times) ?? []);
  return ends.length === 0 ? undefined : Math.max(...ends);
}
