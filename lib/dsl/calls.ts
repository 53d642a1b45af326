/** Records which pipelines a pipeline calls, and refuses what could never run: a circle, and two of one name. */
import type { Diagnostic, SourcePosition } from '../errors.ts';
import { callOf } from './operations/call.ts';
import type { Operation } from './operations/kind.ts';
import type { Recording } from './recording.ts';
import type { Schema } from './schemas.ts';

/** A pipeline as far as who calls it looks at it. */
export interface Called {
  readonly kind: 'bunsui.pipeline';
  readonly id: string;
  readonly input: Schema;
  readonly output: Schema | undefined;
  readonly diagnostics: readonly Diagnostic[];
  readonly calls: { readonly [pipeline: string]: Called };
}

type Path = readonly (string | number)[];

/**
 * The operation of a call.
 *
 * @returns undefined when there is nothing that could be called: that has been reported
 */
export function recordCall(
  recording: Recording,
  pipeline: string,
  child: Called,
  waits: boolean,
  path: Path,
  source: SourcePosition,
): Operation<Schema, Schema> | undefined {
  const refuse = (message: string, hint: string): undefined =>
    void recording.report('BS1125', message, path, source, hint);
  const job = path.at(-1);
  // What a circle of imports gives is not what its type says.
  if ((child as Partial<Called> | undefined)?.kind !== 'bunsui.pipeline')
    return refuse(
      `call "${job}" is given ${child === undefined ? 'undefined' : 'something else'} in the place of a pipeline`,
      child === undefined
        ? 'files that import each other give undefined, and a pipeline cannot call itself: put what both need into a third file, or repeat with p.loop'
        : 'give what pipeline(…) returns',
    );
  const circle = wayTo(pipeline, child);
  if (circle !== undefined)
    return refuse(
      `the pipelines call each other without an end: ${[pipeline, ...circle].join(' → ')}`,
      'leave out one of these calls, rename one of the pipelines if two are meant, or repeat with p.loop',
    );
  for (const one of within(child)) {
    const other = recording.calls.get(one.id);
    if (other !== undefined && other !== one)
      return refuse(
        `two pipelines named "${one.id}" are called, and a platform has one of a name`,
        'rename one of them, or import the same one in both places',
      );
  }
  if (!recording.calls.has(child.id))
    recording.diagnostics.push(...child.diagnostics.filter(({ severity }) => severity === 'error'));
  for (const one of within(child)) recording.calls.set(one.id, one);
  recording.called.add(child.id);
  const operation = callOf(child, waits);
  return recording.operations.get(operation.id)?.operation ?? operation;
}

/** The pipeline and all that are called in it. */
function within(child: Called): readonly Called[] {
  return [child, ...Object.values(child.calls).flatMap(within)];
}

/** Ids from a pipeline down to one of that id. */
function wayTo(id: string, from: Called): readonly string[] | undefined {
  if (from.id === id) return [id];
  for (const next of Object.values(from.calls)) {
    const way = wayTo(id, next);
    if (way !== undefined) return [from.id, ...way];
  }
  return undefined;
}
