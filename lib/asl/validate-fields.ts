/** Building blocks of the validator: checks of single fields, and the walk over an object's known fields. */
import { expressionIn, syntaxErrorOf } from './jsonata.ts';
import type { ValidationCode } from './validate.ts';

/** Notes something wrong at a location. @default code "SCHEMA_VALIDATION_FAILED" */
export type Report = (location: string, message: string, code?: ValidationCode) => void;

/** Looks at one field's value. */
export type Check = (value: unknown, location: string, report: Report) => void;

/** The fields that an object may have. */
export type Fields = { readonly [field: string]: Check | { readonly required: Check } };

export function isObject(value: unknown): value is { readonly [field: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Fields that belong to JSONPath, or that a JSONata state has under another name. */
const jsonPathFields: ReadonlySet<string> = new Set([
  'InputPath',
  'OutputPath',
  'ResultPath',
  'Parameters',
  'ResultSelector',
  'Result',
  'ItemsPath',
  'MaxConcurrencyPath',
  'SecondsPath',
  'TimestampPath',
  'TimeoutSecondsPath',
  'HeartbeatSecondsPath',
  'ErrorPath',
  'CausePath',
  'Variable',
  'ToleratedFailureCountPath',
  'ToleratedFailurePercentagePath',
]);

/** Fields that belong to JSONata. */
const jsonataFields: ReadonlySet<string> = new Set(['Arguments', 'Output', 'Items', 'Condition']);

/** Checks every field of an object against the fields it may have. */
export function walkFields(
  object: { readonly [field: string]: unknown },
  fields: Fields,
  location: string,
  report: Report,
): void {
  for (const [field, value] of Object.entries(object)) {
    const known = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (known === undefined) {
      const message = jsonPathFields.has(field)
        ? `The JSONPath field '${field}' cannot be specified when the query language is JSONata`
        : jsonataFields.has(field)
          ? `The JSONata field '${field}' cannot be specified when the query language is JSONPath`
          : `The field '${field}' is not supported here, the fields are [${Object.keys(fields).join(', ')}]`;
      report(`${location}/${field}`, message);
    } else {
      (typeof known === 'function' ? known : known.required)(value, `${location}/${field}`, report);
    }
  }
  for (const [field, known] of Object.entries(fields)) {
    if (typeof known !== 'function' && !Object.hasOwn(object, field)) {
      report(location === '' ? '/' : location, `The field '${field}' is required but was missing`);
    }
  }
}

export const text: Check = (value, location, report) => {
  if (typeof value !== 'string') report(location, 'Expected value of type String');
};

/** Exactly one of the fields is there. */
export function checkOneOf(
  object: { readonly [field: string]: unknown },
  fields: readonly string[],
  location: string,
  report: Report,
): void {
  const there = fields.filter((field) => object[field] !== undefined);
  if (there.length === 1) return;
  const found = there.length === 0 ? 'none of them is there' : `but found [${there.join(', ')}]`;
  report(location, `Expected exactly one of the fields [${fields.join(', ')}], ${found}`);
}

/** At most one of the fields is there. */
export function checkAtMostOne(
  object: { readonly [field: string]: unknown },
  fields: readonly string[],
  location: string,
  report: Report,
): void {
  if (fields.filter((field) => object[field] !== undefined).length > 1) {
    report(location, `The fields [${fields.join(', ')}] exclude each other`);
  }
}

export const truth: Check = (value, location, report) => {
  if (typeof value !== 'boolean') report(location, 'Expected value of type Boolean');
};

export function oneOf(...values: readonly string[]): Check {
  return (value, location, report) => {
    if (!values.includes(value as string)) report(location, `Expected one of [${values.join(', ')}]`);
  };
}

/** What AWS has and this engine does not. */
export function unsupported(what: string): Check {
  return (_value, location, report) => report(location, `${what} is not supported by this engine`, 'UNSUPPORTED');
}

export function integer(from: number, to: number): Check {
  return (value, location, report) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < from || value > to) {
      report(location, `Expected an integer from ${from} to ${to}`);
    }
  };
}

/** A string that is wholly an expression, and parses. */
export const expression: Check = (value, location, report) => {
  if (typeof value !== 'string' || expressionIn(value) === undefined) {
    report(location, 'Expected a JSONata expression: a string that begins with {% and ends with %}');
  } else {
    template(value, location, report);
  }
};

/** The check, or an expression in its place. */
export function orExpression(check: Check): Check {
  return (value, location, report) =>
    typeof value === 'string' && value.startsWith('{%')
      ? expression(value, location, report)
      : check(value, location, report);
}

/** Any JSON; its expressions must be whole and parse. */
export const template: Check = (value, location, report) => {
  if (typeof value === 'string') {
    if (value.startsWith('{%') !== value.endsWith('%}')) {
      report(location, 'A JSONata expression begins with {% and ends with %}');
      return;
    }
    const inside = expressionIn(value);
    const error = inside === undefined ? undefined : syntaxErrorOf(inside);
    if (error !== undefined) report(location, `The JSONata expression '${inside}' does not parse: ${error}`);
  } else if (Array.isArray(value)) {
    for (const [index, item] of (value as readonly unknown[]).entries())
      template(item, `${location}[${index}]`, report);
  } else if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) template(item, `${location}/${key}`, report);
  }
};

/** A list, possibly of at least one, each item checked. */
export function list(item: Check, options: { readonly nonEmpty?: boolean } = {}): Check {
  return (value, location, report) => {
    if (!Array.isArray(value)) {
      report(location, 'Expected value of type Array');
      return;
    }
    if (options.nonEmpty === true && value.length === 0) report(location, 'Value cannot be empty');
    for (const [index, part] of (value as readonly unknown[]).entries()) item(part, `${location}[${index}]`, report);
  };
}

export function object(fields: Fields): Check {
  return (value, location, report) => {
    if (isObject(value)) walkFields(value, fields, location, report);
    else report(location, 'Expected value of type Object');
  };
}
