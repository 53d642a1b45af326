/**
 * What the integrations of Step Functions answer, as far as a mocked answer is checked against it. Actions that go
 * through `aws-sdk` are checked against the model of their service, where there is one.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html
 */
import type { Json } from './definition.ts';
import { parseResource } from './resources.ts';
import { faultInAnswer, type ServiceModels } from './service-model.ts';

/** STRICT: fields that are required must be there. PRESENT: only those that are there are checked. */
export type ResultCheck = 'STRICT' | 'PRESENT' | 'NONE';

type Shape =
  | 'string'
  | 'number'
  | 'boolean'
  | 'any'
  | readonly [Shape]
  | { readonly [field: string]: Shape | readonly ['required', Shape] };

const capacity: Shape = {
  TableName: 'string',
  CapacityUnits: 'number',
  ReadCapacityUnits: 'number',
  WriteCapacityUnits: 'number',
};
const written: Shape = { Attributes: 'any', ConsumedCapacity: capacity, ItemCollectionMetrics: 'any' };

const shapes: { readonly [action: string]: Shape } = {
  'lambda:invoke': {
    StatusCode: 'number',
    FunctionError: 'string',
    LogResult: 'string',
    Payload: 'any',
    ExecutedVersion: 'string',
  },
  'states:startExecution': { ExecutionArn: ['required', 'string'], StartDate: ['required', 'string'] },
  'sqs:sendMessage': {
    MD5OfMessageBody: 'string',
    MD5OfMessageAttributes: 'string',
    MD5OfMessageSystemAttributes: 'string',
    MessageId: 'string',
    SequenceNumber: 'string',
  },
  'sns:publish': { MessageId: 'string', SequenceNumber: 'string' },
  'events:putEvents': {
    FailedEntryCount: 'number',
    Entries: [{ EventId: 'string', ErrorCode: 'string', ErrorMessage: 'string' }],
  },
  'dynamodb:getItem': { Item: 'any', ConsumedCapacity: capacity },
  'dynamodb:putItem': written,
  'dynamodb:updateItem': written,
  'dynamodb:deleteItem': written,
};

/** What is wrong with a mocked answer of a task's resource; undefined when nothing is, or nothing is known of it. */
export function faultInResult(
  resource: string,
  result: Json,
  check: ResultCheck,
  models: ServiceModels = () => undefined,
): string | undefined {
  const { pattern, service = '', action = '' } = parseResource(resource) ?? {};
  if (pattern !== 'request' || check === 'NONE') return undefined;
  const model = service.startsWith('aws-sdk:') ? models(service.slice('aws-sdk:'.length)) : undefined;
  if (model !== undefined) return faultInAnswer(model, action, result, check === 'STRICT');
  const shape = shapes[`${service}:${action}`];
  return shape === undefined ? undefined : faultIn(result, shape, '', check === 'STRICT');
}

function faultIn(value: Json, shape: Shape, field: string, isStrict: boolean): string | undefined {
  if (shape === 'any') return undefined;
  if (typeof shape === 'string') return typeof value === shape ? undefined : `Field '${field}' must be a ${shape}`;
  if (isList(shape)) {
    if (!Array.isArray(value)) return `Field '${field}' must be an array`;
    const [item] = shape;
    return firstOf((value as readonly Json[]).map((each) => faultIn(each, item, field, isStrict)));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return field === '' ? 'Mock result must be an object' : `Field '${field}' must be an object`;
  }
  return firstOf(
    Object.entries(shape).map(([name, given]) => {
      const isRequired = Array.isArray(given) && given[0] === 'required';
      const inner = (isRequired ? given[1] : given) as Shape;
      const part = Object.hasOwn(value, name) ? (value as { readonly [field: string]: Json })[name] : undefined;
      if (part !== undefined) return faultIn(part, inner, name, isStrict);
      return isRequired && isStrict ? `Required field '${name}' is missing` : undefined;
    }),
  );
}

function isList(shape: Shape): shape is readonly [Shape] {
  return Array.isArray(shape);
}

function firstOf(faults: readonly (string | undefined)[]): string | undefined {
  return faults.find((fault) => fault !== undefined);
}
