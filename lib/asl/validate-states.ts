/** The fields of each type of state, with their checks. */
import type { StateType } from './definition.ts';
import { csvDelimiters } from './item-formats.ts';
import { maxPayloadBytes, parseTimestamp } from './json.ts';
import { parseResource } from './resources.ts';
import {
  type Check,
  expression,
  type Fields,
  integer,
  isObject,
  list,
  object,
  oneOf,
  orExpression,
  template,
  text,
  truth,
  unsupported,
} from './validate-fields.ts';

export const maxSeconds = 99_999_999;

/** @see https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html */
const assign: Check = (value, location, report) => {
  if (!isObject(value)) {
    report(location, 'Expected value of type Object');
    return;
  }
  checkNames(Object.keys(value), location, report);
  for (const [name, part] of Object.entries(value)) template(part, `${location}/${name}`, report);
};

/** The names of assigned variables. */
export function checkNames(names: readonly string[], location: string, report: Parameters<Check>[2]): void {
  for (const name of names) {
    const at = `${location}/${name}`;
    if (name === 'states') report(at, "The variable name 'states' is reserved");
    else if (name.length > 80 || !/^\p{ID_Start}\p{ID_Continue}*$/u.test(name)) {
      report(
        at,
        'A variable name begins with a letter, goes on with letters, digits and _, and has at most 80 characters',
      );
    }
  }
}

export const errorNames: Check = (value, location, report) => {
  list(text, { nonEmpty: true })(value, location, report);
  if (Array.isArray(value) && value.includes('States.ALL') && value.length > 1) {
    report(location, 'States.ALL must stand alone in ErrorEquals');
  }
};

/** States.ALL matches whatever is left, so nothing may follow it. */
export function allLast(check: Check): Check {
  return (value, location, report) => {
    list(check)(value, location, report);
    if (!Array.isArray(value)) return;
    for (const [index, part] of (value as readonly unknown[]).slice(0, -1).entries()) {
      if (isObject(part) && Array.isArray(part['ErrorEquals']) && part['ErrorEquals'].includes('States.ALL')) {
        report(`${location}[${index}]`, 'States.ALL must be in the last entry');
      }
    }
  };
}

export const retry = allLast(
  object({
    ErrorEquals: { required: errorNames },
    IntervalSeconds: integer(1, maxSeconds),
    MaxAttempts: integer(0, maxSeconds),
    BackoffRate: (value, location, report) => {
      if (typeof value !== 'number' || value < 1) report(location, 'Expected a number of at least 1');
    },
    MaxDelaySeconds: integer(1, 31_622_400),
    JitterStrategy: oneOf('FULL', 'NONE'),
    Comment: text,
  }),
);

const catchers = allLast(
  object({
    ErrorEquals: { required: errorNames },
    Next: { required: text },
    Assign: assign,
    Output: template,
    Comment: text,
  }),
);

export const base: Fields = { Type: text, Comment: text, QueryLanguage: text };
const errorHandling: Fields = { Retry: retry, Catch: catchers };

function transition(fields: Fields): Fields {
  return { ...base, ...fields, Assign: assign, Output: template, Next: text, End: truth };
}

export const resource: Check = (value, location, report) => {
  if (typeof value !== 'string') {
    report(location, 'Expected value of type String');
  } else if (parseResource(value) === undefined) {
    report(
      location,
      `The resource provided ${value} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.`,
    );
  }
};

export const branch: Check = (value, location, report) => {
  if (!isObject(value)) {
    report(location, 'Expected value of type Object');
    return;
  }
  for (const field of Object.keys(value)) {
    if (!['StartAt', 'States', 'Comment'].includes(field)) {
      report(
        `${location}/${field}`,
        `The field '${field}' is not supported here, the fields are [StartAt, States, Comment]`,
      );
    }
  }
};

export const itemProcessor: Check = (value, location, report) => {
  if (!isObject(value)) {
    report(location, 'Expected value of type Object');
    return;
  }
  const { ProcessorConfig: config, ...scope } = value;
  branch(scope, location, report);
  if (config === undefined) return;
  object({ Mode: oneOf('INLINE', 'DISTRIBUTED'), ExecutionType: oneOf('STANDARD', 'EXPRESS') })(
    config,
    `${location}/ProcessorConfig`,
    report,
  );
};

/** RFC 3339 with `T` and an offset, as Wait takes it. */
export const timestamp: Check = (value, location, report) => {
  if (typeof value !== 'string' || parseTimestamp(value) === undefined) {
    report(location, 'String does not match RFC3339 timestamp');
  }
};

const choiceRule = object({
  Condition: {
    required: (value, location, report) => {
      if (typeof value !== 'boolean') expression(value, location, report);
    },
  },
  Next: { required: text },
  Assign: assign,
  Output: template,
  Comment: text,
});

/** The largest number of items that a Map may be told to read. */
export const maxItems = 100_000_000;

/**
 * Where a distributed Map reads its items.
 * @param own the fields that depend on the language: the arguments, and those of MaxItems.
 */
export function itemReader(own: Fields): Check {
  const { Arguments, Parameters, ...config } = own;
  return object({
    Resource: {
      required: (value, location, report) => {
        if (typeof value !== 'string' || !/^arn:[^:]+:states:::s3:(getObject|listObjectsV2)$/.test(value)) {
          report(location, 'Expected a resource of S3: getObject or listObjectsV2');
        }
      },
    },
    ...(Arguments === undefined ? {} : { Arguments }),
    ...(Parameters === undefined ? {} : { Parameters }),
    ReaderConfig: object({
      InputType: (value, location, report) => {
        if (value === 'PARQUET') report(location, `InputType ${value} is not supported by this engine`, 'UNSUPPORTED');
        else oneOf('CSV', 'JSON', 'JSONL', 'MANIFEST')(value, location, report);
      },
      ManifestType: oneOf('ATHENA_DATA', 'S3_INVENTORY'),
      Transformation: oneOf('NONE', 'LOAD_AND_FLATTEN'),
      CSVHeaderLocation: oneOf('FIRST_ROW', 'GIVEN'),
      CSVHeaders: list(text),
      CSVDelimiter: oneOf(...csvDelimiters),
      ItemsPointer: text,
      ...config,
    }),
  });
}

/** @see https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html */
const label: Check = (value, location, report) => {
  if (typeof value !== 'string') report(location, 'Expected value of type String');
  else if (value.length === 0 || value.length > 40) report(location, 'A Label has 1 to 40 characters');
  else if (/[\s?*<>{}[\]:;,\\|^~$#%&`"\u0000-\u001f\u007f-\u009f]/.test(value)) {
    report(
      location,
      'A Label has no white space, no control characters and none of ? * < > { } [ ] : ; , \\ | ^ ~ $ # % & ` "',
    );
  }
};

/**
 * What becomes of the results of a distributed Map: it has a form, a place, or both.
 * @param place the field that tells where to, by the language: Arguments or Parameters
 */
function resultWriter(place: 'Arguments' | 'Parameters', check: Check): Check {
  const fields = object({
    Resource: (value, location, report) => {
      if (typeof value !== 'string' || !/^arn:[^:]+:states:::s3:putObject$/.test(value)) {
        report(location, 'Expected the resource of S3 putObject');
      }
    },
    [place]: check,
    WriterConfig: object({
      Transformation: oneOf('NONE', 'COMPACT', 'FLATTEN'),
      OutputType: oneOf('JSON', 'JSONL'),
    }),
  });
  return (value, location, report) => {
    fields(value, location, report);
    if (!isObject(value)) return;
    const has = (field: string) => value[field] !== undefined;
    if (has('Resource') !== has(place)) report(location, `A ResultWriter has Resource and ${place}, or neither`);
    else if (!has('Resource') && !has('WriterConfig')) report(location, 'A ResultWriter cannot be empty');
  };
}

/** Fields of a distributed Map that are much the same in both languages. */
export function distributed(place: 'Arguments' | 'Parameters', check: Check): Fields {
  return { Label: label, ResultWriter: resultWriter(place, check) };
}

/** Fields by type of state. `Next` and `End` are weighed together by `checkEnding`. */
export const stateFields: { readonly [T in StateType]: Fields } = {
  Pass: transition({}),
  Task: transition({
    ...errorHandling,
    Resource: { required: resource },
    Arguments: template,
    TimeoutSeconds: orExpression(integer(1, maxSeconds)),
    Credentials: object({ RoleArn: { required: orExpression(text) } }),
    HeartbeatSeconds: orExpression(integer(1, maxSeconds)),
  }),
  Choice: {
    ...base,
    Choices: { required: list(choiceRule, { nonEmpty: true }) },
    Default: text,
    Assign: assign,
    Output: template,
  },
  Wait: transition({ Seconds: orExpression(integer(0, maxSeconds)), Timestamp: orExpression(timestamp) }),
  Succeed: { ...base, Output: template },
  Fail: { ...base, Error: orExpression(text), Cause: orExpression(text) },
  Parallel: transition({
    ...errorHandling,
    Branches: { required: list(branch, { nonEmpty: true }) },
    Arguments: template,
  }),
  Map: transition({
    ...errorHandling,
    Items: (value, location, report) => {
      if (Array.isArray(value)) template(value, location, report);
      else expression(value, location, report);
    },
    ItemSelector: template,
    ItemProcessor: itemProcessor,
    MaxConcurrency: orExpression(integer(0, maxSeconds)),
    ToleratedFailureCount: orExpression(integer(0, maxSeconds)),
    ToleratedFailurePercentage: orExpression((value, location, report) => {
      if (typeof value !== 'number' || value < 0 || value > 100) report(location, 'Expected a number from 0 to 100');
    }),
    ItemReader: itemReader({
      Arguments: template,
      MaxItems: orExpression(integer(0, maxItems)),
    }),
    ItemBatcher: object({
      MaxItemsPerBatch: orExpression(integer(1, maxItems)),
      MaxInputBytesPerBatch: orExpression(integer(1, maxPayloadBytes)),
      BatchInput: template,
    }),
    ...distributed('Arguments', template),
    Iterator: unsupported('Iterator (the older name of ItemProcessor)'),
  }),
};

/** How a state ends: with `Next` or with `End: true`, and not both. */
export function checkEnding(
  state: { readonly [field: string]: unknown },
  location: string,
  report: Parameters<Check>[2],
): void {
  if (!Object.hasOwn(stateFields[state['Type'] as StateType], 'End')) return;
  const ends = state['End'] === true;
  if (ends && state['Next'] !== undefined) report(location, "A state has one of the fields 'Next' and 'End', not both");
  if (!ends && state['Next'] === undefined) report(location, "A state needs the field 'Next' or 'End: true'");
}
