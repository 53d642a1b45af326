/**
 * A graph as Mermaid text, to paste into Markdown. Ids and labels come from authors and may hold anything: ids become
 * plain words of our own, labels keep only characters that mean nothing to Mermaid, the rest as its `#<number>;`.
 *
 * @see https://mermaid.js.org/syntax/flowchart.html
 */
import type { GraphBox, GraphEdge, GraphNode, GraphScope, PipelineGraph } from './graph.ts';
import { conditionOf, nodesOf, scopesOf } from './graph.ts';
import type { Direction } from './layout.ts';
import type { NodeStatus } from './status.ts';
import { boxNote, boxTitle, groupTitle } from './titles.ts';

export interface MermaidOptions {
  /** @default 'TB' */
  readonly direction?: Direction;
  /** The status of a node, by its id; `undefined` leaves it plain. */
  readonly status?: (nodeId: string) => NodeStatus | undefined;
}

/** Fill, border and text of each status: text on fill has a contrast of at least 4.5 to 1. The sign says the same without colour. */
const statusLooks: { readonly [status in NodeStatus]: { readonly sign: string; readonly style: string } } = {
  pending: { sign: '○', style: 'fill:#f3f4f6,stroke:#9ca3af,color:#374151' },
  running: { sign: '▶', style: 'fill:#dbeafe,stroke:#2563eb,color:#1e3a8a' },
  waiting: { sign: '?', style: 'fill:#fef3c7,stroke:#b45309,color:#78350f' },
  retrying: { sign: '↻', style: 'fill:#fef3c7,stroke:#b45309,color:#78350f' },
  completed: { sign: '✓', style: 'fill:#dcfce7,stroke:#15803d,color:#14532d' },
  failed: { sign: '✗', style: 'fill:#fee2e2,stroke:#b91c1c,color:#7f1d1d' },
  cancelled: { sign: '■', style: 'fill:#e5e7eb,stroke:#4b5563,color:#1f2937' },
  timeout: { sign: '⧖', style: 'fill:#ffedd5,stroke:#c2410c,color:#7c2d12' },
  skipped: { sign: '–', style: 'fill:#ffffff,stroke:#9ca3af,color:#4b5563,stroke-dasharray:4 3' },
};

/**
 * The graph as a Mermaid flowchart, ending in a newline.
 *
 * A job is a box, an approval a slanted one, a conditional job or approval a hexagon, a wait a rounded box, folded nodes
 * a box with double sides, what holds others a subgraph. A solid arrow carries data, a dotted one is
 * order only (`after`).
 */
export function toMermaid(graph: PipelineGraph, options: MermaidOptions = {}): string {
  const nodes = nodesOf(graph);
  const names = mermaidIds(nodes);
  const statuses = new Map(nodes.map(({ id }) => [id, options.status?.(id)]));
  const used = Object.entries(statusLooks).filter(([status]) => [...statuses.values()].some((one) => one === status));
  const lines = [
    `flowchart ${options.direction ?? 'TB'}`,
    ...scopeLines(graph, { names, statuses }, 1),
    ...used.map(([status, { style }]) => `    classDef ${status} ${style}`),
    ...used.map(([status]) => {
      const members = nodes.filter(({ id }) => statuses.get(id) === status).map(({ id }) => names.get(id) ?? '');
      return `    class ${members.join(',')} ${status}`;
    }),
  ];
  return `${lines.join('\n')}\n`;
}

interface Writing {
  readonly names: ReadonlyMap<string, string>;
  readonly statuses: ReadonlyMap<string, NodeStatus | undefined>;
}

function scopeLines(scope: GraphScope, writing: Writing, depth: number): readonly string[] {
  const indent = '    '.repeat(depth);
  return [
    ...scope.nodes.flatMap((node) => nodeLines(node, writing, depth)),
    ...scope.edges.map((edge) => `${indent}${edgeText(edge, writing.names)}`),
  ];
}

function nodeLines(node: GraphNode, writing: Writing, depth: number): readonly string[] {
  const indent = '    '.repeat(depth);
  const name = writing.names.get(node.id) ?? '';
  const status = writing.statuses.get(node.id);
  const suffix = status === undefined ? '' : `<br/>${statusLooks[status].sign} ${status}`;
  switch (node.kind) {
    case 'job':
      return [`${indent}${name}${boxText(node, ['[', ']'], '', suffix)}`];
    case 'approval':
      return [`${indent}${name}${boxText(node, ['[/', '/]'], '<br/>approval', suffix)}`];
    case 'fold':
      return [`${indent}${name}${boxText(node, ['[[', ']]'], `<br/>${boxNote(node)}`, suffix)}`];
    case 'wait':
      return [`${indent}${name}(["${escapeLabel(`${node.id}: ${node.lasts}`)}${suffix}"])`];
    case 'map':
    case 'mapS3':
    case 'loop':
      return subgraph(name, `${escapeLabel(groupTitle(node))}${suffix}`, indent, [
        ...bodyLines(node.body, `${name}_none`, writing, depth + 1),
      ]);
    case 'branch':
    case 'switch':
    case 'guard':
      return subgraph(name, `${escapeLabel(groupTitle(node))}${suffix}`, indent, [
        ...scopesOf(node).flatMap(({ side = '', scope }, index) => {
          const sideName = `${name}_${node.kind === 'branch' ? side : `case${index + 1}`}`;
          const body = bodyLines(scope, `${sideName}_none`, writing, depth + 2);
          return subgraph(sideName, node.kind === 'branch' ? side : escapeLabel(side), `${indent}    `, body);
        }),
      ]);
  }
}

/** What runs on a condition is a hexagon, whatever shape it has otherwise. */
function boxText(node: GraphBox, usual: readonly [string, string], more: string, suffix: string): string {
  const [open, close] = conditionOf(node) === undefined ? usual : (['{{', '}}'] as const);
  return `${open}"${escapeLabel(boxTitle(node))}${more}${suffix}"${close}`;
}

/** A subgraph with nothing in it is drawn as a box that looks like a job: it says that there is nothing. */
function bodyLines(scope: GraphScope, emptyName: string, writing: Writing, depth: number): readonly string[] {
  if (scope.nodes.length === 0) return [`${'    '.repeat(depth)}${emptyName}(["nothing runs"])`];
  return scopeLines(scope, writing, depth);
}

function subgraph(name: string, label: string, indent: string, body: readonly string[]): readonly string[] {
  return [`${indent}subgraph ${name}["${label}"]`, ...body, `${indent}end`];
}

function edgeText({ from, to, kind }: GraphEdge, names: ReadonlyMap<string, string>): string {
  return `${names.get(from) ?? ''} ${kind === 'data' ? '-->' : '-.->'} ${names.get(to) ?? ''}`;
}

/** Words of Mermaid's own, and the suffixes that this file gives to groups. */
const reserved =
  /^(end|graph|flowchart|subgraph|style|linkstyle|classdef|class|click|href|call|default|direction|interpolate|acctitle|accdescr|v|x|o)$|(_yes|_no|_none|_case\d+)$/i;

/** A plain word per node: its id where that is one already, otherwise made from it, with a number where two would meet. */
function mermaidIds(nodes: readonly GraphNode[]): ReadonlyMap<string, string> {
  const isPlain = (id: string) => /^[A-Za-z][A-Za-z0-9_]*$/.test(id) && !reserved.test(id);
  const names = new Map(nodes.filter(({ id }) => isPlain(id)).map(({ id }) => [id, id]));
  const taken = new Set(names.values());
  for (const { id } of nodes) {
    if (names.has(id)) continue;
    const base = `n_${id.replaceAll(/[^A-Za-z0-9]+/g, '_').slice(0, 40)}`.replace(/_+$/, '');
    let name = reserved.test(base) ? `${base}_n` : base;
    for (let count = 2; taken.has(name); count += 1) name = `${base}_${count}`;
    taken.add(name);
    names.set(id, name);
  }
  return names;
}

/**
 * Text that Mermaid shows as it is. Only letters, digits and a few harmless signs stay. `direction` is written with an
 * entity too: Mermaid's scanner takes a line that holds `direction TB` anywhere, quotes or not, for a statement.
 */
function escapeLabel(text: string): string {
  if (text === '') return '#160;'; // Mermaid refuses an empty label: a space that does not break
  const long = [...text];
  const shown = long.length > 80 ? `${long.slice(0, 79).join('')}…` : text;
  return shown
    .replaceAll(/[^\p{L}\p{N} _.,=+≠≥≤×−…-]/gu, (sign) => `#${visibleCode(sign)};`)
    .replaceAll(/direction/gi, (word) => `#${word.charCodeAt(0)};${word.slice(1)}`);
}

/** Control and bidirectional signs would act on the reader's screen: the replacement sign stands for them. */
function visibleCode(sign: string): number {
  return /[\p{C}\p{Zl}\p{Zp}]/u.test(sign) ? 0xfffd : (sign.codePointAt(0) ?? 0xfffd);
}
