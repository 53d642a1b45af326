/**
 * What a pipeline means, by the words of lib/ir/nodes.ts and lib/ir/expressions.ts and by nothing else: a direct
 * interpreter of the IR. It computes the values, the runs of jobs and the moments at which they may start; it knows
 * nothing of states, variables or JSONata.
 */
import type { Expression, Json, RefExpression } from '../../lib/ir/expressions.ts';
import type { JsonSchema, NodeIr, PipelineIr, ScopeIr } from '../../lib/ir/nodes.ts';

export const absent = Symbol('absent');
/** A list may have gaps: iterations of a map that gave nothing. They are absent where they are read. */
type Value = Json | typeof absent | readonly Value[] | { readonly [field: string]: Value };

/** One try of one job, as it must happen. */
export interface ExpectedAttempt {
  readonly job: string;
  readonly attempt: number;
  readonly input: Json;
}

/** When a job must start: at this moment, or (behind barriers and limits of a map) not before it. */
export interface ExpectedStart {
  readonly job: string;
  readonly atMs: number;
  readonly exact: boolean;
}

export interface Meaning {
  readonly output: Json;
  readonly attempts: readonly ExpectedAttempt[];
  readonly starts: readonly ExpectedStart[];
  /** Choices taken: conditions of jobs and of branches. */
  readonly conditions: number;
  /** Jobs whose condition was false. */
  readonly skipped: number;
  /** Sides without jobs that were taken. */
  readonly emptySides: number;
  readonly maps: number;
}

/** What the interpreter is given of the world. */
export interface World {
  readonly input: Json;
  /** The pure function of an operation; throws while `attempt` is too small. */
  readonly operation: (id: string, input: Json, attempt: number) => Json;
  /** When the last try of a job ended in the run that is judged. */
  readonly endOf: (job: string) => number;
  /** Whether the graph was compiled without barriers, so that every job starts as early as it can. */
  readonly exact: boolean;
  /** Whether a Choice stands in front of a node. */
  readonly isConditional: (node: string) => boolean;
}

/** How a node has ended. */
type End = 'ran' | 'skipped' | 'failed';

interface Around {
  readonly values: ReadonlyMap<string, Value>;
  readonly statuses: ReadonlyMap<string, End>;
  readonly states: ReadonlyMap<string, Value>;
  readonly items: ReadonlyMap<string, Value>;
  readonly indexes: ReadonlyMap<string, number>;
  readonly path: string;
  readonly exact: boolean;
}

function refs(expression: Expression): readonly RefExpression[] {
  if (expression.kind === 'ref') return [expression];
  if (expression.kind === 'call') return expression.arguments.flatMap(refs);
  if (expression.kind === 'array') return expression.items.flatMap(refs);
  if (expression.kind === 'object') return Object.values(expression.fields).flatMap(refs);
  return [];
}

function scopeRefs(scope: ScopeIr): readonly RefExpression[] {
  return [...scope.nodes.flatMap(nodeRefs), ...(scope.result ? refs(scope.result) : [])];
}

function nodeRefs(node: NodeIr): readonly RefExpression[] {
  const when = node.when ? refs(node.when) : [];
  switch (node.kind) {
    case 'job':
      return [...refs(node.input), ...when];
    case 'map':
      return [...refs(node.items), ...when, ...scopeRefs(node.body)];
    case 'branch':
      return [...refs(node.condition), ...when, ...scopeRefs(node.yes), ...(node.no ? scopeRefs(node.no) : [])];
    case 'switch':
      return [
        ...refs(node.value),
        ...when,
        ...node.cases.flatMap(({ scope }) => scopeRefs(scope)),
        ...(node.otherwise ? scopeRefs(node.otherwise) : []),
      ];
    case 'approval':
    case 'mapS3':
      throw new Error(`no ${node.kind} is generated`);
    case 'guard':
      return [...when, ...scopeRefs(node.body), ...scopeRefs(node.handler.scope)];
    case 'wait':
    case 'loop':
      return [
        ...ownExpressions(node).flatMap(refs),
        ...when,
        ...(node.kind === 'loop' ? [...roundRefs(node), ...scopeRefs(node.body)] : []),
      ];
  }
}

function roundRefs({ rounds }: NodeIr & { kind: 'loop' }): readonly RefExpression[] {
  return 'condition' in rounds ? refs(rounds.condition) : [];
}

/** Runs a pipeline in the mind. */
export function meaningOf(pipeline: PipelineIr, world: World): Meaning {
  const attempts: ExpectedAttempt[] = [];
  const starts: ExpectedStart[] = [];
  const counts = { conditions: 0, skipped: 0, emptySides: 0, maps: 0 };

  function evaluate(around: Around, expression: Expression): Value {
    switch (expression.kind) {
      case 'literal':
        return expression.value;
      case 'ref':
        return expression.path.reduce<Value>(inside, target(around, expression));
      case 'array':
        return expression.items.map((item) => there(evaluate(around, item)));
      case 'object':
        return Object.fromEntries(
          Object.entries(expression.fields).flatMap(([key, field]) => {
            const value = evaluate(around, field);
            return value === absent ? [] : [[key, value]];
          }),
        );
      case 'call':
        return evaluateCall(around, expression.name, expression.arguments);
    }
  }

  function target(around: Around, { target: { kind, ...of } }: RefExpression): Value {
    if (kind === 'input') return world.input;
    if (kind === 'node' && 'id' in of) return known(around.values, of.id);
    if (kind === 'failure' && 'id' in of)
      return known(around.statuses, of.id) === 'failed' ? { name: 'RangeError', cause: 'a cause' } : absent;
    if (!('map' in of)) throw new Error('a ref without a target');
    if (kind === 'state') return known(around.states, of.map);
    return kind === 'item' ? known(around.items, of.map) : known(around.indexes, of.map);
  }

  function evaluateCall(around: Around, name: string, given: readonly Expression[]): Value {
    const [first, second] = given;
    if (name === 'orElse' && first && second) {
      const value = evaluate(around, first);
      return value === absent ? evaluate(around, second) : value;
    }
    const values = given.map((argument) => evaluate(around, argument));
    const [a = absent, b = absent] = values;
    const number = (index: number) => Number(there(values[index] ?? absent));
    const list = () => {
      const value = there(a);
      if (!Array.isArray(value)) throw new Error(`${name} of ${JSON.stringify(value)}`);
      return value as readonly Value[];
    };
    switch (name) {
      case 'eq':
        return a !== absent && a === b;
      case 'ne':
        return a === absent || a !== b;
      case 'gt':
        return number(0) > number(1);
      case 'gte':
        return number(0) >= number(1);
      case 'lt':
        return number(0) < number(1);
      case 'lte':
        return number(0) <= number(1);
      case 'and':
        return values.every((value) => there(value) === true);
      case 'or':
        return values.some((value) => there(value) === true);
      case 'not':
        return there(a) === false;
      case 'text':
        return values.map((value) => String(there(value))).join('');
      case 'pluck':
        return list().map((item) => there(inside(item, String(b))));
      case 'sum':
        return list().reduce<number>((total, item) => total + Number(item), 0);
      case 'count':
        return list().length;
      case 'get':
        return inside(a, b as string | number);
      case 'add':
        return number(0) + number(1);
      case 'subtract':
        return number(0) - number(1);
      case 'multiply':
        // JSON has no negative zero.
        return number(0) * number(1) + 0;
      case 'ok':
        return a !== absent;
      default:
        throw new Error(`no such function: ${name}`);
    }
  }

  /** Runs a scope. Returns when all of it has ended, and what it gives. */
  function runScope(scope: ScopeIr, outer: Around, readyMs: number): { readonly endMs: number; readonly value: Value } {
    const values = new Map(outer.values);
    const statuses = new Map(outer.statuses);
    const around = { ...outer, values, statuses };
    const ends = new Map<string, number>();
    const waiting = new Map(scope.nodes.map((node) => [node.id, node]));
    const names = new Set(waiting.keys());
    while (waiting.size > 0) {
      const before = waiting.size;
      for (const node of waiting.values()) {
        const needs = [
          ...nodeRefs(node).flatMap(({ target: to }) => ('id' in to ? [to.id] : [])),
          ...node.after,
        ].filter((id) => names.has(id) && id !== node.id);
        if (needs.some((id) => !ends.has(id))) continue;
        const ready = Math.max(readyMs, ...needs.map((id) => ends.get(id) ?? 0));
        const { endMs, value, end } = runNode(node, around, ready);
        ends.set(node.id, endMs);
        statuses.set(node.id, end);
        values.set(node.id, value);
        waiting.delete(node.id);
      }
      if (waiting.size === before) throw new Error('a cycle');
    }
    return {
      endMs: Math.max(readyMs, ...ends.values()),
      value: scope.result ? evaluate(around, scope.result) : absent,
    };
  }

  interface Ended {
    readonly endMs: number;
    readonly value: Value;
    readonly end: End;
  }

  function runNode(node: NodeIr, around: Around, readyMs: number): Ended {
    if (world.isConditional(node.id)) counts.conditions++;
    const skipped: Ended = { endMs: readyMs, value: absent, end: 'skipped' };
    const asked = Object.entries(node.requires ?? {});
    const met = asked.every(([id, end]) => known(around.statuses, id) === (end === 'success' ? 'ran' : 'failed'));
    const own = met ? needed(() => evaluateOwn(node, around)) : undefined;
    if (own === undefined) {
      counts.skipped++;
      return skipped;
    }
    return runWith(node, own.values, around, readyMs);
  }

  /** What a node evaluates before it runs. Nothing when its condition is false. */
  function evaluateOwn(node: NodeIr, around: Around): { readonly values: readonly Value[] } | undefined {
    const runs = node.when === undefined || evaluate(around, node.when) === true;
    const read = (expression: Expression) => evaluate(around, expression);
    const values = ownExpressions(node).map((expression, index) => {
      const value = evaluate(around, expression);
      if (node.kind === 'job') fieldsThere(expression, value, pipeline.operations[node.operation]?.input ?? {}, read);
      else if (node.kind === 'loop' && index === 0) fieldsThere(expression, value, node.state, read);
      else there(value);
      return value;
    });
    return runs ? { values } : undefined;
  }

  function runWith(node: NodeIr, values: readonly Value[], around: Around, readyMs: number): Ended {
    const [value = absent, ...more] = values;
    const runSide = (scope: ScopeIr | undefined): Ended => {
      if (scope === undefined || scope.nodes.length === 0) counts.emptySides++;
      return scope
        ? { ...runScope(scope, around, readyMs), end: 'ran' }
        : { endMs: readyMs, value: absent, end: 'ran' };
    };
    switch (node.kind) {
      case 'job': {
        const job = `${around.path}${node.id}`;
        const input = plain(value);
        starts.push({ job, atMs: readyMs, exact: around.exact });
        for (let attempt = 1; ; attempt++) {
          attempts.push({ job, attempt, input });
          try {
            return { value: world.operation(node.operation, input, attempt), endMs: world.endOf(job), end: 'ran' };
          } catch {
            if (attempt <= (node.retry?.max ?? 0)) continue;
            if (node.tolerate === undefined) throw new Error(`${job} fails`);
            // Where nothing comes after it, a Pass ends what goes on.
            counts.emptySides++;
            return { value: absent, endMs: world.endOf(job), end: 'failed' };
          }
        }
      }
      case 'approval':
      case 'mapS3':
        throw new Error(`no ${node.kind} is generated`);
      case 'branch':
        counts.conditions++;
        return runSide(value === true ? node.yes : node.no);
      case 'switch':
        counts.conditions++;
        return runSide(node.cases.find(({ is }) => is === value)?.scope ?? node.otherwise);
      case 'map': {
        counts.maps++;
        const results = (there(value) as readonly Value[]).map((item, index) =>
          runScope(
            node.body,
            {
              ...around,
              items: new Map(around.items).set(node.id, item),
              indexes: new Map(around.indexes).set(node.id, index),
              path: `${around.path}${node.id}[${index}]/`,
              exact: around.exact && node.concurrency === 0,
            },
            readyMs,
          ),
        );
        return {
          endMs: Math.max(readyMs, ...results.map(({ endMs }) => endMs)),
          value: results.map((result) => result.value),
          end: 'ran',
        };
      }
      case 'loop':
        return runLoop(node, value, more, around, readyMs);
      case 'guard': {
        const ran = runScope(node.body, around, readyMs);
        if (node.handler.on === 'failure') return { ...ran, end: 'ran' };
        // A Choice sees whether there was a failure, and a Pass ends what is guarded.
        counts.conditions++;
        counts.emptySides++;
        const ended = { ...around, statuses: new Map(around.statuses).set(node.id, 'ran' as const) };
        return { endMs: runScope(node.handler.scope, ended, ran.endMs).endMs, value: ran.value, end: 'ran' };
      }
      case 'wait':
        return { endMs: readyMs + Number(value) * 1_000, value: {}, end: 'ran' };
    }
  }

  function runLoop(
    node: NodeIr & { kind: 'loop' },
    start: Value,
    [first, last]: readonly Value[],
    outer: Around,
    readyMs: number,
  ): Ended {
    // Its start and its end, and a Pass for each round without jobs.
    counts.emptySides += 2;
    const { rounds } = node;
    const condition = 'condition' in rounds ? rounds.condition : never;
    let state = start;
    let endMs = readyMs;
    for (let index = 0; ; index += 1) {
      const inRound: Around = {
        ...outer,
        states: new Map(outer.states).set(node.id, state),
        indexes: new Map(outer.indexes).set(node.id, index),
        path: `${outer.path}${node.id}[${index}]/`,
      };
      counts.conditions++;
      const goesOn = {
        list: () => index < (first as readonly Value[]).length,
        range: () => Number(first) + index <= Number(last),
        while: () => evaluate(inRound, condition) === true,
        until: () => index === 0 || evaluate(inRound, condition) !== true,
      }[rounds.kind]();
      if (!goesOn) return { endMs, value: state, end: 'ran' };
      if (index >= node.max) throw new Error(`${node.id} reaches its bound`);
      counts.maps++;
      if (node.body.nodes.length === 0) counts.emptySides++;
      const items: Record<typeof rounds.kind, Value> = {
        list: inside(first ?? absent, index),
        range: Number(first) + index,
        while: index,
        until: index,
      };
      const item = items[rounds.kind];
      const round = runScope(node.body, { ...inRound, items: new Map(outer.items).set(node.id, item) }, endMs);
      state = there(round.value);
      endMs = round.endMs;
    }
  }

  const around: Around = {
    states: new Map(),
    statuses: new Map(),
    values: new Map(),
    items: new Map(),
    indexes: new Map(),
    path: '',
    exact: world.exact,
  };
  const values = new Map<string, Value>();
  const { output } = pipeline;
  // The pipeline's own output is the result of its body.
  const { value } = runScope(
    { ...pipeline.body, ...(output ? { result: output.value } : {}) },
    { ...around, values },
    0,
  );
  return { output: output ? plain(value) : {}, attempts, starts, ...counts };
}

function known<T>(map: ReadonlyMap<string, T>, id: string): T {
  const value = map.get(id);
  if (value === undefined) throw new Error(`"${id}" is read before it has ended or where it is not known`);
  return value;
}

/** What a legal pipeline needs and is not there, some node was skipped for. */
class Missing extends Error {}

function there(value: Value): Exclude<Value, typeof absent> {
  if (value === absent) throw new Missing('an absent value is needed');
  return value;
}

/** What is given, or nothing when something that it needs is not there. */
function needed<T>(give: () => T): T | undefined {
  try {
    return give();
  } catch (thrown) {
    if (thrown instanceof Missing) return undefined;
    throw thrown;
  }
}

const never: Expression = { kind: 'literal', value: false };

/** The expressions that decide what a node does, beside its condition and what is looked at in each round. */
function ownExpressions(node: NodeIr): readonly Expression[] {
  switch (node.kind) {
    case 'job':
      return [node.input];
    case 'branch':
      return [node.condition];
    case 'switch':
      return [node.value];
    case 'map':
      return [node.items];
    case 'loop': {
      const { rounds } = node;
      if (rounds.kind === 'list') return [node.start, rounds.items];
      return rounds.kind === 'range' ? [node.start, rounds.from, rounds.to] : [node.start];
    }
    case 'wait':
      return [node.lasts.kind === 'for' ? node.lasts.seconds : node.lasts.time];
    case 'guard':
      return [];
    case 'approval':
    case 'mapS3':
      throw new Error(`no ${node.kind} is generated`);
  }
}

/** Every field that a schema asks for. */
function fieldsThere(
  expression: Expression,
  value: Value,
  schema: JsonSchema,
  read: (expression: Expression) => Value,
): void {
  const {
    required = [],
    properties = {},
    items,
  } = schema as {
    readonly required?: readonly string[];
    readonly properties?: { readonly [name: string]: JsonSchema };
    readonly items?: JsonSchema;
  };
  there(value);
  if (expression.kind === 'array')
    expression.items.forEach((item, index) => {
      fieldsThere(item, inside(value, index), items ?? {}, read);
    });
  if (expression.kind === 'call' && expression.name === 'orElse') {
    const [first, second] = expression.arguments;
    const taken = first && read(first) !== absent ? first : second;
    if (taken) fieldsThere(taken, value, schema, read);
  }
  if (expression.kind !== 'object') return;
  for (const [name, field] of Object.entries(expression.fields)) {
    const found = inside(value, name);
    if (found !== absent || required.includes(name)) fieldsThere(field, found, properties[name] ?? {}, read);
  }
}

/** A value as JSON, in which a gap of a list is null. */
function plain(value: Value): Json {
  const present = there(value);
  if (Array.isArray(present)) return present.map((item: Value) => (item === absent ? null : plain(item)));
  if (typeof present !== 'object' || present === null) return present;
  return Object.fromEntries(Object.entries(present).map(([key, field]) => [key, plain(field as Value)]));
}

function inside(value: Value, key: string | number): Value {
  if (typeof value !== 'object' || value === null) return absent;
  return Object.hasOwn(value, key) ? ((value as { readonly [key: string]: Value })[key] ?? null) : absent;
}
