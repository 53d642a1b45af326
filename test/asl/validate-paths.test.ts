import { describe, expect, test } from 'vitest';
import { validateDefinition, validateDefinitionText } from '../../lib/asl/validate.ts';

const end = { Type: 'Pass', End: true };
const one = (state: object, more: object = {}) => ({ StartAt: 'a', States: { a: { End: true, ...state }, ...more } });
const withoutEnd = (state: object) => ({ StartAt: 'a', States: { a: state } });
const faults = (definition: unknown): readonly string[] => {
  const checked = validateDefinition(definition);
  return checked.ok ? [] : checked.diagnostics.map(({ message, location }) => `${location}: ${message}`);
};
const lambda = { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke' };
const body = { StartAt: 'i', States: { i: end } };
const putObject = 'arn:aws:states:::s3:putObject';
const distributed = { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'EXPRESS' }, ...body };

describe('JSONPath states are accepted', () => {
  test.each<readonly [string, object]>([
    [
      'with all the fields of a task',
      one(
        {
          ...lambda,
          InputPath: '$$.Execution',
          Parameters: { 'a.$': '$' },
          ResultSelector: { b: 1 },
          ResultPath: '$.c[0]',
          OutputPath: null,
          TimeoutSecondsPath: '$.t',
          HeartbeatSeconds: 5,
          Assign: { 'x.$': '$.y' },
          Credentials: { 'RoleArn.$': '$.r' },
          Catch: [{ ErrorEquals: ['A'], ResultPath: null, Next: 'b' }],
        },
        { b: end },
      ),
    ],
    [
      'a Choice with nested rules',
      withoutEnd({
        Type: 'Choice',
        InputPath: '$.x',
        Choices: [
          {
            And: [
              { Or: [{ Variable: '$.a', IsNull: true }] },
              { Not: { Variable: '$v', StringEqualsPath: '$.b', Comment: 'c' } },
            ],
            Next: 'a',
            Comment: 'rule',
          },
        ],
      }),
    ],
    ['a Fail with functions', withoutEnd({ Type: 'Fail', ErrorPath: '$.e', CausePath: "States.Format('{}', $.c)" })],
    [
      'a distributed Map',
      one({
        Type: 'Map',
        Label: 'load-1',
        ItemProcessor: distributed,
        ItemReader: {
          Resource: 'arn:aws:states:::s3:getObject',
          Parameters: { Bucket: 'b', 'Key.$': '$.k' },
          ReaderConfig: {
            InputType: 'CSV',
            CSVHeaderLocation: 'GIVEN',
            CSVHeaders: ['a'],
            CSVDelimiter: 'TAB',
            MaxItemsPath: '$.m',
          },
        },
        ItemBatcher: { MaxItemsPerBatchPath: '$.n', MaxInputBytesPerBatch: 1000, BatchInput: { 'x.$': '$' } },
        ToleratedFailurePercentage: 1.5,
      }),
    ],
    [
      'the older names of a Map',
      one({ Type: 'Map', Iterator: body, Parameters: { 'x.$': '$$.Map.Item.Value' }, MaxConcurrencyPath: '$.m' }),
    ],
    [
      'resources of every kind',
      {
        StartAt: 'a',
        States: Object.fromEntries(
          [
            'arn:aws:states:us-east-1:000000000000:activity:x',
            'arn:aws:states:::aws-sdk:s3:getObject',
            'arn:${Partition}:states:::ecs:runTask.waitForTaskToken',
            'arn:aws:states:::states:startExecution.sync:2',
            '${fn}',
          ].map((Resource, index, all) => [
            String.fromCharCode(97 + index),
            {
              Type: 'Task',
              Resource,
              ...(index === all.length - 1 ? { End: true } : { Next: String.fromCharCode(98 + index) }),
            },
          ]),
        ),
      },
    ],
    ['a placeholder in a path', one({ Type: 'Pass', InputPath: '$.${Name}' })],
  ])('%s', (_, definition) => {
    expect(faults(definition)).toStrictEqual([]);
  });
});

describe('JSONPath states are refused', () => {
  const template = 'must be a valid JSONPath or a valid intrinsic function call';
  test.each<readonly [string, object, readonly string[]]>([
    [
      'paths that are none',
      one({ ...end, InputPath: '.x', OutputPath: 1, ResultPath: '$.a[*]' }),
      [
        '/States/a/InputPath: Value is not a valid JSONPath',
        '/States/a/OutputPath: Value is not a valid JSONPath',
        '/States/a/ResultPath: Value is not a Reference Path',
      ],
    ],
    [
      'a result in a variable',
      one({ ...end, ResultPath: '$var.x' }),
      ['/States/a/ResultPath: Value is not a Reference Path'],
    ],
    [
      'templates',
      one({
        ...lambda,
        Parameters: { 'a.$': 1, b: [{ 'c.$': 'States.No()' }] },
        ResultSelector: 1,
        Assign: { 'states.$': '$' },
      }),
      [
        `/States/a/Parameters: The value for the field 'a.$' ${template}`,
        `/States/a/Parameters/b: The value for the field 'c.$' ${template}`,
        '/States/a/ResultSelector: Expected value of type Object',
        "/States/a/Assign/states: The variable name 'states' is reserved",
      ],
    ],
    [
      'rules',
      withoutEnd({
        Type: 'Choice',
        Choices: [
          { Variable: '$.a', Next: 'a' },
          { Variable: '$.a', IsNull: true, IsString: true, Next: 'a' },
          { IsNull: true, Next: 'a' },
          { And: [], Next: 'a' },
          { Not: 1, Next: 'a' },
          { Variable: 'a', NumericEquals: '1', Next: 'a' },
          { Variable: '$', BooleanEqualsPath: 'x', Next: 'a' },
          { Variable: '$', TimestampEquals: 'soon' },
          1,
        ],
      }),
      [
        ...[0, 1, 2].map(
          (index) =>
            `/States/a/Choices[${index}]: A choice rule has one of 'And', 'Or' and 'Not', or 'Variable' with exactly one comparison operator`,
        ),
        '/States/a/Choices[3]/And: Value cannot be empty',
        '/States/a/Choices[4]/Not: Expected value of type Object',
        '/States/a/Choices[5]/Variable: Value is not a valid JSONPath',
        '/States/a/Choices[5]/NumericEquals: Expected value of type Number',
        '/States/a/Choices[6]/BooleanEqualsPath: Value is not a valid JSONPath',
        "/States/a/Choices[7]: The field 'Next' is required but was missing",
        '/States/a/Choices[7]/TimestampEquals: String does not match RFC3339 timestamp',
        '/States/a/Choices[8]: Expected value of type Object',
      ],
    ],
    [
      'what excludes each other',
      one({ ...lambda, TimeoutSeconds: 1, TimeoutSecondsPath: '$' }),
      ['/States/a: The fields [TimeoutSeconds, TimeoutSecondsPath] exclude each other'],
    ],
    [
      'two waits',
      one({ Type: 'Wait', Seconds: 1, SecondsPath: '$' }),
      [
        '/States/a: Expected exactly one of the fields [Seconds, Timestamp, SecondsPath], but found [Seconds, SecondsPath]',
      ],
    ],
    [
      'no wait',
      one({ Type: 'Wait' }),
      ['/States/a: Expected exactly one of the fields [Seconds, Timestamp], none of them is there'],
    ],
    [
      'a Map without a body',
      one({ Type: 'Map', ToleratedFailurePercentage: 101 }),
      [
        '/States/a/ToleratedFailurePercentage: Expected a number from 0 to 100',
        '/States/a: Expected exactly one of the fields [ItemProcessor], none of them is there',
      ],
    ],
    [
      'fields of a distributed Map in another',
      one({ Type: 'Map', ItemProcessor: body, Label: 'x', ItemBatcher: {} }),
      [
        "/States/a/ItemBatcher: The field 'ItemBatcher' is supported in a Map of Mode DISTRIBUTED only",
        "/States/a/Label: The field 'Label' is supported in a Map of Mode DISTRIBUTED only",
      ],
    ],
    [
      'odd labels and readers',
      one({
        Type: 'Map',
        ItemProcessor: distributed,
        Label: 'a b',
        ItemReader: {
          Resource: 'arn:aws:states:::s3:putObject',
          ReaderConfig: {
            InputType: 'XML',
            CSVHeaderLocation: 'LAST_ROW',
            ManifestType: 'GLUE',
            Transformation: 'LOAD',
          },
        },
      }),
      [
        '/States/a/Label: A Label has no white space, no control characters and none of ? * < > { } [ ] : ; , \\ | ^ ~ $ # % & ` "',
        '/States/a/ItemReader/Resource: Expected a resource of S3: getObject or listObjectsV2',
        '/States/a/ItemReader/ReaderConfig/InputType: Expected one of [CSV, JSON, JSONL, MANIFEST]',
        '/States/a/ItemReader/ReaderConfig/ManifestType: Expected one of [ATHENA_DATA, S3_INVENTORY]',
        '/States/a/ItemReader/ReaderConfig/Transformation: Expected one of [NONE, LOAD_AND_FLATTEN]',
        '/States/a/ItemReader/ReaderConfig/CSVHeaderLocation: Expected one of [FIRST_ROW, GIVEN]',
      ],
    ],
    [
      'a writer with no place for its results',
      one({ Type: 'Map', ItemProcessor: distributed, ResultWriter: { Resource: putObject } }),
      ['/States/a/ResultWriter: A ResultWriter has Resource and Parameters, or neither'],
    ],
    [
      'a writer that reads',
      one({
        Type: 'Map',
        ItemProcessor: distributed,
        ResultWriter: { Resource: 'arn:aws:states:::s3:getObject', Parameters: { 'Bucket.$': 7 } },
      }),
      [
        '/States/a/ResultWriter/Resource: Expected the resource of S3 putObject',
        "/States/a/ResultWriter/Parameters: The value for the field 'Bucket.$' must be a valid JSONPath or a valid intrinsic function call",
      ],
    ],
    [
      'a writer of no kind',
      one({
        Type: 'Map',
        ItemProcessor: distributed,
        ResultWriter: { WriterConfig: { Transformation: 'ALL', OutputType: 'CSV' }, Arguments: {} },
      }),
      [
        "/States/a/ResultWriter/Arguments: The JSONata field 'Arguments' cannot be specified when the query language is JSONPath",
        '/States/a/ResultWriter/WriterConfig/OutputType: Expected one of [JSON, JSONL]',
        '/States/a/ResultWriter/WriterConfig/Transformation: Expected one of [NONE, COMPACT, FLATTEN]',
      ],
    ],
    [
      'a label that is too long or none',
      one({ Type: 'Map', ItemProcessor: distributed, Label: 'x'.repeat(41) }),
      ['/States/a/Label: A Label has 1 to 40 characters'],
    ],
    [
      'an action that AWS does not have',
      one({ ...lambda, Resource: 'arn:aws:states:::dynamodb:query' }),
      [
        '/States/a/Resource: The resource provided arn:aws:states:::dynamodb:query is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.',
      ],
    ],
    [
      'credentials without a role',
      one({ ...lambda, Credentials: {} }),
      ["/States/a/Credentials: The field 'RoleArn' is required but was missing"],
    ],
    [
      'a variable that an outer scope has',
      {
        StartAt: 'a',
        States: {
          a: { Type: 'Pass', Assign: { 'x.$': '$' }, Next: 'm' },
          m: {
            Type: 'Map',
            ItemProcessor: { StartAt: 'i', States: { i: { ...end, Assign: { 'x.$': '$' } } } },
            End: true,
          },
        },
      },
      [
        "/States/m/ItemProcessor/States/i/Assign/x: The variable 'x' belongs to an outer scope and can not be assigned here",
      ],
    ],
  ])('%s', (_, definition, expected) => {
    expect([...faults(definition)].sort()).toStrictEqual([...expected].sort());
  });
});

describe('the text of a definition', () => {
  const told = (text: string, type?: 'STANDARD' | 'EXPRESS') => {
    const checked = validateDefinitionText(text, type);
    return checked.ok ? [] : checked.diagnostics.map(({ code, location }) => `${code} ${location}`);
  };
  const waits = (Resource: string) => JSON.stringify(one({ Type: 'Task', Resource }));

  test('must be JSON, of an object', () => {
    expect([told(''), told('[]'), told('{"a": }'), told('\n  nonsense'), told('{"StartAt":"a"}')]).toStrictEqual([
      ['SCHEMA_VALIDATION_FAILED '],
      ['SCHEMA_VALIDATION_FAILED '],
      ['INVALID_JSON_DESCRIPTION '],
      ['INVALID_JSON_DESCRIPTION [Source: (String)"\n  nonsense"; line: 2, column: 11]'],
      ['SCHEMA_VALIDATION_FAILED /'],
    ]);
  });

  test('for an EXPRESS machine must not wait for others', () => {
    const job = waits('arn:aws:states:::ecs:runTask.sync');
    const activity = waits('arn:aws:states:us-east-1:000000000000:activity:x');
    expect([told(job), told(job, 'EXPRESS'), told(activity, 'EXPRESS')]).toStrictEqual([
      [],
      ['SCHEMA_VALIDATION_FAILED /States/a/Resource'],
      ['SCHEMA_VALIDATION_FAILED /States/a/Resource'],
    ]);
  });
});
