import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emitMachine } from '../../lib/compiler/emit.ts';
import { groundworkOf } from '../../lib/compiler/groundwork.ts';
import { shardSkeleton } from '../../lib/compiler/shards.ts';
import type { PipelineIr } from '../../lib/ir/nodes.ts';
import { transitiveReduction } from '../../lib/ir/reduction.ts';
import { dependenciesOf } from '../../lib/ir/walk.ts';
import { rows } from '../fixtures/pipelines.ts';
import { draws } from '../fuzz.ts';
import { programOf } from './structures-program.ts';

/** Passes that have nothing to do give back what they were given. */
const fixtures = rows.map(({ pipeline: { ir } }) => ir);
const tapes = fc.array(fc.nat(2519), { maxLength: 200, size: 'max' });

/** Of the fixture table, then of generated pipelines. */
function ofEach(check: (ir: PipelineIr) => void): void {
  fixtures.forEach(check);
  fc.assert(
    fc.property(tapes, (tape) => check(programOf(tape).pipeline.ir)),
    { numRuns: draws(100) },
  );
}

describe('a pass with nothing to do', () => {
  it('of the reduction: a graph that is reduced stays as it is', () => {
    ofEach(({ body }) => {
      const once = transitiveReduction(dependenciesOf(body));
      const again = transitiveReduction(new Map([...once.parents].map(([id, parents]) => [id, new Set(parents)])));
      expect(again.order).toStrictEqual(once.order);
      expect(again.parents).toStrictEqual(once.parents);
    });
  });

  it('of the cut: what fits into one machine is the very same skeleton', () => {
    ofEach((ir) => {
      const { skeleton } = groundworkOf(ir).skeletonOf(ir.body);
      if (skeleton === undefined) throw new Error('there are no jobs');
      const weight = { bytes: 1, events: 1 };
      const cut = shardSkeleton(skeleton, () => weight, { bytes: Number.MAX_VALUE, events: Number.MAX_VALUE });
      expect(cut.skeleton).toBe(skeleton);
      expect(cut.shards).toStrictEqual([]);
    });
  });

  it('of the emission: a cut that cuts nothing gives the machine that there is without it, to the byte', () => {
    ofEach((ir) => {
      const groundwork = groundworkOf(ir);
      const whole = emitMachine(groundwork);
      // A skeleton of other objects, as a pass makes it that copies what it does not change.
      const copied = emitMachine(groundwork, (skeleton) => ({ skeleton: structuredClone(skeleton), shards: [] }));
      expect(JSON.stringify(copied)).toBe(JSON.stringify(whole));
    });
  });
});
