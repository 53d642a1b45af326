/** Short ways to write IR by hand, for tests of the graph and the report. */
import fc from 'fast-check';
import type { Expression, Json, RefExpression } from '../../lib/ir/expressions.ts';
import type { BranchIr, JobIr, MapIr, NodeIr, PipelineIr, ScopeIr } from '../../lib/ir/nodes.ts';

const file = '/home/ann/etl/pipeline.ts';
const at = (line: number) => ({ file, line, column: 5 });

export function ref(id: string, ...path: readonly (string | number)[]): RefExpression {
  return { kind: 'ref', target: { kind: 'node', id }, path };
}

export function literal(value: Json): Expression {
  return { kind: 'literal', value };
}

/** A job that reads the outputs of `reads`. */
export function job(
  id: string,
  reads: readonly string[] = [],
  more: { readonly after?: readonly string[]; readonly when?: Expression; readonly line?: number } = {},
): JobIr {
  return {
    kind: 'job',
    id,
    operation: `${id}-operation`,
    source: at(more.line ?? 10),
    after: more.after ?? [],
    input: { kind: 'object', fields: Object.fromEntries(reads.map((name, index) => [`in${index}`, ref(name)])) },
    ...(more.when === undefined ? {} : { when: more.when }),
  };
}

export function branch(id: string, condition: Expression, yes: readonly NodeIr[], no?: readonly NodeIr[]): BranchIr {
  return {
    kind: 'branch',
    id,
    source: at(20),
    after: [],
    condition,
    yes: { nodes: yes },
    ...(no === undefined ? {} : { no: { nodes: no } }),
  };
}

export function map(id: string, items: Expression, nodes: readonly NodeIr[], concurrency = 0): MapIr {
  return { kind: 'map', id, source: at(30), after: [], items, body: { nodes }, concurrency };
}

export function pipeline(nodes: readonly NodeIr[], id = 'daily-etl'): PipelineIr {
  return { irVersion: 1, id, source: at(1), input: {}, operations: {}, body: { nodes } };
}

/** Random pipelines of up to about 60 nodes, nested to a depth of three, with any text as ids. */
export const anyPipeline: fc.Arbitrary<PipelineIr> = fc
  .array(fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.string({ unit: 'grapheme', maxLength: 12 })), {
    minLength: 1,
    maxLength: 60,
  })
  .map((seeds) => {
    let count = 0;
    const scope = (depth: number, outer: readonly string[]): ScopeIr => {
      const known = [...outer];
      const nodes: NodeIr[] = [];
      for (let width = 0; width < 8 && count < seeds.length; width += 1) {
        const [kind, first, second, text] = seeds[count] ?? [0, 0, 0, ''];
        const id = `${text}#${count}`;
        count += 1;
        const pick = (seed: number) => known[seed % Math.max(1, known.length)];
        const reads = [pick(first), pick(second)].filter((name) => name !== undefined);
        if (depth < 3 && kind % 5 === 3) nodes.push({ ...map(id, literal([]), []), body: scope(depth + 1, known) });
        else if (depth < 3 && kind % 5 === 4) {
          nodes.push({ ...branch(id, literal(true), []), yes: scope(depth + 1, known), no: scope(depth + 1, known) });
        } else nodes.push(job(id, reads, kind % 3 === 0 ? { after: reads.slice(0, 1) } : {}));
        known.push(id);
      }
      return { nodes };
    };
    return { ...pipeline([]), body: scope(0, []) };
  });
