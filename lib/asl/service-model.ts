/** What an action of a service answers, as far as its answers are checked: types, required fields, limits. */
import type { Json } from './definition.ts';

/** A type of a service's model. Limits are those of a number, or of the length of a text or list. */
export interface ModelShape {
  readonly type: 'object' | 'map' | 'list' | 'boolean' | 'string' | 'number' | 'time';
  readonly min?: number;
  readonly max?: number;
  readonly required?: readonly string[];
  /** The type of a list's items or of a map's values. */
  readonly of?: string;
  readonly fields?: { readonly [name: string]: string };
}

/** The answers of a service: by action, and the types that they are made of. */
export interface ServiceModel {
  readonly outputs: { readonly [action: string]: string };
  readonly shapes: { readonly [name: string]: ModelShape };
}

/** The models of services, by the name that `aws-sdk` resources have for them; undefined when there is none. */
export type ServiceModels = (service: string) => ServiceModel | undefined;

/** Step Functions begins all names with a capital. */
function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/**
 * What is wrong with an answer of `action` (in camel case, as resources have it); undefined when nothing is.
 * @param isStrict whether fields that are required must be there.
 */
export function faultInAnswer(
  model: ServiceModel,
  action: string,
  answer: Json,
  isStrict: boolean,
): string | undefined {
  const output = Object.entries(model.outputs).find(([name]) => capital(action) === capital(name))?.[1];
  return output === undefined ? undefined : faultIn({ model, isStrict, depth: 0 }, output, answer, '');
}

/** What one answer is checked with. */
interface Checking {
  readonly model: ServiceModel;
  readonly isStrict: boolean;
  readonly depth: number;
}

/** Types may hold themselves (a map of DynamoDB's), so that only this ends what the data ask for. DynamoDB takes 32. */
const maxDepth = 200;

function faultIn({ model, isStrict, depth }: Checking, name: string, value: Json, field: string): string | undefined {
  const shape = model.shapes[name];
  if (shape === undefined) return undefined;
  if (depth > maxDepth) return 'The mocked result is nested too deeply';
  const inner = { model, isStrict, depth: depth + 1 };
  const mustBe = (what: string) => (field === '' ? `Mock result must be ${what}` : `Field '${field}' must be ${what}`);
  switch (shape.type) {
    // How a time is written depends on the service.
    case 'time':
      return undefined;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : mustBe('a boolean');
    case 'number':
      return typeof value === 'number' ? outOfRange(shape, value, field) : mustBe('a number');
    case 'string':
      return typeof value === 'string' ? outOfLength(shape, value.length, field) : mustBe('a string');
    case 'list':
      if (!Array.isArray(value)) return mustBe('an array');
      return (
        outOfLength(shape, value.length, field) ??
        first(value as readonly Json[], (item) => faultIn(inner, shape.of ?? '', item, field))
      );
    default:
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return mustBe('an object');
      return shape.type === 'map'
        ? first(Object.values<Json>(value), (item) => faultIn(inner, shape.of ?? '', item, field))
        : faultInFields(inner, shape, value as { readonly [name: string]: Json });
  }
}

function faultInFields(
  checking: Checking,
  { fields = {}, required = [] }: ModelShape,
  value: { readonly [name: string]: Json },
): string | undefined {
  return first(Object.entries(fields), ([name, type]) => {
    const field = capital(name);
    const part = Object.hasOwn(value, field) ? value[field] : undefined;
    if (part !== undefined) return faultIn(checking, type, part, field);
    return checking.isStrict && required.includes(name) ? `Required field '${field}' is missing` : undefined;
  });
}

function outOfRange({ min, max }: ModelShape, value: number, field: string): string | undefined {
  if (min !== undefined && value < min) return `Field '${field}' is less than the minimum value`;
  return max !== undefined && value > max ? `Field '${field}' exceeds the maximum value` : undefined;
}

function outOfLength({ min, max }: ModelShape, length: number, field: string): string | undefined {
  if (min !== undefined && length < min) return `Field '${field}' is smaller than the minimum length`;
  return max !== undefined && length > max ? `Field '${field}' exceeds the maximum length` : undefined;
}

/** The first fault; nothing behind it is looked at. */
function first<T>(parts: readonly T[], faultOf: (part: T) => string | undefined): string | undefined {
  for (const part of parts) {
    const fault = faultOf(part);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
