/** The check of values: does every expression fit the place it is put in, and is it there when it is needed? */
import type { Diagnostic, SourcePosition } from '../errors.ts';
import { isSecretName } from '../secret-layout.ts';
import { type CallExpression, type Expression, nodeOf, type RefTarget, refsOf, secretsOf } from './expressions.ts';
import { misfits } from './fit.ts';
import { mistake, type Path } from './mistake.ts';
import type { JsonSchema, NodeIr, PipelineIr } from './nodes.ts';
import { hasFunction } from './operations.ts';
import { fieldShape, itemShape, knownWithout, type Shape, type ShapeContext, shapeOf } from './shapes.ts';
import { factsAround, withSkips } from './skips.ts';
import { nearest } from './spelling.ts';
import { nodeIndex, ownExpressions, refsWithin } from './walk.ts';

/**
 * Checks every expression against the schema of the place it is put in, in a pipeline without cycles. Dangling names
 * are reported elsewhere; what they touch is left out here.
 */
export function checkValues(written: PipelineIr): readonly Diagnostic[] {
  const pipeline = withSkips(written);
  const nodes = nodeIndex(pipeline);
  const resolvable = (expressions: readonly Expression[]) =>
    expressions.every((expression) =>
      refsOf(expression).every(({ target }) => target.kind === 'input' || nodes.has(nodeOf(target) ?? mapOf(target))),
    );
  const inNodes = [...nodes.values()].flatMap(({ node, scope }) => {
    const around: ShapeContext = { pipeline, nodes, known: factsAround(nodes, scope) };
    // What a loop carries on stands inside of it.
    const next = node.kind === 'loop' && node.body.result ? [{ place: 'next', expression: node.body.result }] : [];
    if (!resolvable(refsWithin(node))) return [];
    return [...ownExpressions(node), ...next].flatMap(({ place, expression }) => {
      const path = [pipeline.id, node.id, place];
      const context = node.when && place !== 'when' ? { ...around, known: [...around.known, node.when] } : around;
      const wanted = wantedAt(pipeline, node, place);
      return [
        ...misplacedSecrets(expression, isForFunction(pipeline, node, place), path, node.source),
        ...unknownFields(context, expression, path, node.source),
        ...checkFit(context, expression, wanted, path, node.source),
        ...checkArguments(context, expression, path, node.source),
      ];
    });
  });
  const { output } = pipeline;
  const value = output && writtenOutput(nodes, output.value);
  if (!value || !resolvable([value])) return inNodes;
  const context: ShapeContext = { pipeline, nodes, known: [] };
  const path = [pipeline.id, 'output'];
  return [
    ...inNodes,
    ...misplacedSecrets(value, false, path, pipeline.source),
    ...unknownFields(context, value, path, pipeline.source),
    ...checkFit(context, value, output.schema, path, pipeline.source),
    ...checkArguments(context, value, path, pipeline.source),
  ];
}

/** The output of a pipeline as its author has written it: what is guarded gives it to the guard around it. */
function writtenOutput(nodes: ShapeContext['nodes'], value: Expression): Expression {
  const id = value.kind === 'ref' && value.path.length === 0 ? nodeOf(value.target) : undefined;
  const node = id === undefined ? undefined : nodes.get(id)?.node;
  return node?.kind === 'guard' && node.body.result ? writtenOutput(nodes, node.body.result) : value;
}

function mapOf(target: RefTarget): string {
  return 'map' in target ? target.map : '';
}

const ofRounds: { readonly [place: string]: JsonSchema } = {
  from: { type: 'integer' },
  to: { type: 'integer' },
  while: { type: 'boolean' },
  until: { type: 'boolean' },
};

function wantedAt(pipeline: PipelineIr, node: NodeIr, place: string): JsonSchema {
  if (place === 'when') return { type: 'boolean' };
  switch (node.kind) {
    case 'job':
      // What a compensation is given is on record (`check-compensation.ts`).
      if (node.compensates) return place === 'compensates' ? { type: 'string' } : {};
      return pipeline.operations[node.operation]?.input ?? {};
    case 'branch':
      return { type: 'boolean' };
    case 'switch':
      return { type: 'string' };
    case 'map':
      return { type: 'array' };
    case 'mapS3':
      return { type: 'string' };
    case 'loop':
      return { start: node.state, next: node.state, over: { type: 'array' }, ...ofRounds }[place] ?? {};
    case 'guard':
      return {};
    case 'approval':
      return place === 'who' ? { type: 'array', items: { type: 'string' } } : { type: 'string' };
    case 'wait':
      return place === 'for' ? { type: 'integer' } : { type: 'string' };
  }
}

function checkFit(
  context: ShapeContext,
  expression: Expression,
  wanted: JsonSchema,
  path: Path,
  source: SourcePosition,
): readonly Diagnostic[] {
  return misfits(context, expression, wanted).map((misfit) => {
    const at = [...path, ...misfit.path];
    const where = path.slice(1).join('.');
    return mistake(
      misfit.kind === 'absent' ? 'BS1107' : 'BS1108',
      `${where}: ${misfit.message}`,
      at,
      source,
      misfit.hint,
    );
  });
}

/** Whether a function of ours is given the value, and nobody else. */
function isForFunction(pipeline: PipelineIr, node: NodeIr, place: string): boolean {
  return place === 'input' && node.kind === 'job' && hasFunction(pipeline, node);
}

/** Secrets that are no field of a job's input, and names that none can have. */
function misplacedSecrets(
  expression: Expression,
  isInput: boolean,
  path: Path,
  source: SourcePosition,
): readonly Diagnostic[] {
  const where = path.slice(1).join('.');
  return secretsOf(expression).flatMap(({ name, at, computed }) => {
    const place = [where, ...at].join('.');
    if (!isSecretName(name)) {
      // What was given may be the secret itself: it is not repeated.
      const hint = 'name it as Secrets Manager does: letters, digits and /_+=.@-, no ARN; never write its value here';
      return [mistake('BS1130', `${place}: what secret(…) was given is no name`, [...path, ...at], source, hint)];
    }
    if (isInput && !computed) return [];
    const found = computed ? 'is an argument of a function' : 'is no input of a job that has a function';
    const message = `${place}: the secret "${name}" ${found}, and would be seen in the history of the execution`;
    const hint = 'give it to a job as a field of its input: { token: secret("name") }';
    return [mistake('BS1130', message, [...path, ...at], source, hint)];
  });
}

/** Fields that are read and that the schema of the value does not have. */
function unknownFields(
  context: ShapeContext,
  expression: Expression,
  path: Path,
  source: SourcePosition,
): readonly Diagnostic[] {
  switch (expression.kind) {
    case 'literal':
      return [];
    case 'array':
      return expression.items.flatMap((item) => unknownFields(context, item, path, source));
    case 'object':
      return Object.values(expression.fields).flatMap((field) => unknownFields(context, field, path, source));
    case 'call': {
      const inside = expression.arguments.flatMap((argument) => unknownFields(context, argument, path, source));
      return inside.length > 0 ? inside : unknownField(context, expression, path, source);
    }
    case 'ref':
      return unknownField(context, expression, path, source);
  }
}

function unknownField(
  context: ShapeContext,
  expression: Expression,
  path: Path,
  source: SourcePosition,
): readonly Diagnostic[] {
  const { unknown } =
    expression.kind === 'call' && expression.name === 'pluck'
      ? pluckedShape(context, expression)
      : shapeOf(context, expression);
  if (!unknown) return [];
  const { field, known } = unknown;
  const near = nearest(field, known);
  const fields = known.length === 0 ? 'it has no fields' : `it has ${known.join(', ')}`;
  const message = `${path.slice(1).join('.')}: there is no field "${field}"${placeOf(expression)}`;
  return [mistake('BS1105', message, path, source, near === undefined ? fields : `did you mean "${near}"?`)];
}

/** Where a field was looked for, in the author's words. */
function placeOf(expression: Expression): string {
  const [ref] = refsOf(expression);
  if (!ref) return '';
  const { target } = ref;
  switch (target.kind) {
    case 'input':
      return ' in the input of the pipeline';
    case 'node':
      return ` in the output of "${target.id}"`;
    case 'failure':
      return ` in the failure of "${target.id}"`;
    default:
      return ` in the ${target.kind} of "${target.map}"`;
  }
}

function pluckedShape(context: ShapeContext, { arguments: given }: CallExpression): Shape {
  const [list, key] = given;
  if (!list || key?.kind !== 'literal') return { schema: {}, absent: false };
  return fieldShape(itemShape(shapeOf(context, list)), String(key.value));
}

/**
 * Values inside functions: only `orElse`, `eq`, `ne` and `ok` take one that may be absent. What is last in an `and` is
 * of interest only where the others are true, what is last in an `orElse` only where the first is not there.
 */
function checkArguments(
  context: ShapeContext,
  expression: Expression,
  path: Path,
  source: SourcePosition,
): readonly Diagnostic[] {
  switch (expression.kind) {
    case 'literal':
    case 'ref':
      return [];
    case 'array':
      return expression.items.flatMap((item) => [
        ...absentIn(context, item, path, source, 'a list'),
        ...checkArguments(context, item, path, source),
      ]);
    case 'object':
      return Object.values(expression.fields).flatMap((field) => checkArguments(context, field, path, source));
    case 'call': {
      const tolerant = ['eq', 'ne', 'ok', 'get', 'orElse'].includes(expression.name);
      const name = expression.name === 'text' ? 'tpl`…`' : `${expression.name}(…)`;
      return [
        ...absentPlucked(context, expression, path, source),
        ...expression.arguments.flatMap((argument, index) => {
          if (index === 1 && isNeverTaken(context, expression)) return [];
          const before = knownBefore(context, expression, index);
          const here = before.length === 0 ? context : { ...context, known: [...context.known, ...before] };
          return [
            ...(tolerant ? [] : absentIn(here, argument, path, source, name)),
            ...checkArguments(here, argument, path, source),
          ];
        }),
      ];
    }
  }
}

/** What is known where an argument is looked at: what stands before it in an `and`, that the first of `orElse` is not there. */
function knownBefore(context: ShapeContext, call: CallExpression, index: number): readonly Expression[] {
  const [first] = call.arguments;
  if (call.name === 'and') return call.arguments.slice(0, index);
  return call.name === 'orElse' && index === 1 && first ? knownWithout(context, first) : [];
}

/** The second of an `orElse` whose first is sure to be there. */
function isNeverTaken(context: ShapeContext, { name, arguments: [first] }: CallExpression): boolean {
  if (name !== 'orElse' || first === undefined) return false;
  const { absent, unknown } = shapeOf(context, first);
  return !absent && !unknown;
}

/** A list cannot hold what is absent: a field to pluck is one that every item has. */
function absentPlucked(
  context: ShapeContext,
  call: CallExpression,
  path: Path,
  source: SourcePosition,
): readonly Diagnostic[] {
  const key = call.arguments[1];
  if (call.name !== 'pluck' || key?.kind !== 'literal') return [];
  const shape = pluckedShape(context, call);
  if (!shape.absent || shape.unknown) return [];
  const because = shape.because === undefined ? '' : `: ${shape.because}`;
  const message = `${path.slice(1).join('.')}: the field "${String(key.value)}" in pluck(…) may be absent${because}`;
  return [mistake('BS1107', message, path, source, 'make the field required in the schema, or give it a default')];
}

function absentIn(
  context: ShapeContext,
  expression: Expression,
  path: Path,
  source: SourcePosition,
  where: string,
): readonly Diagnostic[] {
  const shape = shapeOf(context, expression);
  if (!shape.absent || shape.unknown) return [];
  const because = shape.because === undefined ? '' : `: ${shape.because}`;
  return [
    mistake(
      'BS1107',
      `${path.slice(1).join('.')}: a value in ${where} may be absent${because}`,
      path,
      source,
      'give orElse(value, otherwise), or a `when` under which it is there',
    ),
  ];
}
