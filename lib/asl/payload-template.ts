/**
 * JSONPath states' payload templates (Parameters, ResultSelector, ItemSelector, Assign): JSON in which a field whose name
 * ends in `.$` holds a path or an intrinsic function and gets its value. And the fields that are a path themselves.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/input-output-inputpath-params.html
 */
import type { Json } from './definition.ts';
import { callIntrinsic, IntrinsicFailure } from './intrinsic-functions.ts';
import { compileIntrinsic, type Intrinsic } from './intrinsics.ts';
import type { EvaluationSources } from './jsonata.ts';
import { applyPath, compilePath, followReference, PathNotFound, ReferencePathConflict, valueAt } from './jsonpath.ts';

/** What paths are applied to. */
export interface PathData {
  /** `$`. */
  readonly input: Json;
  /** `$$`; made when it is asked for. */
  readonly context: () => Json;
  /** The value of `$name`; undefined when there is no such variable. */
  readonly variable: (name: string) => Json | undefined;
  readonly sources: EvaluationSources;
}

/** A path or template of a JSONPath state cannot be applied: the state fails with this error. */
export class PathFailure extends Error {
  override readonly name: string;

  constructor(message: string, error = 'States.Runtime') {
    super(message);
    this.name = error;
  }
}

/** The value of a path, with its root; undefined when there is none. */
export function lookUp(text: string, data: PathData): Json | undefined {
  const path = compilePath(text);
  const root = rootOf(path.root, data);
  return root === undefined ? undefined : valueAt(path, root);
}

function rootOf(root: string, data: PathData): Json | undefined {
  if (root === '$') return data.input;
  return root === '$$' ? data.context() : data.variable(root);
}

/**
 * The value of InputPath, OutputPath or another path that must have one; an absent path is `$`, null is `{}`.
 * @throws {PathFailure} when there is no value.
 */
export function selectPath(text: string | null | undefined, data: PathData): Json {
  if (text === undefined || text === '$') return data.input;
  if (text === null) return {};
  const path = compilePath(text);
  const root = rootOf(path.root, data);
  try {
    if (root === undefined) throw new PathNotFound(`the variable '$${path.root}' is not assigned`);
    return applyPath(path, root);
  } catch (thrown) {
    if (!(thrown instanceof PathNotFound)) throw thrown;
    throw new PathFailure(`Invalid path '${text}' : ${thrown.message}`);
  }
}

/** The value of a field such as CausePath or `name.$`: a path or an intrinsic function. @throws {PathFailure} */
export function evaluateField(text: string, field: string, data: PathData): Json {
  if (!text.startsWith('$')) return evaluateIntrinsic(compileIntrinsic(text), text, data);
  if (data.input === null && compilePath(text).root === '$') {
    throw new PathFailure('Unable to apply Path transformation to null or empty input.');
  }
  const found = lookUp(text, data);
  if (found !== undefined) return found;
  throw new PathFailure(
    `The JSONPath '${text}' specified for the field '${field}' could not be found in the input '${JSON.stringify(data.input)}'`,
  );
}

/** The value of a reference path such as ItemsPath. @throws {PathFailure} with States.ReferencePathConflict. */
export function evaluateReference(text: string, data: PathData): Json {
  const path = compilePath(text);
  const root = rootOf(path.root, data);
  if (root === undefined) return selectPath(text, data);
  try {
    return followReference(path, root);
  } catch (thrown) {
    if (!(thrown instanceof ReferencePathConflict)) throw thrown;
    throw new PathFailure(thrown.message, thrown.name);
  }
}

/** A template with its `.$` fields replaced. @throws {PathFailure} */
export function fillTemplate(template: Json, data: PathData): Json {
  if (typeof template !== 'object' || template === null) return template;
  if (Array.isArray(template)) return (template as readonly Json[]).map((item) => fillTemplate(item, data));
  return Object.fromEntries(
    Object.entries(template).map(([key, value]: [string, Json]) =>
      key.endsWith('.$') && typeof value === 'string'
        ? [key.slice(0, -2), evaluateField(value, key, data)]
        : [key, fillTemplate(value, data)],
    ),
  );
}

function evaluateIntrinsic(intrinsic: Intrinsic, text: string, data: PathData): Json {
  if (intrinsic.kind === 'value') return intrinsic.value;
  if (intrinsic.kind === 'path') {
    const found = lookUp(intrinsic.path.text, data);
    if (found !== undefined) return found;
    throw new PathFailure(
      `The function '${text}' had the following error: The JSONPath argument for the field '${intrinsic.path.text}' could not be found in the input '${JSON.stringify(data.input)}'`,
    );
  }
  const args = intrinsic.args.map((arg, index) =>
    // A template's own escapes are for Format to read.
    arg.kind === 'value' && arg.raw !== undefined && intrinsic.name === 'Format' && index === 0
      ? arg.raw
      : evaluateIntrinsic(arg, intrinsic.text, data),
  );
  try {
    return callIntrinsic(intrinsic.name, args, data.sources);
  } catch (thrown) {
    if (!(thrown instanceof IntrinsicFailure)) throw thrown;
    throw new PathFailure(`The function '${intrinsic.text}' had the following error: ${thrown.message}`, thrown.name);
  }
}
