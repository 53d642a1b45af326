/** Operations by what there is to do for them, whatever their kind. */
import type { Expression, RefTarget } from './expressions.ts';
import type {
  CallIr,
  ContainerOperationIr,
  JobIr,
  LambdaOperationIr,
  OperationIr,
  PipelineIr,
  TaskOperationIr,
} from './nodes.ts';

/** Whether the author's own code runs in a function of ours, which checks, records and opens gates. */
export function isLambda(operation: OperationIr): operation is LambdaOperationIr {
  return 'entry' in operation;
}

/** Whether it is a container that runs on Fargate. */
export function isContainer(operation: OperationIr): operation is ContainerOperationIr {
  return 'container' in operation;
}

/**
 * On the schema of an object of records in S3: the schema of a record. Not a word of JSON Schema: what stands in the
 * pipeline is where the object lies, and the records are part of the contract all the same.
 */
export const recordsKeyword = 'bunsui:records';

/** Whether an operation's handler yields records, which are written in parts. */
export function yieldsRecords({ output }: OperationIr): boolean {
  return Object.hasOwn(output, recordsKeyword);
}

/** The operations that are containers. */
export function containersOf({ operations }: Pick<PipelineIr, 'operations'>): readonly ContainerOperationIr[] {
  return Object.values(operations).filter(isContainer);
}

/** Whether a container leaves an output: where its schema asks for nothing, none is looked for. */
export function leavesOutput({ output }: OperationIr): boolean {
  const { type, properties = {} } = output;
  return type !== 'object' || Object.keys(properties as object).length > 0;
}

/** The operations whose handlers are bundled and deployed as functions. */
export function lambdasOf({ operations }: Pick<PipelineIr, 'operations'>): readonly LambdaOperationIr[] {
  return Object.values(operations).filter(isLambda);
}

/** The operations that the state machine calls by itself. */
export function tasksOf({ operations }: Pick<PipelineIr, 'operations'>): readonly TaskOperationIr[] {
  return Object.values(operations).filter((operation): operation is TaskOperationIr => 'task' in operation);
}

/** The pipelines that jobs of this one call. */
export function callsOf(pipeline: Pick<PipelineIr, 'operations'>): readonly CallIr[] {
  return tasksOf(pipeline).flatMap(({ call }) => call ?? []);
}

/** Whether a job has a function of ours: it records the job's output and works at gates. Other jobs have states for that. */
export function hasFunction({ operations }: Pick<PipelineIr, 'operations'>, job: JobIr): boolean {
  const operation = operations[job.operation];
  return operation === undefined || isLambda(operation);
}

/** What a task's arguments may say of the job beside its input. */
export type JobFact = 'job' | 'execution' | 'attempt' | 'unique';

/** A ref to a fact of the job. No node is named so: ids have no colon. */
export function factTarget(fact: JobFact): RefTarget {
  return { kind: 'node', id: `bunsui:${fact}` };
}

/**
 * A task's arguments with the job's input in place of refs to the operation's input.
 *
 * @returns `undefined` where an optional field of the input is not given: what holds it leaves it out.
 */
export function withInput(expression: Expression, operation: OperationIr, input: Expression): Expression | undefined {
  const inside = (inner: Expression): Expression | undefined => withInput(inner, operation, input);
  const orNull = (inner: Expression): Expression => inside(inner) ?? { kind: 'literal', value: null };
  switch (expression.kind) {
    case 'literal':
      return expression;
    case 'ref':
      if (expression.target.kind !== 'input') return expression;
      return partOf(input, expression.path) ?? defaultOf(operation, expression.path);
    case 'array':
      return { kind: 'array', items: expression.items.map(orNull) };
    case 'object': {
      const fields = Object.entries(expression.fields).flatMap(([name, field]) => {
        const filled = inside(field);
        return filled === undefined ? [] : [[name, filled] as const];
      });
      return { kind: 'object', fields: Object.fromEntries(fields) };
    }
    case 'call':
      return { ...expression, arguments: expression.arguments.map(orNull) };
  }
}

/** A value within an expression; nothing where an object is written without it. */
function partOf(expression: Expression, path: readonly (string | number)[]): Expression | undefined {
  const [key, ...rest] = path;
  if (key === undefined) return expression;
  switch (expression.kind) {
    case 'object': {
      const field = Object.hasOwn(expression.fields, key) ? expression.fields[key] : undefined;
      return field === undefined ? undefined : partOf(field, rest);
    }
    case 'array': {
      const item = typeof key === 'number' ? expression.items[key] : undefined;
      return item === undefined ? undefined : partOf(item, rest);
    }
    case 'literal': {
      const { value } = expression;
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
      const inner = (value as { readonly [key: string]: never })[key];
      return inner === undefined ? undefined : partOf({ kind: 'literal', value: inner }, rest);
    }
    case 'ref':
      return { ...expression, path: [...expression.path, ...path] };
    case 'call':
      return partOf({ kind: 'call', name: 'get', arguments: [expression, { kind: 'literal', value: key }] }, rest);
  }
}

/** The default that the operation's schema has for a field of its input. */
function defaultOf({ input }: OperationIr, path: readonly (string | number)[]): Expression | undefined {
  let schema: unknown = input;
  for (const step of path) {
    const properties: unknown = (schema as { readonly properties?: unknown }).properties;
    if (typeof properties !== 'object' || properties === null || !Object.hasOwn(properties, step)) return undefined;
    schema = (properties as { readonly [name: string]: unknown })[step];
    if (typeof schema !== 'object' || schema === null) return undefined;
  }
  const { default: value } = schema as { readonly default?: never };
  return value === undefined ? undefined : { kind: 'literal', value };
}

/** Faults of the Lambda service itself, which say nothing about the job. @see https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html */
export const lambdaFaults: readonly string[] = [
  'Lambda.ClientExecutionTimeoutException',
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.TooManyRequestsException',
];
