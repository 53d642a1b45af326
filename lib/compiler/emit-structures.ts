/**
 * Branches and maps: a Choice between two sides in the same frame, and a Map whose iterations are frames of their own.
 */
import type { Expression, Json } from '../ir/expressions.ts';
import type { BranchIr, MapIr, ScopeIr } from '../ir/nodes.ts';
import { refsWithin } from '../ir/walk.ts';
import { type Emitter, type Exit, type Frame, noOverrides, noteOrigin, type Overrides } from './emit-context.ts';
import { leaving, type Skip, skipTo } from './emit-exits.ts';
import { assigned, printScope, readsFor, resultOf, resultValue, taskResult } from './emit-values.ts';
import { access, print, quoted, template, text } from './jsonata.ts';
import { skipState } from './names.ts';
import { itemReads, readByResult } from './reads.ts';

/** Emits a branch: its sides, then the Choice between them. */
export function emitBranch(emitter: Emitter, node: BranchIr, frame: Frame, exit: Exit): void {
  const yes = emitSide(emitter, node, 'yes', frame, exit);
  const no = emitSide(emitter, node, 'no', frame, exit);
  const here = printScope(emitter, noOverrides, frame.known);
  frame.states[node.id] = {
    Type: 'Choice',
    Choices: [{ Condition: quoted(print(here, node.condition)), Next: yes.next, ...yes.assign }],
    ...no.assign,
    Default: no.next,
  };
  noteOrigin(emitter, node.id, 'condition', node);
  emitter.home.set(node.id, `$${emitter.variable(node.id, frame.depth)}`);
}

/** One side of a branch: its states, or the way past it where it has none. */
function emitSide(emitter: Emitter, node: BranchIr, part: 'yes' | 'no', frame: Frame, exit: Exit): Skip {
  const side = node[part];
  const leave = sideExit(emitter, node, side, frame, exit);
  const fact: Expression = part === 'yes' ? node.condition : { kind: 'call', name: 'not', arguments: [node.condition] };
  const inside: Frame = { ...frame, known: [...frame.known, fact] };
  const entry =
    side &&
    emitter.emitScope(
      emitter,
      { scope: side, name: `${node.id}.${part}`, readOutside: readByResult(side) },
      inside,
      leave,
    );
  if (entry !== undefined) return { next: entry, assign: {} };
  const name = part === 'yes' ? `${node.id} empty` : skipState(node.id);
  return skipTo(emitter, leave, frame, name, node, noOverrides);
}

/** The branch's exit as the last states of a side take it: the side's result is the branch's value. */
function sideExit(emitter: Emitter, node: BranchIr, side: ScopeIr | undefined, frame: Frame, exit: Exit): Exit {
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
    ItemSelector: { ...itemSelector(node, inner.maps), ...(listed ? { of: quoted(of) } : {}) },
    ...(node.concurrency === 0 ? {} : { MaxConcurrency: node.concurrency }),
    ItemProcessor: { ProcessorConfig: { Mode: 'INLINE' }, StartAt: entry ?? '', States: inner.states },
    ...leaving(emitter, exit, frame, new Map([[node.id, taskResult]])),
  };
  noteOrigin(emitter, node.id, 'map', node);
  emitter.home.set(node.id, `$${emitter.variable(node.id, frame.depth)}`);
}

/**
 * What travels as the input of an iteration's states: its path, and the items and indexes that are used inside.
 *
 * @param maps the maps around, outermost first, this one included.
 */
function itemSelector(node: MapIr, maps: readonly string[]): { readonly [field: string]: Json } {
  const used = new Set(
    refsWithin(node).flatMap(({ target }) =>
      target.kind === 'item' || target.kind === 'index' ? [`${target.kind} ${target.map}`] : [],
    ),
  );
  const carried = (kind: 'item' | 'index', folder: string, own: string) =>
    Object.fromEntries(
      maps
        .filter((map) => used.has(`${kind} ${map}`))
        .map((map) => [map, quoted(map === node.id ? own : access(`$states.input.${folder}`, [map]))]),
    );
  const items = carried('item', 'items', '$states.context.Map.Item.Value');
  const indexes = carried('index', 'indexes', '$states.context.Map.Item.Index');
  const prefix = maps.length === 1 ? text(`${node.id}[`) : `$states.input.path & ${text(`/${node.id}[`)}`;
  return {
    path: quoted(`${prefix} & $string($states.context.Map.Item.Index) & "]"`),
    ...(Object.keys(items).length === 0 ? {} : { items }),
    ...(Object.keys(indexes).length === 0 ? {} : { indexes }),
  };
}
