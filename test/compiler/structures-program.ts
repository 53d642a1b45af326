/**
 * Legal pipelines from a tape of numbers, each number one decision. A tape that ends goes on with zeros, and zero is
 * always the simplest decision, so that a shorter tape of smaller numbers is a smaller pipeline: fast-check shrinks it.
 */
import {
  type After,
  add,
  and,
  count,
  eq,
  get,
  gt,
  gte,
  type Job,
  lambda,
  lt,
  lte,
  multiply,
  ne,
  not,
  or,
  orElse,
  type Pipeline,
  pipeline,
  pluck,
  type RefBase,
  type Scope,
  subtract,
  sum,
  tpl,
} from 'bunsui';
import * as z from 'zod';
import type { Json } from '../../lib/ir/expressions.ts';

/** Types of generated values. A list with `gaps` may hold null: bodies of a map that gave nothing. */
type Type =
  | { readonly kind: 'number' | 'text' | 'flag' }
  | { readonly kind: 'list'; readonly of: Type; readonly gaps?: true }
  | { readonly kind: 'object'; readonly fields: { readonly [name: string]: Field } };
interface Field {
  readonly type: Type;
  readonly optional?: true;
}

const number: Type = { kind: 'number' };
const text: Type = { kind: 'text' };
const flag: Type = { kind: 'flag' };
const list = (of: Type): Type => ({ kind: 'list', of });
const object = (fields: { readonly [name: string]: Type }, optional: { readonly [name: string]: Type } = {}): Type => ({
  kind: 'object',
  fields: {
    ...Object.fromEntries(Object.entries(fields).map(([name, type]) => [name, { type }])),
    ...Object.fromEntries(Object.entries(optional).map(([name, type]) => [name, { type, optional: true as const }])),
  },
});
const keyOf = (type: Type): string => JSON.stringify(type);

const pair = object({ a: number }, { b: number });
const item = object({ n: number, tags: list(text) }, { x: number });
const record = object(
  {
    n: number,
    t: text,
    on: flag,
    xs: list(number),
    deep: object({ m: number, 'a-b': text, pair }, { more: pair }),
    items: list(item),
    grid: list(list(number)),
  },
  { note: text, maybe: list(number) },
);
const calcRequired = { n: number };
const calcOptional = {
  t: text,
  on: flag,
  xs: list(number),
  pair,
  record,
  items: list(item),
  records: list(record),
  grid: list(list(number)),
};
/** What loops carry on. */
const carried = object({ i: number, n: number, xs: list(number) }, { t: text });
const calcInput = object(calcRequired, calcOptional);
const inputType = object(
  { n: number, xs: list(number), on: flag, pair, rows: list(item) },
  { label: text, more: pair },
);

function schemaOf(type: Type): z.ZodType {
  switch (type.kind) {
    case 'number':
      return z.int();
    case 'text':
      return z.string();
    case 'flag':
      return z.boolean();
    case 'list':
      return z.array(schemaOf(type.of));
    case 'object':
      return z.object(
        Object.fromEntries(
          Object.entries(type.fields).map(([name, field]) => {
            const schema = schemaOf(field.type);
            return [name, field.optional ? schema.optional() : schema];
          }),
        ),
      );
  }
}

/** Operations: a record, a bare number, a bare list. What they give depends on all of their input. */
const operationTypes = {
  calc: { input: object(calcRequired, { ...calcOptional, fails: number }), output: record },
  plain: { input: object({ n: number }), output: number },
  rows: { input: object({ n: number }, { pair }), output: list(item) },
} as const;

const contract = (id: keyof typeof operationTypes) =>
  lambda(id, {
    entry: `./${id}.ts`,
    input: schemaOf(operationTypes[id].input),
    output: schemaOf(operationTypes[id].output) as z.ZodType<Json>,
  });
const operations = { calc: contract('calc'), plain: contract('plain'), rows: contract('rows') };

/** The same text for the same value, whatever the order of its fields. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`;
}

/** Small whole numbers drawn from a value, always the same. */
export function drawsOf(value: unknown): (limit: number) => number {
  let state = 17;
  for (const character of canonical(value)) state = (Math.imul(state, 31) + (character.codePointAt(0) ?? 0)) >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * limit);
  };
}

const words = [
  '',
  'a',
  '{% x %}',
  'ü"\\',
  '$n',
  "it's",
  'null',
  '%}',
  '\u2028',
  'b c',
  ...['long ', 'läng '].map((word) => word.repeat(40)),
];

function drawnValue(type: Type, draw: (limit: number) => number): Json {
  switch (type.kind) {
    case 'number':
      return draw(20) - 5;
    case 'text':
      return words[draw(words.length)] ?? '';
    case 'flag':
      return draw(2) === 1;
    case 'list':
      return Array.from({ length: draw(4) }, () => drawnValue(type.of, draw));
    case 'object':
      return Object.fromEntries(
        Object.entries(type.fields).flatMap(([name, field]) =>
          field.optional && draw(2) === 0 ? [] : [[name, drawnValue(field.type, draw)]],
        ),
      );
  }
}

/** What an operation gives. @throws while a job that is told to fail has not failed often enough. */
export function operate(id: string, input: Json, attempt: number): Json {
  const { output } = operationTypes[id as keyof typeof operationTypes];
  const fails = typeof input === 'object' && input !== null && 'fails' in input ? Number(input.fails) : 0;
  if (attempt <= fails) throw new RangeError(`attempt ${attempt} of ${fails} that fail`);
  return drawnValue(output, drawsOf([id, input]));
}

type AnyRef = RefBase<never>;
type Given = AnyRef | string | number | boolean | readonly Given[] | { readonly [field: string]: Given };

/** Something that can be read. `node`: it is absent when that node was skipped. */
interface Source {
  readonly ref: AnyRef;
  readonly type: Type;
  readonly node?: string;
}

/** Where something is written: what can be read there, and which nodes are known to have run. */
interface Place {
  readonly scope: Scope;
  readonly sources: Source[];
  readonly jobs: Job<unknown>[];
  readonly siblings: (Source | { readonly id: string; readonly none: true })[];
  readonly ids: Map<Source | object, string>;
  readonly ran: ReadonlySet<string>;
  readonly depth: number;
}

/** A way from a value to one inside it. */
interface Way {
  readonly keys: readonly (string | number)[];
  readonly type: Type;
  readonly absent: boolean;
}
const ways = new Map<string, readonly Way[]>();

/** Every way into values of a type, no deeper than four steps. Items of lists may be absent. */
function waysInto(type: Type): readonly Way[] {
  const known = ways.get(keyOf(type));
  if (known) return known;
  const walk = (at: Type, keys: Way['keys'], absent: boolean, gap: boolean): readonly Way[] => {
    const here = gap ? [] : [{ keys, type: at, absent }];
    if (keys.length >= 4) return here;
    if (at.kind === 'list')
      return [...here, ...[0, 1].flatMap((index) => walk(at.of, [...keys, index], true, at.gaps === true))];
    if (at.kind !== 'object') return here;
    return [
      ...here,
      ...Object.entries(at.fields).flatMap(([name, field]) =>
        walk(field.type, [...keys, name], absent || gap || field.optional === true, false),
      ),
    ];
  };
  const found = walk(type, [], false, false);
  ways.set(keyOf(type), found);
  return found;
}

function follow(ref: AnyRef, keys: Way['keys']): AnyRef {
  return keys.reduce<AnyRef>((inner, key) => get(inner, key as never) as AnyRef, ref);
}

/** A value of either type: fields that only one has are optional, what differs is left out. */
function join(a: Type, b: Type): Type | undefined {
  if (keyOf(a) === keyOf(b)) return a;
  if (a.kind !== 'object' || b.kind !== 'object') return undefined;
  const fields: { [name: string]: Field } = {};
  for (const name of new Set([...Object.keys(a.fields), ...Object.keys(b.fields)])) {
    const [one, other] = [a.fields[name], b.fields[name]];
    const type = one && other ? join(one.type, other.type) : (one ?? other)?.type;
    if (!type) continue;
    fields[name] = one && other && !one.optional && !other.optional ? { type } : { type, optional: true };
  }
  return { kind: 'object', fields };
}

const oddIds = [
  'a-b',
  'a_b',
  'a_b_1',
  'j1_1',
  'states',
  'sum',
  'constructor',
  'toString',
  'and',
  `l${'o'.repeat(62)}g`,
];

export interface Program {
  readonly pipeline: Pipeline;
  readonly input: { readonly [field: string]: Json };
}

/** The pipeline that a tape tells. */
export function programOf(tape: readonly number[]): Program {
  let at = 0;
  let named = 0;
  let budget = 18;
  let jobs = 0;
  const choose = (limit: number): number => (tape[at++] ?? 0) % limit;
  const pick = <T>(options: readonly T[]): T | undefined => options[choose(Math.max(1, options.length))];
  const taken = new Set<string>();
  const tolerant = new Set<string>();
  /** Plain names, and now and then one that is hard to carry through variables, states and paths. */
  const newId = (): string => {
    const plain = `j${named++}`;
    const odd = choose(6) === 5 ? pick(oddIds.filter((id) => !taken.has(id))) : undefined;
    const id = odd ?? plain;
    taken.add(id);
    return id;
  };

  /** Whether what is being given may be a value of a node that may be skipped, as it is; and whether one was. */
  const raw = { allowed: false, used: false };
  const mayNeed = <T>(give: () => T): { readonly given: T; readonly needs: boolean } => {
    const before = { ...raw };
    Object.assign(raw, { allowed: true, used: false });
    const given = give();
    const needs = raw.used;
    Object.assign(raw, before);
    return { given, needs };
  };
  const without = <T>(give: () => T): T => {
    const { allowed } = raw;
    raw.allowed = false;
    const given = give();
    raw.allowed = allowed;
    return given;
  };

  const isAbsent = (place: Place, { node }: Source) => node !== undefined && !place.ran.has(node);

  /** A ref to a value of a type, if one can be read. `tolerant`: one that may be absent will do as it is. */
  function refTo(place: Place, wanted: Type, depth: number, tolerant = false): AnyRef | undefined {
    const key = keyOf(wanted);
    const found = place.sources.flatMap((source) =>
      waysInto(source.type)
        .filter((way) => keyOf(way.type) === key)
        .map((way) => ({ source, way })),
    );
    const chosen = pick(found);
    if (!chosen) return undefined;
    const { source, way } = chosen;
    const ref = follow(source.ref, way.keys);
    if (tolerant || !(way.absent || isAbsent(place, source))) return ref;
    const isNode = place.jobs.some(({ id }) => id === source.node);
    if (!way.absent && isNode && raw.allowed && choose(3) === 1) {
      raw.used = true;
      return ref;
    }
    const otherwise = () => given(place, wanted, depth - 1) as never;
    return orElse(ref, way.absent || !isNode ? without(otherwise) : otherwise()) as AnyRef;
  }

  /** A list to pluck from: its items are objects that all have the field. */
  function plucked(place: Place, of: Type, depth: number): AnyRef | undefined {
    const key = keyOf(of);
    const found = place.sources.flatMap((source) =>
      waysInto(source.type).flatMap((way) => {
        if (way.type.kind !== 'list' || way.type.gaps || way.type.of.kind !== 'object') return [];
        return Object.entries(way.type.of.fields)
          .filter(([, field]) => !field.optional && keyOf(field.type) === key)
          .map(([field]) => ({ source, way, field }));
      }),
    );
    const chosen = pick(found);
    if (!chosen) return undefined;
    const { source, way, field } = chosen;
    const ref = follow(source.ref, way.keys);
    const otherwise = () => given(place, way.type, depth - 1) as never;
    const whole = way.absent || isAbsent(place, source) ? orElse(ref, without(otherwise)) : ref;
    return pluck(whole as RefBase<readonly { readonly [name: string]: never }[]>, field) as AnyRef;
  }

  /** Some list, of whatever items. */
  function anyList(place: Place, depth: number): AnyRef | undefined {
    const found = place.sources.flatMap((source) =>
      waysInto(source.type)
        .filter(({ type }) => type.kind === 'list')
        .map((way) => ({ source, way })),
    );
    const chosen = pick(found);
    if (!chosen) return undefined;
    const { source, way } = chosen;
    const ref = follow(source.ref, way.keys);
    return way.absent || isAbsent(place, source)
      ? (orElse(
          ref,
          without(() => given(place, way.type, depth - 1) as never),
        ) as AnyRef)
      : ref;
  }

  function constant(type: Type): Given {
    switch (type.kind) {
      case 'number':
        return choose(12) - 3;
      case 'text':
        return words[choose(words.length)] ?? '';
      case 'flag':
        return choose(2) === 1;
      case 'list':
        return Array.from({ length: choose(3) }, () => constant(type.of));
      case 'object':
        return Object.fromEntries(
          Object.entries(type.fields).flatMap(([name, field]) =>
            field.optional && choose(2) === 0 ? [] : [[name, constant(field.type)]],
          ),
        );
    }
  }

  /** Anything that may be given where a type is wanted: a constant, a ref, a structure, a call. */
  function given(place: Place, wanted: Type, depth: number): Given {
    const way = depth <= 0 ? choose(2) : choose(4);
    if (way === 0) return constant(wanted);
    if (way === 1) return refTo(place, wanted, depth) ?? constant(wanted);
    if (way === 2) return computed(place, wanted, depth) ?? constant(wanted);
    return structure(place, wanted, depth);
  }

  function structure(place: Place, wanted: Type, depth: number): Given {
    if (wanted.kind === 'list') return Array.from({ length: choose(3) }, () => given(place, wanted.of, depth - 1));
    if (wanted.kind === 'object') {
      return Object.fromEntries(
        Object.entries(wanted.fields).flatMap(([name, field]) => {
          const kind = field.optional ? choose(3) : 2;
          if (kind === 0) return [];
          const ref = kind === 1 ? refTo(place, field.type, depth - 1, true) : undefined;
          return [[name, ref ?? given(place, field.type, depth - 1)]];
        }),
      );
    }
    return computed(place, wanted, depth) ?? constant(wanted);
  }

  function computed(place: Place, wanted: Type, depth: number): Given | undefined {
    const numeric = () => given(place, number, depth - 1) as number;
    const listed = wanted.kind === 'list' ? plucked(place, wanted.of, depth) : undefined;
    switch (wanted.kind) {
      case 'number':
        switch (choose(7)) {
          case 0:
            return add(numeric(), numeric()) as AnyRef;
          case 1:
            return subtract(numeric(), numeric()) as AnyRef;
          case 2:
            return multiply(numeric(), choose(4) - 1) as AnyRef;
          case 3: {
            const some = anyList(place, depth);
            return some && (count(some) as AnyRef);
          }
          case 4: {
            const some = refTo(place, list(number), depth) ?? plucked(place, number, depth);
            return some && (sum(some) as AnyRef);
          }
          case 5: {
            const some = plucked(place, number, depth);
            return some && (sum(some) as AnyRef);
          }
          default: {
            // A field of a call: `orElse(…).a`, `get(pluck(…), 0)`.
            const some = choose(2) === 0 ? refTo(place, pair, depth) : undefined;
            if (some) return get(some, 'a' as never) as AnyRef;
            const numbers = plucked(place, number, depth);
            return numbers && (orElse(get(numbers, choose(2) as never), without(numeric) as never) as AnyRef);
          }
        }
      case 'text': {
        const parts = Array.from({ length: choose(3) + 1 }, () =>
          given(place, [text, number, flag][choose(3)] ?? text, depth - 1),
        );
        const strings = ['', ...parts].map(() => words[choose(words.length)] ?? '');
        return tpl(Object.assign(strings, { raw: strings }), ...(parts as string[])) as AnyRef;
      }
      case 'flag':
        return condition(place, depth);
      case 'list':
        return listed;
      case 'object':
        return refTo(place, wanted, depth);
    }
  }

  function condition(place: Place, depth: number): AnyRef {
    const comparisons = [gt, gte, lt, lte];
    const scalar = [number, text, flag][choose(3)] ?? number;
    switch (depth <= 0 ? choose(3) : choose(7)) {
      case 0:
        return (comparisons[choose(4)] ?? gt)(
          (refTo(place, number, depth) ?? 1) as never,
          given(place, number, depth - 1) as never,
        ) as AnyRef;
      case 1: {
        const job = pick(place.jobs);
        if (job) return (tolerant.has(job.id) && choose(2) === 1 ? job.failed : job.ok) as AnyRef;
        return eq(refTo(place, scalar, depth, true) ?? (0 as never), constant(scalar) as never) as AnyRef;
      }
      case 2:
        return (choose(2) === 0 ? eq : ne)(
          (refTo(place, scalar, depth, true) ?? tpl`x`) as AnyRef,
          (choose(2) === 0 ? constant(scalar) : (refTo(place, scalar, depth, true) ?? constant(scalar))) as never,
        ) as AnyRef;
      case 3:
        return not(condition(place, depth - 1)) as AnyRef;
      case 4:
        return and(...Array.from({ length: choose(4) }, () => condition(place, depth - 1))) as AnyRef;
      case 5:
        return or(...Array.from({ length: choose(4) }, () => condition(place, depth - 1))) as AnyRef;
      default:
        return refTo(place, flag, depth) ?? (eq(tpl`a`, 'a') as AnyRef);
    }
  }

  /** A condition, and the nodes that are known to have run where it is true. */
  function conditionWithFacts(place: Place): { readonly ref: AnyRef; readonly ran: ReadonlySet<string> } {
    const job = choose(3) === 1 ? pick(place.jobs) : undefined;
    if (!job) return { ref: condition(place, 2), ran: place.ran };
    const ran = new Set([...place.ran, job.id]);
    if (choose(2) === 0) return { ref: job.ok as AnyRef, ran };
    const more = without(() => condition(place, 1)) as RefBase<boolean>;
    return { ref: and(job.ok, more) as AnyRef, ran };
  }

  /** What must end before, and whether it must have ended in some way: then who waits may be skipped. */
  function orderOf(place: Place): { readonly after?: readonly After[]; readonly demands: boolean } {
    const own = place.siblings.map((sibling) => place.ids.get(sibling) ?? '');
    const ids = Array.from({ length: choose(5) === 4 ? choose(3) : 0 }, () => pick(own) ?? '').filter(
      (id) => id !== '',
    );
    if (ids.length === 0) return { demands: false };
    const ends = [...new Set(ids)].map((job): After => {
      const on = choose(4);
      if (on === 3) return { job, on: tolerant.has(job) && choose(2) === 1 ? 'failure' : 'success' };
      return on === 2 ? { job, on: 'done' } : job;
    });
    return { after: ends, demands: ends.some((end) => typeof end === 'object' && 'on' in end && end.on !== 'done') };
  }

  /** Now and then a condition for a structure as a whole. */
  function gateOf(place: Place): { readonly when?: RefBase<boolean> } {
    return choose(6) === 5 ? { when: condition(place, 1) as RefBase<boolean> } : {};
  }

  function addJob(place: Place, conditional: boolean): void {
    const id = newId();
    jobs++;
    const operation = (['calc', 'calc', 'calc', 'plain', 'rows'] as const)[choose(5)] ?? 'calc';
    const types = operationTypes[operation];
    const { demands, ...order } = orderOf(place);
    const wanted = operation === 'calc' ? calcInput : types.input;
    const { given: made, needs } = mayNeed(() => {
      const when = conditional ? conditionWithFacts(place) : undefined;
      const inside = { ...place, ran: when?.ran ?? place.ran };
      return { when, input: structure(inside, wanted, 3) as { readonly [field: string]: Given } };
    });
    const { when, input } = made;
    const fails = operation === 'calc' && choose(8) === 7 ? choose(3) : 0;
    const tolerates = fails > 0 && choose(2) === 1;
    if (tolerates) tolerant.add(id);
    const max = tolerates ? fails - choose(2) : fails;
    const job = place.scope.job(id, operations[operation], (fails > 0 ? { ...input, fails } : input) as never, {
      ...order,
      ...(when ? { when: when.ref as RefBase<boolean> } : {}),
      ...(max > 0 ? { retry: { max, delay: 1, backoff: 1 } } : {}),
      ...(tolerates ? { tolerate: choose(2) === 1 ? ['RangeError'] : true } : {}),
    });
    const isSure = !conditional && !needs && !demands && !tolerates;
    ended(place, job, { ref: job.out as unknown as AnyRef, type: types.output, ...(isSure ? {} : { node: id }) });
  }

  function ended(place: Place, job: Job<unknown>, source: Source | undefined): void {
    const known = source ?? ({ id: job.id, none: true } as const);
    place.jobs.push(job);
    place.siblings.push(known);
    place.ids.set(known, job.id);
    if (source) place.sources.push(source);
  }

  /** The inside of a branch, map or loop. Returns what it gives, if anything. */
  function inner(place: Place, scope: Scope, more: readonly Source[], ran: ReadonlySet<string>, least: number) {
    const within: Place = {
      scope,
      sources: [...more, ...place.sources],
      jobs: [...place.jobs],
      siblings: [],
      ids: new Map(place.ids),
      ran,
      depth: place.depth + 1,
    };
    addNodes(within, least);
    // Mostly a node of its own, now and then one from outside.
    const own = within.siblings.filter((sibling) => 'ref' in sibling);
    const chosen =
      choose(6) === 5 ? pick(place.sources.filter((source) => place.ids.has(source))) : pick([...own].reverse());
    const given = choose(4) === 3 ? undefined : chosen;
    const job = given && within.jobs.find(({ id }) => id === within.ids.get(given));
    return { job, source: job ? given : undefined, within };
  }

  function addBranch(place: Place): void {
    const id = newId();
    const { demands, ...order } = orderOf(place);
    const several = choose(4) === 3;
    const { given: made, needs } = mayNeed(() => ({
      when: gateOf(place),
      ...(several ? { ref: given(place, text, 2) as AnyRef, ran: place.ran } : conditionWithFacts(place)),
    }));
    const { ref, ran, when } = made;
    const two = choose(3) !== 1;
    const sides: ReturnType<typeof inner>[] = [];
    const side = (known: ReadonlySet<string>) => (scope: Scope) => {
      const one = inner(place, scope, [], known, 0);
      sides.push(one);
      return one.job as Job<never>;
    };
    const otherwise = two ? side(place.ran) : undefined;
    const options = { ...order, ...when };
    const cases = Object.fromEntries([words[choose(words.length)] ?? '', 'a'].map((word) => [word, side(ran)]));
    const job: Job<unknown> = several
      ? place.scope.switch(id, ref as RefBase<string>, cases, otherwise, options)
      : place.scope.branch(id, ref as RefBase<boolean>, side(ran), otherwise, options);
    const sources = sides.map(({ source }) => source).filter((source) => source !== undefined);
    const type = sources
      .slice(1)
      .reduce<Type | undefined>((all, { type: one }) => all && join(all, one), sources[0]?.type);
    const all = two && sources.length === sides.length && sources.every(({ node }) => node === undefined);
    const isSure = all && !needs && !demands && when.when === undefined;
    ended(place, job, type && { ref: job.out as unknown as AnyRef, type, ...(isSure ? {} : { node: id }) });
  }

  function addMap(place: Place): void {
    const id = newId();
    const { demands, ...order } = orderOf(place);
    const { given: when, needs } = mayNeed(() => gateOf(place));
    const found = place.sources.flatMap((source) =>
      waysInto(source.type)
        .filter(({ type }) => type.kind === 'list')
        .map((way) => ({ source, way })),
    );
    const chosen = choose(4) === 0 ? undefined : pick(found);
    const type = chosen?.way.type ?? list([number, text, pair, list(number)][choose(4)] ?? number);
    if (type.kind !== 'list') return;
    const ref = chosen && follow(chosen.source.ref, chosen.way.keys);
    const items =
      chosen && ref
        ? chosen.way.absent || isAbsent(place, chosen.source)
          ? orElse(ref, constant(type) as never)
          : ref
        : constant(type);
    const made: ReturnType<typeof inner>[] = [];
    const concurrency = choose(4) === 3 ? 1 + choose(2) : 0;
    const job = place.scope.map(
      id,
      items as unknown as RefBase<readonly { readonly a: number }[]>,
      (itemRef, scope, index) => {
        const source: Source = {
          ref: itemRef as unknown as AnyRef,
          type: type.of,
          ...(type.gaps ? { node: `item of ${id}` } : {}),
        };
        const body = inner(place, scope, [source, { ref: index as AnyRef, type: number }], place.ran, 1);
        made.push(body);
        return body.job as Job<never>;
      },
      { ...order, ...when, ...(concurrency === 0 ? {} : { concurrency }) },
    );
    const given = made[0]?.source;
    const isSure = !needs && !demands && when.when === undefined;
    ended(place, job, {
      ...(isSure ? {} : { node: id }),
      ref: job.out as unknown as AnyRef,
      type: given
        ? { kind: 'list', of: given.type, ...(given.node === undefined ? {} : { gaps: true as const }) }
        : { kind: 'list', of: object({}), gaps: true },
    });
  }

  function addWait(place: Place): void {
    const id = newId();
    const { demands: _, ...order } = orderOf(place);
    const { given: when } = mayNeed(() => gateOf(place));
    const job = place.scope.wait(id, { for: choose(4), ...order, ...when });
    ended(place, job, undefined);
  }

  /** A loop whose state counts its rounds, so that it ends. */
  function addLoop(place: Place): void {
    const id = newId();
    const { demands, ...order } = orderOf(place);
    const { given: made, needs } = mayNeed(() => ({
      when: gateOf(place),
      start: { ...(structure(place, carried, 2) as { readonly [field: string]: Given }), i: 0 },
    }));
    const { when, start } = made;
    const rounds = choose(4);
    const options = { state: schemaOf(carried), start: start as never, max: rounds + 1, ...order, ...when };
    const body = (state: AnyRef, scope: Scope, round: { readonly item: AnyRef; readonly index: AnyRef }) => {
      const more: Source[] = [
        { ref: state, type: carried },
        { ref: round.item, type: number },
        { ref: round.index, type: number },
      ];
      const { within } = inner(place, scope, more, place.ran, 0);
      const next = structure(within, carried, 2) as { readonly [field: string]: Given };
      return { ...next, i: add(get(state, 'i' as never) as RefBase<number>, 1) } as never;
    };
    const counted = (state: AnyRef) => get(state, 'i' as never) as RefBase<number>;
    const addTo = place.scope.loop as unknown as (id: string, options: object, body: object) => Job<unknown>;
    const ways: readonly object[] = [
      { over: Array.from({ length: rounds }, (_, index) => index * 2) },
      { from: 2, to: rounds + 1 },
      { while: (state: AnyRef) => lt(counted(state), rounds) },
      { until: (state: AnyRef) => gte(counted(state), rounds) },
    ];
    const job = addTo(id, { ...options, ...ways[choose(4)] }, body);
    const isSure = !needs && !demands && when.when === undefined;
    ended(place, job, { ref: job.out as unknown as AnyRef, type: carried, ...(isSure ? {} : { node: id }) });
  }

  function addNodes(place: Place, least: number): void {
    for (let made = 0; (made < least || choose(7) !== 0) && (made < least || budget > 0); made++) {
      budget--;
      const kind = choose(12);
      if (kind === 10) addWait(place);
      else if (kind === 11 && place.depth < 3) addLoop(place);
      else if (kind <= 2 || (place.depth >= 4 && kind > 5)) addJob(place, false);
      else if (kind <= 5) addJob(place, true);
      else if (kind <= 7) addBranch(place);
      else addMap(place);
    }
    if (least > 0 && place.siblings.length === 0) addJob(place, false);
  }

  const recorded = pipeline(
    'generated',
    {
      input: schemaOf(inputType) as z.ZodType<{ readonly n: number }>,
      output: z.object({
        first: z.unknown(),
        second: z.unknown(),
        values: z.array(z.unknown()),
        oks: z.array(z.boolean()),
        maybe: z.unknown().optional(),
      }),
    },
    (p, input) => {
      const place: Place = {
        scope: p,
        sources: [{ ref: input as unknown as AnyRef, type: inputType }],
        jobs: [],
        siblings: [],
        ids: new Map(),
        ran: new Set(),
        depth: 0,
      };
      addNodes(place, 1);
      if (jobs === 0) addJob(place, false);
      /** What is written into a handler: it sees the input, and how the pipeline has ended. */
      const handler = (scope: Scope, more: readonly Source[], ended: readonly Job<unknown>[]) => {
        const sources = [...more, { ref: input as unknown as AnyRef, type: inputType }];
        addNodes({ scope, sources, jobs: [...ended], siblings: [], ids: new Map(), ran: new Set(), depth: 3 }, 1);
      };
      if (choose(6) === 5) p.onFailure((q) => handler(q, [], []));
      if (choose(6) === 5)
        p.finally((q, run) => {
          tolerant.add('run');
          handler(q, [], [{ id: 'run', ok: run.ok, failed: run.failed } as Job<unknown>]);
        });
      const wanted = () =>
        [number, record, list(number), text, pair, list(item), item, list(list(number))][choose(8)] ?? number;
      const anything = (): Given => {
        const source = pick(place.sources);
        const inside = source && pick(waysInto(source.type));
        if (!source || !inside) return given(place, wanted(), 3);
        return refTo({ ...place, sources: [source] }, inside.type, 3) ?? 0;
      };
      p.output({
        first: given(place, wanted(), 3),
        second: anything(),
        values: Array.from({ length: choose(4) }, anything),
        oks: place.jobs.map(({ ok }) => ok),
        ...(choose(2) === 0 ? {} : { maybe: refTo(place, wanted(), 2, true) ?? 0 }),
      } as never);
    },
  );
  const input = drawnValue(inputType, drawsOf(tape.slice(-3))) as { readonly [field: string]: Json };
  return { pipeline: recorded, input };
}
