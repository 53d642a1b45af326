/**
 * Branches, switches and maps: a Choice between sides in the same frame, and a Map whose iterations are frames of their own.
 */
import type { Json } from '../ir/expressions.ts';
import type { BranchIr, LoopIr, MapIr, ScopeIr, SwitchIr } from '../ir/nodes.ts';
import { type Side, sidesOf } from '../ir/sides.ts';
import { refsWithin } from '../ir/walk.ts';
import { type Emitter, type Exit, type Frame, noOverrides, noteOrigin, type Overrides } from './emit-context.ts';
import { leaving, type Skip, skipTo } from './emit-exits.ts';
import { assigned, printScope, readsFor, resultOf, resultValue, taskResult } from './emit-values.ts';
import { access, print, quoted, template, text } from './jsonata.ts';
import { emptyState, skipState } from './names.ts';
import { itemReads, readByResult } from './reads.ts';

/** Emits a branch or switch: its sides, then the Choice between them. */
export function emitSides(emitter: Emitter, node: BranchIr | SwitchIr, frame: Frame, exit: Exit): void {
  const sides = sidesOf(node);
  const ways = sides.map((side, index) => emitSide(emitter, node, side, index, frame, exit));
  const here = printScope(emitter, noOverrides, frame.known);
  const last = ways.at(-1);
  const choices = sides.flatMap(({ condition }, index) => {
    const way = ways[index];
    return condition === undefined || way === undefined
      ? []
      : [{ Condition: quoted(print(here, condition)), Next: way.next, ...way.assign }];
  });
  frame.states[node.id] = { Type: 'Choice', Choices: choices, ...last?.assign, Default: last?.next ?? '' };
  noteOrigin(emitter, node.id, 'condition', node);
  emitter.home.set(node.id, `$${emitter.variable(node.id, frame.depth)}`);
}

/** One side of a branch or switch: its states, or the way past it where it has none. */
function emitSide(
  emitter: Emitter,
  node: BranchIr | SwitchIr,
  { scope, part, fact, condition }: Side,
  index: number,
  frame: Frame,
  exit: Exit,
): Skip {
  const leave = sideExit(emitter, node, scope, frame, exit);
  const inside: Frame = { ...frame, known: [...frame.known, fact] };
  const which = scope && { scope, name: `${node.id}.${part}`, readOutside: readByResult(scope) };
  const entry = which && emitter.emitScope(emitter, which, inside, leave);
  if (entry !== undefined) return { next: entry, assign: {} };
  const name = condition === undefined ? skipState(node.id) : emptyState(node.id, index);
  return skipTo(emitter, leave, frame, name, node, noOverrides);
}

/** The branch's exit as the last states of a side take it: the side's result is the branch's value. */
function sideExit(
  emitter: Emitter,
  node: BranchIr | SwitchIr,
  side: ScopeIr | undefined,
  frame: Frame,
  exit: Exit,
): Exit {
  const result = side?.result;
  const withResult = (overrides: Overrides): Overrides =>
    new Map(overrides).set(node.id, result ? resultValue(emitter, overrides, result) : 'null');
  const ownValue = (overrides: Overrides): string =>
    result ? resultOf(emitter, overrides, result, readsFor(emitter, node.id)) : 'null';
  return {
    next: exit.next,
    assign: (overrides) => ({
      ...(emitter.reads.has(node.id)
        ? { [emitter.variable(node.id, frame.depth)]: assigned(ownValue(overrides)) }
        : {}),
      ...exit.assign(withResult(overrides)),
    }),
    output: (overrides) => exit.output(withResult(overrides)),
  };
}

/** Emits a map. Its value is the list of what is read of its iterations' results. */
export function emitMap(emitter: Emitter, node: MapIr, frame: Frame, exit: Exit): void {
  const here = printScope(emitter, noOverrides, frame.known);
  const { body } = node;
  const wanted = emitter.reads.get(node.id);
  const gives = wanted !== undefined && body.result !== undefined;
  const listed = frame.listed || gives;
  const inner: Frame = { ...frame, depth: frame.depth + 1, maps: [...frame.maps, node.id], listed, states: {} };
  const which = { scope: body, name: node.id, readOutside: readByResult(body) };
  const entry = emitter.emitScope(emitter, which, inner, {
    next: undefined,
    assign: () => ({}),
    output: (overrides) => {
      if (!wanted) return {};
      if (!body.result) return null;
      return assigned(resultOf(emitter, overrides, body.result, itemReads(wanted)));
    },
  });
  const items = print(here, node.items);
  const outer = frame.listed ? '$states.input.of' : undefined;
  const length = gives ? [`$count(${items})`] : [];
  const of = [...length, ...(outer === undefined ? [] : [outer])].join(' * ');
  frame.states[node.id] = {
    Type: 'Map',
    Items: node.items.kind === 'literal' ? template(here, node.items) : quoted(items),
    ItemSelector: {
      ...iterationInput(node, inner.maps, {
        item: '$states.context.Map.Item.Value',
        index: '$states.context.Map.Item.Index',
      }),
      ...(listed ? { of: quoted(of) } : {}),
    },
    ...(node.concurrency === 0 ? {} : { MaxConcurrency: node.concurrency }),
    ItemProcessor: { ProcessorConfig: { Mode: 'INLINE' }, StartAt: entry ?? '', States: inner.states },
    ...leaving(emitter, exit, frame, new Map([[node.id, taskResult]])),
  };
  noteOrigin(emitter, node.id, 'map', node);
  emitter.home.set(node.id, `$${emitter.variable(node.id, frame.depth)}`);
}

/**
 * What travels as the input of an iteration's states: its path, and what is used inside of items, indexes and states of
 * loops.
 *
 * @param maps the maps and loops around, outermost first, this one included.
 * @param own what this one hands to its iteration, as JSONata
 */
export function iterationInput(
  node: MapIr | LoopIr,
  maps: readonly string[],
  own: { readonly item: string; readonly index: string; readonly state?: string },
): { readonly [field: string]: Json } {
  const used = new Set(
    refsWithin(node).flatMap(({ target }) => ('map' in target ? [`${target.kind} ${target.map}`] : [])),
  );
  const carried = (kind: 'item' | 'index' | 'state', folder: string): { readonly [field: string]: Json } => {
    const fields = maps
      .filter((map) => used.has(`${kind} ${map}`))
      .map((map) => [map, quoted(map === node.id ? (own[kind] ?? 'null') : access(`$states.input.${folder}`, [map]))]);
    return fields.length === 0 ? {} : { [folder]: Object.fromEntries(fields) as Json };
  };
  const prefix = maps.length === 1 ? text(`${node.id}[`) : `$states.input.path & ${text(`/${node.id}[`)}`;
  return {
    path: quoted(`${prefix} & $string(${own.index}) & "]"`),
    ...carried('item', 'items'),
    ...carried('index', 'indexes'),
    ...carried('state', 'states'),
  };
}
