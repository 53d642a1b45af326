/** The check of compensations: can what a job has done be undone, and does what undoes it take what is on record of it? */
import type { Diagnostic } from '../errors.ts';
import type { Expression } from './expressions.ts';
import { misfits } from './fit.ts';
import { mistake, unknownName } from './mistake.ts';
import type { JobIr, JsonSchema, PipelineIr } from './nodes.ts';
import { isLambda } from './operations.ts';
import { alternatives, type ShapeContext } from './shapes.ts';
import type { PlacedNode } from './walk.ts';

/** @returns mistakes of a job that declares a compensation */
export function checkCompensation(
  pipeline: PipelineIr,
  nodes: ReadonlyMap<string, PlacedNode>,
  { node, scope }: PlacedNode,
): readonly Diagnostic[] {
  if (node.kind !== 'job' || node.compensate === undefined) return [];
  const at = [pipeline.id, node.id, 'compensate'];
  const refuse = (found: string, hint: string) => mistake('BS1142', found, at, node.source, hint);
  const own = pipeline.operations[node.operation];
  const undo = pipeline.operations[node.compensate];
  if (undo === undefined)
    return [unknownName('operation', node.compensate, Object.keys(pipeline.operations), at, node.source)];
  const handler = scope.find(({ part }) => part === 'failure' || part === 'end');
  const records = scope.find((step) => nodes.get(step.node)?.node.kind === 'mapS3');
  return [
    ...(own === undefined || isLambda(own)
      ? []
      : [
          refuse(
            `"${node.id}" declares a compensation, and its operation "${own.id}" is of kind "${own.kind}", which keeps no record of what it was given`,
            'only jobs with a function (lambda) can be compensated: put the call into one, or undo it in p.onFailure',
          ),
        ]),
    ...(isLambda(undo)
      ? misfit({ pipeline, nodes, known: [] }, node, refuse)
      : [
          refuse(
            `"${node.id}" is to be undone by "${undo.id}", which is of kind "${undo.kind}"`,
            'a compensation has a function (lambda): it is given what is on record of its job',
          ),
        ]),
    ...(records === undefined
      ? []
      : [
          refuse(
            `"${node.id}" declares a compensation in "${records.node}", a map over S3: what has completed of its records is more than one job could look through`,
            'take compensate out; its failed records stand beside its results, for a job in p.onFailure to read',
          ),
        ]),
    ...(handler === undefined
      ? []
      : [
          refuse(
            `"${node.id}" declares a compensation in ${handler.part === 'end' ? 'p.finally' : 'p.onFailure'}, which runs after all compensations`,
            'take compensate out, or write the job among the others',
          ),
        ]),
  ];
}

function misfit(
  context: ShapeContext,
  node: JobIr,
  refuse: (found: string, hint: string) => Diagnostic,
): readonly Diagnostic[] {
  const { operations } = context.pipeline;
  const own = operations[node.operation];
  const undo = operations[node.compensate ?? ''];
  if (own === undefined || undo === undefined) return [];
  const given: Expression = { kind: 'object', fields: { input: node.input, output: outputOf(node.id, own.output) } };
  return (
    misfits(context, given, undo.input)
      // Only what has run is undone, and fields that nobody asks for are passed over.
      .filter(({ kind }) => kind === 'type' || kind === 'missing')
      .map(({ message }) =>
        refuse(
          `"${undo.id}" cannot undo "${node.id}": ${message}`,
          `its input is { input, output }: what "${own.id}" is given and what it gives`,
        ),
      )
  );
}

/** The output of a job field by field, so that each of them is looked at. */
function outputOf(id: string, schema: JsonSchema, path: readonly string[] = []): Expression {
  const [only, ...others] = alternatives(schema);
  const properties = only?.['properties'];
  if (only === undefined || others.length > 0 || typeof properties !== 'object' || properties === null)
    return { kind: 'ref', target: { kind: 'node', id }, path };
  const required = Array.isArray(only['required']) ? only['required'].map(String) : [];
  const fields = Object.entries(properties as { readonly [name: string]: JsonSchema })
    .filter(([name]) => required.includes(name))
    .map(([name, inner]) => [name, outputOf(id, inner, [...path, name])] as const);
  return { kind: 'object', fields: Object.fromEntries(fields) };
}
