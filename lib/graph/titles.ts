/** What boxes and frames of a graph say of themselves, whatever draws them. */
import type { GraphBox, GraphFrame } from './graph.ts';

/** What a group does, in a few words: `convert: each of list.files`. */
export function groupTitle(node: GraphFrame): string {
  const only = node.when === undefined ? '' : ` (runs if ${node.when})`;
  switch (node.kind) {
    case 'map':
      return `${node.id}: each of ${node.items}${only}`;
    case 'mapS3':
      return `${node.id}: each ${node.records}${only}`;
    case 'branch':
      return `${node.id}: if ${node.condition}${only}`;
    case 'switch':
      return `${node.id}: by ${node.value}${only}`;
    case 'loop':
      return `${node.id}: ${node.rounds}${only}`;
    case 'guard':
      return `${node.id}${only}`;
  }
}

/** What a box is called. */
export function boxTitle(node: GraphBox): string {
  if (node.kind === 'fold') return node.title;
  return node.kind === 'job' && node.icon !== undefined ? `${node.icon} ${node.id}` : node.id;
}

/** What there is to say of a box beside its name, where no session says more. */
export function boxNote(node: GraphBox): string {
  switch (node.kind) {
    case 'job':
      return node.condition === undefined ? node.operation : `if ${node.condition}`;
    case 'approval':
      return node.condition === undefined ? 'a person answers' : `a person answers, if ${node.condition}`;
    case 'wait':
      return node.condition === undefined ? node.lasts : `${node.lasts}, if ${node.condition}`;
    case 'fold':
      return `${node.jobs} ${node.jobs === 1 ? 'job' : 'jobs'}`;
  }
}
