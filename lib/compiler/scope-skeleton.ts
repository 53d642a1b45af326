/** The skeleton of one scope of a pipeline, as the pipeline's mode and its durations ask for: what is emitted, and explained. */
import type { PipelineIr, ScopeIr } from '../ir/nodes.ts';
import { transitiveReduction } from '../ir/reduction.ts';
import { dependenciesOf } from '../ir/walk.ts';
import type { Estimates } from './estimates.ts';
import { buildSkeleton, type SkeletonResult } from './skeleton.ts';

/** `auto` cuts by what was recorded; while nothing is, it would cut without knowing what that costs. */
export function skeletonOf({ mode = 'exact' }: PipelineIr, estimates: Estimates, scope: ScopeIr): SkeletonResult {
  const nodes = new Map(scope.nodes.map((node) => [node.id, node]));
  const estimate = (id: string): number => {
    const node = nodes.get(id);
    return node === undefined ? 1 : estimates.secondsOf(node);
  };
  const reduced = transitiveReduction(dependenciesOf(scope));
  return buildSkeleton(reduced, { mode: mode === 'auto' && !estimates.known ? 'exact' : mode, estimate });
}
