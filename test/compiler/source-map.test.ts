import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import type { PipelineArtifact, StateOrigin } from '../../lib/ir/artifact.ts';
import { nodeIndex } from '../../lib/ir/walk.ts';
import { rows } from '../fixtures/pipelines.ts';
import { draws } from '../fuzz.ts';
import { programOf } from './structures-program.ts';

function compiled(ir: Parameters<typeof compilePipeline>[0]): PipelineArtifact {
  const result = compilePipeline(ir, { sha256: () => '' });
  if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
  return result.artifact;
}

/** Names of the states of a machine and of the machines inside it. */
function stateNames(machine: unknown): readonly string[] {
  const { States } = machine as { readonly States: { readonly [name: string]: Inner } };
  return Object.entries(States).flatMap(([name, state]) => [
    name,
    ...(state.Branches ?? []).flatMap(stateNames),
    ...(state.ItemProcessor ? stateNames(state.ItemProcessor) : []),
  ]);
}
interface Inner {
  readonly Branches?: readonly unknown[];
  readonly ItemProcessor?: unknown;
}

describe('the origin of every state', () => {
  it('is the place of the node that the state serves, in any pipeline', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2519), { maxLength: 400, size: 'max' }), (tape) => {
        const { pipeline: ir } = programOf(tape);
        const { definition, states, pipeline } = compiled(ir.ir);
        const nodes = nodeIndex(pipeline);
        const names = stateNames(definition);
        expect(names.filter((name) => !Object.hasOwn(states, name))).toStrictEqual([]);
        for (const [name, { node, source }] of Object.entries(states))
          expect([name, source]).toStrictEqual([name, nodes.get(node)?.node.source]);
      }),
      { numRuns: draws(100) },
    );
  });

  it('points at the line that names the node, for states of every role', () => {
    const seen = new Set<StateOrigin['role']>();
    const lines = new Map<string, readonly string[]>();
    const pipelines = [...new Map(rows.map((row) => [row.pipeline.id, row.pipeline])).values()];
    for (const { ir } of pipelines) {
      for (const { node, role, source } of Object.values(compiled(ir).states)) {
        seen.add(role);
        const text = lines.get(source.file) ?? readFileSync(source.file, 'utf8').split('\n');
        lines.set(source.file, text);
        // A call that is long has its id on the next line.
        const line = text.slice(source.line - 1, source.line + 1).join('');
        // Some ids are made in a loop: then the line has the call that made the node.
        expect([
          node,
          line.includes(`'${node}'`) ||
            /\b(job|call|branch|map|switch|loop|wait|approve|onFailure|finally)\(/.test(line),
        ]).toStrictEqual([node, true]);
      }
    }
    for (const role of ['job', 'map', 'condition', 'skip', 'fork', 'gate'] as const) expect(seen).toContain(role);
  });
});
