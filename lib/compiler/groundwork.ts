/** What a pipeline's machine is made from: worked out once, however often the machine is emitted. */
import type { PipelineIr, ScopeIr } from '../ir/nodes.ts';
import type { ShapeContext } from '../ir/shapes.ts';
import { nodeIndex } from '../ir/walk.ts';
import { type Estimates, estimatesOf } from './estimates.ts';
import { type InlineBytes, inlineBytes } from './inline-bytes.ts';
import { type Keeps, keepsOf } from './keeps.ts';
import { type Reads, readsOf } from './reads.ts';
import { skeletonOf } from './scope-skeleton.ts';
import type { SkeletonResult } from './skeleton.ts';

export interface Groundwork {
  readonly pipeline: PipelineIr;
  readonly nodes: ShapeContext['nodes'];
  readonly estimates: Estimates;
  /** What is read of each node; nodes that nobody reads are not in it. */
  readonly reads: ReadonlyMap<string, Reads>;
  /** What of outputs and input must not be moved to S3. */
  readonly keeps: Keeps;
  /** Begins to count who meets whom in a machine. */
  readonly inlineBytes: () => InlineBytes;
  readonly skeletonOf: (scope: ScopeIr) => SkeletonResult;
}

/** Of a checked pipeline. */
export function groundworkOf(pipeline: PipelineIr): Groundwork {
  const estimates = estimatesOf(pipeline);
  const nodes = nodeIndex(pipeline);
  const keeps = keepsOf(pipeline, nodes);
  const reads = readsOf(pipeline);
  const skeletons = new Map<ScopeIr, SkeletonResult>();
  return {
    pipeline,
    nodes,
    estimates,
    keeps,
    inlineBytes: inlineBytes(pipeline, nodes, keeps.jobs, reads.keys()),
    reads,
    skeletonOf: (scope) => {
      const built = skeletons.get(scope) ?? skeletonOf(pipeline, estimates, scope);
      skeletons.set(scope, built);
      return built;
    },
  };
}
