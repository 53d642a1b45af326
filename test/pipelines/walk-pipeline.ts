/**
 * Walks a pipeline's IR in plain TypeScript: every job by its own handler, in an order its refs allow, one at a time.
 * No compiler, no engine: what the pipeline means, to compare with what the engine makes of it.
 */
import type { Expression } from '../../lib/ir/expressions.ts';
import { refsOf } from '../../lib/ir/expressions.ts';
import type { NodeIr, PipelineIr, ScopeIr } from '../../lib/ir/nodes.ts';
import { isLambda } from '../../lib/ir/operations.ts';

/** Runs one job: operation entry file, job path, input. */
export type RunJob = (entry: string, job: string, input: unknown) => Promise<unknown>;

type Values = ReadonlyMap<string, unknown>;

export async function walkPipeline(pipeline: PipelineIr, input: unknown, runJob: RunJob): Promise<unknown> {
  const values = await walkScope(pipeline.body, new Map([['input', input]]), '');
  return pipeline.output && evaluate(pipeline.output.value, values);

  async function walkScope(scope: ScopeIr, outer: Values, path: string): Promise<Values> {
    const values = new Map(outer);
    for (const node of inOrder(scope.nodes)) values.set(`node ${node.id}`, await walkNode(node, values, path));
    return values;
  }

  async function walkNode(node: NodeIr, values: Values, path: string): Promise<unknown> {
    if (node.kind === 'job') {
      const operation = pipeline.operations[node.operation];
      if (!operation || !isLambda(operation)) throw new Error(`no operation ${node.operation}`);
      return runJob(operation.entry, `${path}${node.id}`, evaluate(node.input, values));
    }
    if (node.kind === 'approval') throw new Error('nobody is here to answer');
    if (node.kind === 'branch') {
      const side = evaluate(node.condition, values) === true ? node.yes : node.no;
      return side && resultOf(side, await walkScope(side, values, path));
    }
    if (node.kind !== 'map') throw new Error(`this walk does not know ${node.kind}`);
    const items = evaluate(node.items, values) as readonly unknown[];
    const results: unknown[] = [];
    for (const [index, item] of items.entries()) {
      const inside = new Map([...values, [`item ${node.id}`, item], [`index ${node.id}`, index]]);
      results.push(resultOf(node.body, await walkScope(node.body, inside, `${path}${node.id}[${index}]/`)));
    }
    return results;
  }
}

/** Ids of the nodes that a node waits for: those its expressions name and those it comes `after`. */
export function parentsOf(node: NodeIr, siblings: readonly NodeIr[]): readonly string[] {
  const named = new Set([
    ...node.after,
    ...expressionsOf(node)
      .flatMap(refsOf)
      .map(({ target }) => ('id' in target ? target.id : '')),
  ]);
  return siblings.map(({ id }) => id).filter((id) => named.has(id));
}

function expressionsOf(node: NodeIr): readonly Expression[] {
  const ofScope = (scope: ScopeIr | undefined): readonly Expression[] => scope?.nodes.flatMap(expressionsOf) ?? [];
  if (node.kind === 'job') return node.when ? [node.input, node.when] : [node.input];
  if (node.kind === 'approval') return node.when ? [node.message, node.when] : [node.message];
  if (node.kind === 'branch') return [node.condition, ...ofScope(node.yes), ...ofScope(node.no)];
  return node.kind === 'map' ? [node.items, ...ofScope(node.body)] : [];
}

function inOrder(nodes: readonly NodeIr[]): readonly NodeIr[] {
  const done = new Set<string>();
  const order: NodeIr[] = [];
  while (order.length < nodes.length) {
    const next = nodes.find((node) => !done.has(node.id) && parentsOf(node, nodes).every((id) => done.has(id)));
    if (!next) throw new Error('the nodes wait for each other');
    done.add(next.id);
    order.push(next);
  }
  return order;
}

function resultOf(scope: ScopeIr, values: Values): unknown {
  return scope.result && evaluate(scope.result, values);
}

function evaluate(expression: Expression, values: Values): unknown {
  const of = (part: Expression) => evaluate(part, values);
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'array':
      return expression.items.map(of);
    case 'object':
      return Object.fromEntries(Object.entries(expression.fields).map(([name, field]) => [name, of(field)]));
    case 'ref': {
      const { target, path } = expression;
      const name =
        target.kind === 'node'
          ? `node ${target.id}`
          : target.kind === 'input'
            ? 'input'
            : `${target.kind} ${'map' in target ? target.map : target.id}`;
      return path.reduce<unknown>(
        (value, key) => (value as Record<string | number, unknown> | undefined)?.[key],
        values.get(name),
      );
    }
    case 'call': {
      const [first, second] = expression.arguments.map(of);
      if (expression.name === 'gt') return Number(first) > Number(second);
      if (expression.name === 'orElse') return first ?? second;
      throw new Error(`this walk does not know ${expression.name}`);
    }
  }
}
