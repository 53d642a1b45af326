/** The fields of each type of state in JSONPath, with their checks; those of JSONata are in validate-states.ts. */
import { operatorTakes } from './choice.ts';
import type { StateType } from './definition.ts';
import { compileIntrinsic } from './intrinsics.ts';
import { maxPayloadBytes } from './json.ts';
import { compilePath, isReferencePath } from './jsonpath.ts';
import {
  type Check,
  checkAtMostOne,
  checkOneOf,
  type Fields,
  integer,
  isObject,
  list,
  object,
  type Report,
  text,
  truth,
  walkFields,
} from './validate-fields.ts';
import {
  allLast,
  base,
  branch,
  checkNames,
  distributed,
  errorNames,
  itemProcessor,
  itemReader,
  maxItems,
  maxSeconds,
  resource,
  retry,
  timestamp,
} from './validate-states.ts';

function parses(parse: (text: string) => unknown, value: string): boolean {
  try {
    parse(value);
    return true;
  } catch {
    return false;
  }
}

const path: Check = (value, location, report) => {
  if (typeof value !== 'string' || !parses(compilePath, value)) report(location, 'Value is not a valid JSONPath');
};

const pathOrNull: Check = (value, location, report) => {
  if (value !== null) path(value, location, report);
};

/** A path of names and indexes, as ResultPath and ItemsPath must be. */
const referencePath: Check = (value, location, report) => {
  if (typeof value !== 'string' || !parses(compilePath, value) || !isReferencePath(compilePath(value))) {
    report(location, 'Value is not a Reference Path');
  }
};

const resultPath: Check = (value, location, report) => {
  if (value === null) return;
  referencePath(value, location, report);
  // A result goes into the state's input, not into the context object or a variable.
  if (typeof value === 'string' && /^\$[^.[]/.test(value)) report(location, 'Value is not a Reference Path');
};

const pathOrIntrinsic: Check = (value, location, report) => {
  if (!isPathOrIntrinsic(value)) {
    report(location, 'Value must be a valid JSONPath or a valid intrinsic function call');
  }
};

function isPathOrIntrinsic(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  return value.startsWith('$') ? parses(compilePath, value) : parses(compileIntrinsic, value);
}

/** JSON whose fields ending in `.$` hold paths or intrinsic functions. */
export const payloadTemplate: Check = (value, location, report) => {
  checkParts(value, location, report);
};

function checkParts(value: unknown, location: string, report: Report): void {
  if (Array.isArray(value)) {
    for (const part of value as readonly unknown[]) checkParts(part, location, report);
  } else if (isObject(value)) {
    for (const [key, part] of Object.entries(value)) {
      if (!key.endsWith('.$')) checkParts(part, `${location}/${key}`, report);
      else if (!isPathOrIntrinsic(part)) {
        report(
          location,
          `The value for the field '${key}' must be a valid JSONPath or a valid intrinsic function call`,
        );
      }
    }
  }
}

const template: Check = (value, location, report) => {
  if (isObject(value)) payloadTemplate(value, location, report);
  else report(location, 'Expected value of type Object');
};

const assign: Check = (value, location, report) => {
  template(value, location, report);
  if (!isObject(value)) return;
  const names = Object.keys(value).map((name) => (name.endsWith('.$') ? name.slice(0, -2) : name));
  checkNames(names, location, report);
};

const catchers = allLast(
  object({
    ErrorEquals: { required: errorNames },
    Next: { required: text },
    ResultPath: resultPath,
    Assign: assign,
    Comment: text,
  }),
);

/** A rule's own fields; those that say what it asks are checked by `choiceRule`. */
const ruleFields: Fields = { Next: { required: text }, Assign: assign, Comment: text };

const choiceRule: Check = (value, location, report) => {
  if (!isObject(value)) {
    report(location, 'Expected value of type Object');
    return;
  }
  const own = Object.fromEntries(Object.entries(value).filter(([field]) => Object.hasOwn(ruleFields, field)));
  walkFields(own, ruleFields, location, report);
  const asks = Object.fromEntries(Object.entries(value).filter(([field]) => !Object.hasOwn(ruleFields, field)));
  checkQuestion(asks, location, report);
};

function checkQuestion(rule: unknown, location: string, report: Report): void {
  if (!isObject(rule)) {
    report(location, 'Expected value of type Object');
    return;
  }
  const { Comment: _, ...asks } = rule;
  const fields = Object.keys(asks);
  const [only = ''] = fields;
  if (fields.length === 1 && (only === 'And' || only === 'Or')) {
    list(checkQuestion, { nonEmpty: true })(asks[only], `${location}/${only}`, report);
    return;
  }
  if (fields.length === 1 && only === 'Not') {
    checkQuestion(asks['Not'], `${location}/Not`, report);
    return;
  }
  const operators = fields.filter((field) => field !== 'Variable');
  const [operator = ''] = operators;
  const takes = operatorTakes(operator);
  if (asks['Variable'] === undefined || operators.length !== 1 || takes === undefined) {
    report(
      location,
      "A choice rule has one of 'And', 'Or' and 'Not', or 'Variable' with exactly one comparison operator",
    );
    return;
  }
  path(asks['Variable'], `${location}/Variable`, report);
  operands[takes](asks[operator], `${location}/${operator}`, report);
}

const operands: { readonly [K in NonNullable<ReturnType<typeof operatorTakes>>]: Check } = {
  String: text,
  Numeric: (value, location, report) => {
    if (typeof value !== 'number') report(location, 'Expected value of type Number');
  },
  Boolean: truth,
  Timestamp: timestamp,
  path,
};

const paths: Fields = { InputPath: pathOrNull, OutputPath: pathOrNull };
const result: Fields = { ...paths, Parameters: payloadTemplate, ResultPath: resultPath };
const ending: Fields = { Assign: assign, Next: text, End: truth };
const errorHandling: Fields = { Retry: retry, Catch: catchers, ResultSelector: template };

/** Fields of JSONPath states by type. */
export const pathStateFields: { readonly [T in StateType]: Fields } = {
  Pass: { ...base, ...result, ...ending, Result: () => undefined },
  Task: {
    ...base,
    ...result,
    ...ending,
    ...errorHandling,
    Resource: { required: resource },
    TimeoutSeconds: integer(1, maxSeconds),
    TimeoutSecondsPath: path,
    HeartbeatSeconds: integer(1, maxSeconds),
    HeartbeatSecondsPath: path,
    Credentials: (value, location, report) => {
      template(value, location, report);
      if (isObject(value) && value['RoleArn'] === undefined && value['RoleArn.$'] === undefined) {
        report(location, "The field 'RoleArn' is required but was missing");
      }
    },
  },
  Choice: {
    ...base,
    ...paths,
    Choices: { required: list(choiceRule, { nonEmpty: true }) },
    Default: text,
    Assign: assign,
  },
  Wait: {
    ...base,
    ...paths,
    ...ending,
    Seconds: integer(0, maxSeconds),
    SecondsPath: path,
    Timestamp: timestamp,
    TimestampPath: path,
  },
  Succeed: { ...base, ...paths },
  Fail: { ...base, Error: text, ErrorPath: pathOrIntrinsic, Cause: text, CausePath: pathOrIntrinsic },
  Parallel: {
    ...base,
    ...result,
    ...ending,
    ...errorHandling,
    Branches: { required: list(branch, { nonEmpty: true }) },
  },
  Map: {
    ...base,
    ...result,
    ...ending,
    ...errorHandling,
    ItemsPath: referencePath,
    ItemSelector: payloadTemplate,
    ItemProcessor: itemProcessor,
    Iterator: itemProcessor,
    MaxConcurrency: integer(0, maxSeconds),
    MaxConcurrencyPath: path,
    ToleratedFailureCount: integer(0, maxSeconds),
    ToleratedFailureCountPath: path,
    ToleratedFailurePercentage: (value, location, report) => {
      if (typeof value !== 'number' || value < 0 || value > 100) report(location, 'Expected a number from 0 to 100');
    },
    ToleratedFailurePercentagePath: path,
    ItemReader: itemReader({ Parameters: payloadTemplate, MaxItems: integer(0, maxItems), MaxItemsPath: path }),
    ItemBatcher: object({
      MaxItemsPerBatch: integer(1, maxItems),
      MaxItemsPerBatchPath: path,
      MaxInputBytesPerBatch: integer(1, maxPayloadBytes),
      MaxInputBytesPerBatchPath: path,
      BatchInput: payloadTemplate,
    }),
    ...distributed('Parameters', payloadTemplate),
  },
};

/** Fields that a Map in INLINE mode may not have. */
function checkDistributed(state: { readonly [field: string]: unknown }, location: string, report: Report): void {
  const body = state['ItemProcessor'] ?? state['Iterator'];
  const config = isObject(body) ? body['ProcessorConfig'] : undefined;
  if (isObject(config) && config['Mode'] === 'DISTRIBUTED') return;
  for (const field of ['ItemReader', 'ItemBatcher', 'ResultWriter', 'Label']) {
    if (state[field] !== undefined) {
      report(`${location}/${field}`, `The field '${field}' is supported in a Map of Mode DISTRIBUTED only`);
    }
  }
}

/** Fields that exclude each other, or of which one must be there, in either language. */
export function checkExclusions(state: { readonly [field: string]: unknown }, location: string, report: Report): void {
  const atMostOne = (...fields: readonly string[]) => checkAtMostOne(state, fields, location, report);
  switch (state['Type']) {
    case 'Wait':
      checkOneOf(
        state,
        ['Seconds', 'Timestamp', ...['SecondsPath', 'TimestampPath'].filter((field) => state[field] !== undefined)],
        location,
        report,
      );
      break;
    case 'Fail':
      atMostOne('Error', 'ErrorPath');
      atMostOne('Cause', 'CausePath');
      break;
    case 'Task':
      atMostOne('TimeoutSeconds', 'TimeoutSecondsPath');
      atMostOne('HeartbeatSeconds', 'HeartbeatSecondsPath');
      break;
    case 'Map':
      checkOneOf(state, ['ItemProcessor', ...('Iterator' in state ? ['Iterator'] : [])], location, report);
      atMostOne('ItemSelector', 'Parameters');
      atMostOne('MaxConcurrency', 'MaxConcurrencyPath');
      atMostOne('ToleratedFailureCount', 'ToleratedFailureCountPath');
      atMostOne('ToleratedFailurePercentage', 'ToleratedFailurePercentagePath');
      checkDistributed(state, location, report);
      break;
  }
}
