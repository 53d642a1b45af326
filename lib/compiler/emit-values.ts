/**
 * Where values are at the place being emitted, as JSONata: in the state that has just given them, in a variable, or in
 * what travels as the states' input. Of a node's raw value only the part that is read is carried on.
 */
import type { Expression, Json, RefTarget } from '../ir/expressions.ts';
import { shapeOf } from '../ir/shapes.ts';
import { type Emitter, noOverrides, type Overrides } from './emit-context.ts';
import { inputId } from './inline-bytes.ts';
import { access, type PrintScope, print, quoted } from './jsonata.ts';
import { failureOf, ownerOf, projection, type Reads } from './reads.ts';

/** What the function of a job gave, at the job's own state. */
export const payload = '$states.result.Payload';

/** What a task of a service gave, at its own state. */
export const taskResult = '$states.result';

/** Whether it is, or lies in, what the state itself was answered, or is written there: that is there. */
function isAnswer(raw: string): boolean {
  return /^(?:\$parse\()?\$states\.result(?:[.)]|$)|^\{/.test(raw);
}

function base({ home }: Emitter, overrides: Overrides, target: RefTarget): string {
  switch (target.kind) {
    case 'input':
      // Executions of a map over S3 have an input of their own, and are handed what they read of the pipeline's.
      return home.get(inputId) ?? '$states.context.Execution.Input';
    case 'node':
      return overrides.get(target.id) ?? home.get(target.id) ?? 'null';
    case 'failure': {
      const value = failureOf(target.id);
      return overrides.get(value) ?? home.get(value) ?? 'null';
    }
    case 'item':
      return access('$states.input.items', [target.map]);
    case 'index':
      return access('$states.input.indexes', [target.map]);
    case 'state':
      return access('$states.input.states', [target.map]);
  }
}

/** How expressions are printed at a state, where these conditions are known to be true. */
export function printScope(emitter: Emitter, overrides: Overrides, known: readonly Expression[] = []): PrintScope {
  const { pipeline, nodes } = emitter;
  return { base: (target) => base(emitter, overrides, target), shapes: { pipeline, nodes, known } };
}

/** What is read of a node; nothing where nobody reads it. */
export function readsFor({ reads }: Emitter, id: string): Reads {
  return reads.get(id) ?? { whole: false, fields: new Map() };
}

/** What is read of a node, as JSONata: projected from the raw value, or the variable as it is. */
export function valueAt(emitter: Emitter, overrides: Overrides, id: string): string {
  const raw = overrides.get(id);
  if (raw === undefined) return emitter.home.get(id) ?? 'null';
  const kind = emitter.nodes.get(id)?.node.kind;
  return ownerOf(id) !== id || kind === 'map' || kind === 'mapS3' || kind === 'guard'
    ? raw
    : projected(emitter, raw, { kind: 'ref', target: { kind: 'node', id }, path: [] }, readsFor(emitter, id));
}

/** The part of a value that is read. What is absent stands there as null and stays that. */
function projected(emitter: Emitter, raw: string, expression: Expression, wanted: Reads): string {
  if (raw === 'null') return raw;
  const part = projection(raw, wanted);
  const { shapes } = printScope(emitter, noOverrides);
  const present = part === raw || isAnswer(raw) || !shapeOf(shapes, expression).absent;
  return present ? part : `($type(${raw}) = "null" ? null : ${part})`;
}

/** A scope's result as JSONata over raw values: null when it is absent. */
export function resultValue(emitter: Emitter, overrides: Overrides, result: Expression): string {
  if (result.kind === 'ref' && result.path.length === 0) return base(emitter, overrides, result.target);
  const here = printScope(emitter, overrides);
  const printed = print(here, result);
  return shapeOf(here.shapes, result).absent ? `($exists(${printed}) ? ${printed} : null)` : printed;
}

/** What is read of a scope's result. */
export function resultOf(emitter: Emitter, overrides: Overrides, result: Expression, wanted: Reads): string {
  return projected(emitter, resultValue(emitter, overrides, result), result, wanted);
}

/** JSONata as a field of a state: constants that the language of states has are written in it. */
export function assigned(jsonata: string): Json {
  return jsonata === 'null' ? null : jsonata === '{}' ? {} : quoted(jsonata);
}
