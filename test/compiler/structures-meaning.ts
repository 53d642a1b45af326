/**
 * What a pipeline means, by the words of lib/ir/nodes.ts and lib/ir/expressions.ts and by nothing else: a direct
 * interpreter of the IR. It computes the values, the runs of jobs and the moments at which they may start; it knows
 * nothing of states, variables or JSONata.
 */
import type { Expression, Json, RefExpression } from '../../lib/ir/expressions.ts';
import type { NodeIr, PipelineIr, ScopeIr } from '../../lib/ir/nodes.ts';

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
}

interface Around {
  readonly values: ReadonlyMap<string, Value>;
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
  if (node.kind === 'approval') throw new Error('approvals are not generated');
  if (node.kind === 'job') return [...refs(node.input), ...(node.when ? refs(node.when) : [])];
  if (node.kind === 'map') return [...refs(node.items), ...scopeRefs(node.body)];
  return [...refs(node.condition), ...scopeRefs(node.yes), ...(node.no ? scopeRefs(node.no) : [])];
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
    if (!('map' in of)) throw new Error('a ref without a target');
    return kind === 'item' ? known(around.items, of.map) : known(around.indexes, of.map);
  }

  function evaluateCall(around: Around, name: string, given: readonly Expression[]): Value {
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
      case 'orElse':
        return a === absent ? b : a;
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
    const around = { ...outer, values };
    const ends = new Map<string, number>();
    const waiting = new Map(scope.nodes.map((node) => [node.id, node]));
    const names = new Set(waiting.keys());
    while (waiting.size > 0) {
      const before = waiting.size;
      for (const node of waiting.values()) {
        const needs = [
          ...nodeRefs(node).flatMap(({ target: to }) => (to.kind === 'node' ? [to.id] : [])),
          ...node.after,
        ].filter((id) => names.has(id) && id !== node.id);
        if (needs.some((id) => !ends.has(id))) continue;
        const ready = Math.max(readyMs, ...needs.map((id) => ends.get(id) ?? 0));
        const { endMs, value } = runNode(node, around, ready);
        ends.set(node.id, endMs);
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

  function runNode(node: NodeIr, around: Around, readyMs: number): { readonly endMs: number; readonly value: Value } {
    switch (node.kind) {
      case 'job': {
        if (node.when) {
          counts.conditions++;
          if (evaluate(around, node.when) !== true) {
            counts.skipped++;
            return { endMs: readyMs, value: absent };
          }
        }
        const job = `${around.path}${node.id}`;
        const input = plain(evaluate(around, node.input));
        starts.push({ job, atMs: readyMs, exact: around.exact });
        for (let attempt = 1; ; attempt++) {
          attempts.push({ job, attempt, input });
          try {
            return { value: world.operation(node.operation, input, attempt), endMs: world.endOf(job) };
          } catch {
            if (attempt > (node.retry?.max ?? 0)) throw new Error(`${job} fails`);
          }
        }
      }
      case 'approval':
        throw new Error('approvals are not generated');
      case 'branch': {
        counts.conditions++;
        const side = evaluate(around, node.condition) === true ? node.yes : node.no;
        if (side === undefined || side.nodes.length === 0) counts.emptySides++;
        return side ? runScope(side, around, readyMs) : { endMs: readyMs, value: absent };
      }
      case 'map': {
        counts.maps++;
        const items = there(evaluate(around, node.items)) as readonly Value[];
        const results = items.map((item, index) =>
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
          value: results.map(({ value }) => value),
        };
      }
    }
  }

  const around: Around = { values: new Map(), items: new Map(), indexes: new Map(), path: '', exact: world.exact };
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

/** A legal pipeline never needs what is not there. */
function there(value: Value): Exclude<Value, typeof absent> {
  if (value === absent) throw new Error('an absent value is needed');
  return value;
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
