/** The sides of a branch or switch, of which one runs: the same for both. */
import type { Expression } from './expressions.ts';
import type { BranchIr, NodeIr, ScopeIr, SwitchIr } from './nodes.ts';

/** A side, in the order in which they are tried. */
export interface Side {
  /** Unique in the node. */
  readonly part: string;
  /** As messages say it. */
  readonly told: string;
  /** Absent: it runs nothing and gives nothing. */
  readonly scope?: ScopeIr;
  /** Taken when it is true; the last side has none and is taken when no other is. */
  readonly condition?: Expression;
  /** What is known to be true inside. */
  readonly fact: Expression;
}

const not = (condition: Expression): Expression => ({ kind: 'call', name: 'not', arguments: [condition] });

/** Whether a node is one of those of whose scopes one runs. */
export function isSided(node: NodeIr): node is BranchIr | SwitchIr {
  return node.kind === 'branch' || node.kind === 'switch';
}

/** The sides of a branch or switch; the last one is for what no condition holds of, with a scope or without. */
export function sidesOf(node: BranchIr | SwitchIr): readonly Side[] {
  if (node.kind === 'branch') {
    const { condition, yes, no } = node;
    return [
      { part: 'yes', told: 'its first side', scope: yes, condition, fact: condition },
      { part: 'no', told: 'its other side', ...(no && { scope: no }), fact: not(condition) },
    ];
  }
  const cases = node.cases.map(({ is, scope }): Side & { readonly condition: Expression } => {
    const condition: Expression = {
      kind: 'call',
      name: 'eq',
      arguments: [node.value, { kind: 'literal', value: is }],
    };
    return { part: `is ${is}`, told: `its case ${JSON.stringify(is)}`, scope, condition, fact: condition };
  });
  const others: Expression = { kind: 'call', name: 'and', arguments: cases.map(({ condition }) => not(condition)) };
  return [
    ...cases,
    {
      part: 'otherwise',
      told: 'what none of its cases is for',
      ...(node.otherwise && { scope: node.otherwise }),
      fact: others,
    },
  ];
}
