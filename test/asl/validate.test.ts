import { describe, expect, test } from 'vitest';
import { validateDefinition } from '../../lib/asl/validate.ts';

const end = { Type: 'Pass', End: true };
const machine = (states: object, more: object = {}) => ({
  QueryLanguage: 'JSONata',
  StartAt: Object.keys(states)[0],
  States: states,
  ...more,
});
const one = (state: object) => machine({ a: state });

/** Everything that is wrong, as `location: message`, with the code where it is not the usual one. */
function faults(definition: unknown): readonly string[] {
  const checked = validateDefinition(definition);
  if (checked.ok) return [];
  return checked.diagnostics.map(({ code, message, location }) =>
    code === 'SCHEMA_VALIDATION_FAILED' ? `${location}: ${message}` : `${location}: ${code} ${message}`,
  );
}

const task = { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', End: true };

describe('accepted', () => {
  test.each([
    [
      'every type of state',
      machine(
        {
          t: {
            ...task,
            End: undefined,
            Next: 'c',
            Arguments: { a: '{% $x %}' },
            TimeoutSeconds: '{% 1 %}',
            Retry: [{ ErrorEquals: ['States.ALL'], BackoffRate: 1.5, JitterStrategy: 'FULL' }],
            Catch: [{ ErrorEquals: ['A', 'B'], Next: 'f' }],
          },
          c: { Type: 'Choice', Choices: [{ Condition: '{% true %}', Next: 'p', Assign: { x: 1 } }], Default: 's' },
          p: { Type: 'Parallel', Branches: [{ StartAt: 'i', States: { i: end } }], Next: 'm' },
          m: {
            Type: 'Map',
            Items: [1, '{% 2 %}'],
            ItemProcessor: { ProcessorConfig: { Mode: 'INLINE' }, StartAt: 'j', States: { j: end } },
            Next: 'w',
          },
          w: { Type: 'Wait', Timestamp: '2026-01-01T00:00:00Z', Next: 's' },
          s: { Type: 'Succeed', Output: 1 },
          f: { Type: 'Fail', Error: 'E', Cause: '{% "c" %}' },
        },
        { TimeoutSeconds: 60, Comment: 'all' },
      ),
    ],
    ['a language set by state', { StartAt: 'a', States: { a: { ...end, QueryLanguage: 'JSONata' } } }],
    [
      'a function named by ARN or placeholder',
      machine({
        a: { ...task, Resource: 'arn:aws:lambda:us-east-1:000000000000:function:f', End: undefined, Next: 'b' },
        b: { ...task, Resource: '${operation:load}' },
      }),
    ],
    [
      'names reused by sibling branches',
      one({
        Type: 'Parallel',
        End: true,
        Branches: ['l', 'r'].map((name) => ({ StartAt: name, States: { [name]: { ...end, Assign: { x: 1 } } } })),
      }),
    ],
    [
      'an inner name that the outer scope assigns only afterwards',
      machine({
        a: {
          Type: 'Parallel',
          Branches: [{ StartAt: 'i', States: { i: { ...end, Assign: { x: 1 } } } }],
          Assign: { x: 2 },
          End: true,
        },
      }),
    ],
  ])('%s', (_, definition) => {
    const plain = JSON.parse(JSON.stringify(definition)) as unknown;
    expect(validateDefinition(plain)).toStrictEqual({ ok: true, definition: plain });
  });
});

describe('refused', () => {
  test.each<[string, unknown, readonly string[]]>([
    ['no object', 'text', [': Definition must be a valid JSON object']],
    ['an empty machine', { QueryLanguage: 'JSONata' }, ['/: These fields are required: [States, StartAt]']],
    [
      'no states',
      machine({}, { StartAt: 'a' }),
      [
        '/States: Expected an object with at least one state',
        "/StartAt: MISSING_TRANSITION_TARGET Missing 'StartAt' target: a",
      ],
    ],
    ['a state that is none', machine({ a: 1 }), ['/States/a: Expected value of type Object']],
    [
      'fields of JSONata in JSONPath',
      { StartAt: 'a', States: { a: { ...end, Output: '{% 1 %}' } } },
      ["/States/a/Output: The JSONata field 'Output' cannot be specified when the query language is JSONPath"],
    ],
    [
      'JSONPath in a JSONata machine',
      one({ ...end, QueryLanguage: 'JSONPath' }),
      ["/States/a: 'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"],
    ],
    [
      'an unknown language',
      { ...machine({ a: end }), QueryLanguage: 'SQL' },
      [
        "/QueryLanguage: The value of 'QueryLanguage' must be one of [JSONPath, JSONata]",
        "/States/a/QueryLanguage: The value of 'QueryLanguage' must be one of [JSONPath, JSONata]",
      ],
    ],
    [
      'an unknown type',
      one({ Type: 'Go', End: true }),
      [
        "/States/a/Type: The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]",
      ],
    ],
    [
      'a type of Object.prototype',
      one({ Type: 'constructor', End: true }),
      [
        "/States/a/Type: The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map]",
      ],
    ],
    ['no type', one({ End: true }), ["/States/a/Type: The field 'Type' is required but was missing"]],
    [
      'unknown fields',
      one({ Type: 'Succeed', Foo: 1, InputPath: '$' }),
      [
        "/States/a/Foo: The field 'Foo' is not supported here, the fields are [Type, Comment, QueryLanguage, Output]",
        "/States/a/InputPath: The JSONPath field 'InputPath' cannot be specified when the query language is JSONata",
      ],
    ],
    ['no way on', one({ Type: 'Pass' }), ["/States/a: A state needs the field 'Next' or 'End: true'"]],
    [
      'two ways on',
      machine({ a: { Type: 'Pass', Next: 'b', End: true }, b: end }),
      ["/States/a: A state has one of the fields 'Next' and 'End', not both"],
    ],
    [
      'dangling targets',
      machine({ a: { ...task, Catch: [{ ErrorEquals: ['States.ALL'], Next: 'x' }], Next: 'y', End: undefined } }),
      [
        '/States/a/End: Expected value of type Boolean',
        "/States/a/Next: MISSING_TRANSITION_TARGET Missing 'Next' target: y",
        "/States/a/Catch[0]/Next: MISSING_TRANSITION_TARGET Missing 'Next' target: x",
      ],
    ],
    [
      'an unreachable state',
      machine({ a: end, b: { Type: 'Pass', Next: 'a' } }),
      ['/States/b: MISSING_TRANSITION_TARGET State "b" is not reachable.'],
    ],
    [
      'a long name',
      machine({ ['x'.repeat(81)]: end }),
      [`/States/${'x'.repeat(81)}: A state name has 1 to 80 characters, this one has 81`],
    ],
    [
      'a name used in two scopes',
      machine({ a: { Type: 'Parallel', Branches: [{ StartAt: 'a', States: { a: end } }], End: true } }),
      ["/States/a/Branches[0]/States/a: The state name 'a' is used twice in the machine, first at /States/a"],
    ],
    [
      'a broken expression',
      one({ ...end, Output: { x: ['{% 1 + %}'] } }),
      ["/States/a/Output/x[0]: The JSONata expression '1 +' does not parse: Unexpected end of expression"],
    ],
    [
      'half an expression',
      one({ ...end, Output: '{% 1' }),
      ['/States/a/Output: A JSONata expression begins with {% and ends with %}'],
    ],
    [
      'reserved and odd variable names',
      one({ ...end, Assign: { states: 1, 'a-b': 2, _c: 3 } }),
      [
        "/States/a/Assign/states: The variable name 'states' is reserved",
        ...['a-b', '_c'].map(
          (name) =>
            `/States/a/Assign/${name}: A variable name begins with a letter, goes on with letters, digits and _, and has at most 80 characters`,
        ),
      ],
    ],
    [
      'an inner scope that assigns an outer variable',
      machine({
        o: { Type: 'Pass', Assign: { x: 1 }, Next: 'a' },
        a: { Type: 'Map', ItemProcessor: { StartAt: 'i', States: { i: { ...end, Assign: { x: 2 } } } }, End: true },
      }),
      [
        "/States/a/ItemProcessor/States/i/Assign/x: The variable 'x' belongs to an outer scope and can not be assigned here",
      ],
    ],
    [
      'an inner scope that a loop reaches again',
      machine({
        a: {
          Type: 'Parallel',
          Branches: [{ StartAt: 'i', States: { i: { ...end, Assign: { x: 2 } } } }],
          Assign: { x: 1 },
          Next: 'c',
        },
        c: { Type: 'Choice', Choices: [{ Condition: true, Next: 'a' }] },
      }),
      [
        "/States/a/Branches[0]/States/i/Assign/x: The variable 'x' belongs to an outer scope and can not be assigned here",
      ],
    ],
    [
      'odd retriers',
      one({
        ...task,
        Retry: [
          { ErrorEquals: ['States.ALL', 'A'], MaxAttempts: -1, BackoffRate: 0.5 },
          { ErrorEquals: [], IntervalSeconds: 0, JitterStrategy: 'HALF' },
        ],
      }),
      [
        '/States/a/Retry[0]/ErrorEquals: States.ALL must stand alone in ErrorEquals',
        '/States/a/Retry[0]/MaxAttempts: Expected an integer from 0 to 99999999',
        '/States/a/Retry[0]/BackoffRate: Expected a number of at least 1',
        '/States/a/Retry[1]/ErrorEquals: Value cannot be empty',
        '/States/a/Retry[1]/IntervalSeconds: Expected an integer from 1 to 99999999',
        '/States/a/Retry[1]/JitterStrategy: Expected one of [FULL, NONE]',
        '/States/a/Retry[0]: States.ALL must be in the last entry',
      ],
    ],
    [
      'odd choices',
      one({ Type: 'Choice', Choices: [], Default: 1 }),
      ['/States/a/Choices: Value cannot be empty', '/States/a/Default: Expected value of type String'],
    ],
    [
      'a choice rule of JSONPath',
      machine({ a: { Type: 'Choice', Choices: [{ Variable: '$.x', Next: 'b' }] }, b: end }),
      [
        "/States/a/Choices[0]/Variable: The JSONPath field 'Variable' cannot be specified when the query language is JSONata",
        "/States/a/Choices[0]: The field 'Condition' is required but was missing",
      ],
    ],
    [
      'a condition that is text',
      machine({ a: { Type: 'Choice', Choices: [{ Condition: 'yes', Next: 'b' }] }, b: end }),
      ['/States/a/Choices[0]/Condition: Expected a JSONata expression: a string that begins with {% and ends with %}'],
    ],
    [
      'a wait for both',
      one({ Type: 'Wait', Seconds: 1.5, Timestamp: '2026-01-01 00:00:00Z', End: true }),
      [
        '/States/a/Seconds: Expected an integer from 0 to 99999999',
        '/States/a/Timestamp: String does not match RFC3339 timestamp',
        '/States/a: Expected exactly one of the fields [Seconds, Timestamp], but found [Seconds, Timestamp]',
      ],
    ],
    [
      'what this engine does not run',
      machine({
        a: {
          ...task,
          Resource: 'arn:aws:states:::states:startExecution.sync:2',
          HeartbeatSeconds: 5,
          End: undefined,
          Next: 'b',
        },
        b: { ...task, Resource: 'arn:aws:states:us-east-1:000000000000:activity:x', Next: 'm' },
        m: {
          Type: 'Map',
          ItemReader: { Resource: 'arn:aws:states:::s3:getObject', ReaderConfig: { InputType: 'PARQUET' } },
          ResultWriter: {},
          ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED' }, StartAt: 'i', States: { i: end } },
          End: true,
        },
      }),
      [
        '/States/a/End: Expected value of type Boolean',
        "/States/b: A state has one of the fields 'Next' and 'End', not both",
        '/States/m/ItemReader/ReaderConfig/InputType: UNSUPPORTED InputType PARQUET is not supported by this engine',
        '/States/m/ResultWriter: A ResultWriter cannot be empty',
      ],
    ],
    [
      'a resource that is none',
      one({ ...task, Resource: 'lambda' }),
      [
        '/States/a/Resource: The resource provided lambda is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.',
      ],
    ],
    [
      'wrong types',
      one({ Type: 'Task', Resource: 1, Retry: {}, Catch: [1], Credentials: {}, Assign: [], Comment: 1, End: 'yes' }),
      [
        '/States/a/Resource: Expected value of type String',
        '/States/a/Retry: Expected value of type Array',
        '/States/a/Catch[0]: Expected value of type Object',
        "/States/a/Credentials: The field 'RoleArn' is required but was missing",
        '/States/a/Assign: Expected value of type Object',
        '/States/a/Comment: Expected value of type String',
        '/States/a/End: Expected value of type Boolean',
        "/States/a: A state needs the field 'Next' or 'End: true'",
      ],
    ],
    [
      'branches that are none',
      one({ Type: 'Parallel', Branches: [1, { StartAt: 'i', States: { i: end }, Foo: 1 }], End: true }),
      [
        '/States/a/Branches[0]: Expected value of type Object',
        "/States/a/Branches[1]/Foo: The field 'Foo' is not supported here, the fields are [StartAt, States, Comment]",
      ],
    ],
    [
      'a map of nothing',
      one({ Type: 'Map', Items: 'list', ItemProcessor: 1, ToleratedFailurePercentage: 101, End: true }),
      [
        '/States/a/Items: Expected a JSONata expression: a string that begins with {% and ends with %}',
        '/States/a/ItemProcessor: Expected value of type Object',
        '/States/a/ToleratedFailurePercentage: Expected a number from 0 to 100',
      ],
    ],
    [
      'a timeout out of range',
      machine({ a: end }, { TimeoutSeconds: 0, Version: 1 }),
      ['/TimeoutSeconds: Expected an integer from 1 to 99999999', '/Version: Expected value of type String'],
    ],
    [
      'nesting that is too deep',
      one({ ...end, Output: JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`) as unknown }),
      ['/: The definition is nested deeper than 200 levels'],
    ],
  ])('%s', (_, definition, expected) => {
    expect(faults(definition)).toStrictEqual(expected);
  });
});
