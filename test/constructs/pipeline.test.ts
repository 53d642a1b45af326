import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { beforeAll, describe, expect, it } from 'vitest';
import { Pipeline, Platform } from '../../lib/constructs/index.ts';
import { functionPlaceholder } from '../../lib/ir/artifact.ts';
import { ensureLambdas, newApp, newStack, propertiesOf, type Resources, resourcesOf } from './synth.ts';
import { twoStep } from './two-step/pipeline.ts';

beforeAll(ensureLambdas);

const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const account = { Ref: 'AWS::AccountId' };
const statesArn = (...rest: unknown[]) => ({
  'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':states:', { Ref: 'AWS::Region' }, ':', account, ...rest]],
});

const readArtifact = {
  Action: 's3:GetObject',
  Effect: 'Allow',
  Resource: {
    'Fn::Join': [
      '',
      [
        'arn:',
        { Ref: 'AWS::Partition' },
        ':s3:::',
        { 'Fn::Sub': 'cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}' },
        '/<asset>.json',
      ],
    ],
  },
};

function statementsOf(resources: Resources, id: string): unknown {
  const policy = propertiesOf(resources, 'AWS::IAM::Policy')[id] as
    | { PolicyDocument: { Statement: unknown } }
    | undefined;
  return policy?.PolicyDocument.Statement;
}

function definitionOf(resources: Resources): unknown {
  const [machine] = Object.values(propertiesOf(resources, 'AWS::StepFunctions::StateMachine')) as {
    DefinitionString: { 'Fn::Join': [string, (string | { Ref: string } | { 'Fn::Sub': string })[]] };
  }[];
  const [, parts] = machine?.DefinitionString['Fn::Join'] ?? ['', []];
  const text = parts.map((part) => {
    if (typeof part === 'string') return part;
    if ('Fn::Sub' in part) return part['Fn::Sub'];
    return functionPlaceholder(
      /^TwoStepOperation(.*)FunctionVersion$/.exec(part.Ref)?.[1] ?? `not a version: ${part.Ref}`,
    );
  });
  return JSON.parse(text.join(''));
}

describe('the state machine', () => {
  it("has the compiler's definition, calling the published versions of the functions", () => {
    const { stack, pipeline } = newStack();
    const resources = resourcesOf(stack);
    const mark = `[bunsui ${pipeline.artifact.version} s3://cdk-hnb659fds-assets-\${AWS::AccountId}-\${AWS::Region}/<asset>.json]`;
    expect(definitionOf(resources)).toStrictEqual({
      ...pipeline.artifact.definition,
      Comment: `${pipeline.artifact.definition['Comment']} ${mark}`,
    });
    const versions = propertiesOf(resources, 'AWS::Lambda::Version');
    expect(versions).toStrictEqual({
      TwoStepOperationloadFunctionVersion: { FunctionName: { Ref: 'TwoStepOperationloadFunction' } },
      TwoStepOperationtidyFunctionVersion: { FunctionName: { Ref: 'TwoStepOperationtidyFunction' } },
    });
    const kept = Object.keys(versions).map((id) => resources[id]?.['DeletionPolicy']);
    expect(kept).toStrictEqual(['Retain', 'Retain']);
  });

  it('logs everything and is traced, under a role that only its own machines may take', () => {
    const resources = resourcesOf(newStack().stack);
    const [machine] = Object.values(propertiesOf(resources, 'AWS::StepFunctions::StateMachine')) as object[];
    expect(machine).toStrictEqual({
      DefinitionString: expect.anything(),
      LoggingConfiguration: {
        Destinations: [{ CloudWatchLogsLogGroup: { LogGroupArn: arn('TwoStepLogGroup') } }],
        IncludeExecutionData: true,
        Level: 'ALL',
      },
      RoleArn: arn('TwoStepRole'),
      StateMachineName: 'two-step',
      StateMachineType: 'STANDARD',
      TracingConfiguration: { Enabled: true },
    });
    expect(propertiesOf(resources, 'AWS::Logs::LogGroup')['TwoStepLogGroup']).toStrictEqual({
      LogGroupName: {
        'Fn::Join': [
          '-',
          [
            expect.stringMatching(/^\/aws\/vendedlogs\/states\/Test-TwoStep-[0-9A-F]{8}$/),
            { 'Fn::Select': [2, { 'Fn::Split': ['/', { Ref: 'AWS::StackId' }] }] },
          ],
        ],
      },
      RetentionInDays: 30,
    });
    expect(propertiesOf(resources, 'AWS::IAM::Role')['TwoStepRole']).toStrictEqual({
      AssumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [
          {
            Action: 'sts:AssumeRole',
            Effect: 'Allow',
            Principal: { Service: 'states.amazonaws.com' },
            Condition: {
              StringEquals: { 'aws:SourceAccount': account },
              ArnLike: { 'aws:SourceArn': statesArn(':stateMachine/*') },
            },
          },
        ],
      },
    });
    expect(statementsOf(resources, 'TwoStepRoleDefaultPolicy')).toStrictEqual([
      {
        Action: 'lambda:InvokeFunction',
        Effect: 'Allow',
        Resource: ['TwoStepOperationloadFunction', 'TwoStepOperationtidyFunction'].map((id) => ({
          'Fn::Join': ['', [arn(id), ':*']],
        })),
      },
      {
        Action: [
          'logs:CreateLogDelivery',
          'logs:GetLogDelivery',
          'logs:UpdateLogDelivery',
          'logs:DeleteLogDelivery',
          'logs:ListLogDeliveries',
          'logs:PutResourcePolicy',
          'logs:DescribeResourcePolicies',
          'logs:DescribeLogGroups',
        ],
        Effect: 'Allow',
        Resource: '*',
      },
      {
        Action: [
          'xray:PutTraceSegments',
          'xray:PutTelemetryRecords',
          'xray:GetSamplingRules',
          'xray:GetSamplingTargets',
        ],
        Effect: 'Allow',
        Resource: '*',
      },
    ]);
  });

  it('waits for the log groups of its functions and the leave to write them', () => {
    const machine = Object.values(resourcesOf(newStack().stack)).find(
      ({ Type }) => Type === 'AWS::StepFunctions::StateMachine',
    );
    expect(machine?.['DependsOn']).toEqual(
      expect.arrayContaining([
        'TwoStepOperationloadLogGroup',
        'TwoStepOperationloadWriteLogs',
        'TwoStepOperationtidyLogGroup',
        'TwoStepOperationtidyWriteLogs',
      ]),
    );
  });
});

describe('an operation', () => {
  it('is a function with its timeout, memory and environment; what bunsui sets cannot be overwritten', () => {
    const functions = propertiesOf(resourcesOf(newStack().stack), 'AWS::Lambda::Function');
    const code = {
      S3Bucket: { 'Fn::Sub': 'cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}' },
      S3Key: '<asset>.zip',
    };
    const ours = {
      BUNSUI_BUCKET: { Ref: 'PlatformBucket' },
      BUNSUI_JOB_HISTORY_TABLE: { Ref: 'PlatformJobHistoryTable' },
      NODE_OPTIONS: '--enable-source-maps',
    };
    const shared = { Architectures: ['arm64'], Code: code, Handler: 'index.handler', Runtime: 'nodejs24.x' };
    expect(functions['TwoStepOperationloadFunction']).toStrictEqual({
      ...shared,
      Description: 'bunsui: two-step/load',
      Environment: { Variables: { ...ours, MODE: 'fast' } },
      MemorySize: 256,
      Role: arn('TwoStepOperationloadRole'),
      Timeout: 120,
    });
    expect(functions['TwoStepOperationtidyFunction']).toStrictEqual({
      ...shared,
      Description: 'bunsui: two-step/tidy',
      Environment: { Variables: ours },
      MemorySize: 512,
      Role: arn('TwoStepOperationtidyRole'),
      Timeout: 60,
    });
  });

  it('may record that its job has completed, and write its log', () => {
    const resources = resourcesOf(newStack().stack);
    expect(statementsOf(resources, 'TwoStepOperationloadRoleDefaultPolicy')).toStrictEqual([
      { Action: ['dynamodb:GetItem', 'dynamodb:PutItem'], Effect: 'Allow', Resource: arn('PlatformJobHistoryTable') },
    ]);
    expect(statementsOf(resources, 'TwoStepOperationloadWriteLogs')).toStrictEqual([
      {
        Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        Effect: 'Allow',
        Resource: arn('TwoStepOperationloadLogGroup'),
      },
    ]);
  });

  it('is given more by its author', () => {
    const { stack, platform, pipeline } = newStack();
    platform.grantData(pipeline.operation('load'), 'two-step');
    expect(statementsOf(resourcesOf(stack), 'TwoStepOperationloadRoleDefaultPolicy')).toContainEqual({
      Action: ['s3:GetObject', 's3:PutObject'],
      Effect: 'Allow',
      Resource: { 'Fn::Join': ['', [arn('PlatformBucket'), '/data/two-step/*']] },
    });
  });

  it('that the pipeline does not have is refused, with those it has', () => {
    const { pipeline } = newStack();
    const message = (id: string) => `pipeline two-step has no operation "${id}"; it has load, tidy`;
    expect(() => pipeline.operation('lode')).toThrow(message('lode'));
    expect(() => pipeline.operation('constructor')).toThrow(message('constructor'));
  });

  it('has its code from its own entry, though all stand in one folder', () => {
    const { app, stack } = newStack();
    const keys = Object.entries(app.synth().getStackByName(stack.stackName).template.Resources as Resources)
      .filter(([id, { Type }]) => Type === 'AWS::Lambda::Function' && id.startsWith('TwoStep'))
      .map(([, { Properties }]) => (Properties as { Code: { S3Key: string } }).Code.S3Key);
    expect(new Set(keys).size).toBe(2);
  });
});

describe('the end of an execution', () => {
  it('is announced to the platform by a rule for this machine alone', () => {
    const resources = resourcesOf(newStack().stack);
    expect(propertiesOf(resources, 'AWS::Events::Rule')).toStrictEqual({
      TwoStepEnded: {
        Description: 'bunsui: an execution of two-step has ended',
        State: 'ENABLED',
        EventPattern: {
          source: ['aws.states'],
          'detail-type': ['Step Functions Execution Status Change'],
          detail: {
            status: ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'],
            stateMachineArn: [{ Ref: 'TwoStepStateMachine' }],
          },
        },
        Targets: [
          {
            Id: 'SessionEnded',
            Arn: arn('PlatformSessionEndedFunction'),
            DeadLetterConfig: { Arn: arn('PlatformDeadLetters') },
            RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 },
          },
        ],
      },
    });
    expect(propertiesOf(resources, 'AWS::Lambda::Permission')).toStrictEqual({
      TwoStepEndedPermission: {
        Action: 'lambda:InvokeFunction',
        FunctionName: arn('PlatformSessionEndedFunction'),
        Principal: 'events.amazonaws.com',
        SourceArn: arn('TwoStepEnded'),
      },
    });
  });

  it('and its start are all that bookkeeping may do on the machine', () => {
    const resources = resourcesOf(newStack().stack);
    expect(statementsOf(resources, 'TwoStepStartSession')).toStrictEqual([
      {
        Action: ['states:StartExecution', 'states:DescribeStateMachine'],
        Effect: 'Allow',
        Resource: { Ref: 'TwoStepStateMachine' },
      },
      readArtifact,
    ]);
    expect(statementsOf(resources, 'TwoStepSessionEnded')).toStrictEqual([
      {
        Action: ['states:DescribeExecution', 'states:GetExecutionHistory', 'states:DescribeStateMachineForExecution'],
        Effect: 'Allow',
        Resource: statesArn(':execution:', { 'Fn::GetAtt': ['TwoStepStateMachine', 'Name'] }, ':*'),
      },
      readArtifact,
    ]);
  });
});

describe('the artifact', () => {
  it('is an asset that names no folder of this machine, and says where each thing comes from', () => {
    const { app, pipeline } = newStack();
    const { directory } = app.synth();
    const files = readdirSync(directory).filter((name) => /^asset\.[0-9a-f]{64}\.json$/.test(name));
    expect(files).toHaveLength(1);
    const text = readFileSync(join(directory, files[0] ?? ''), 'utf8');
    expect(text).not.toContain(process.cwd());
    const artifact = JSON.parse(text) as typeof pipeline.artifact;
    const { load } = artifact.pipeline.operations;
    expect([artifact.pipeline.source.file, load?.entry]).toStrictEqual([
      'test/constructs/two-step/pipeline.ts',
      'test/constructs/two-step/handlers/load.ts',
    ]);
    expect({ version: artifact.version, definition: artifact.definition }).toStrictEqual({
      version: pipeline.artifact.version,
      definition: pipeline.artifact.definition,
    });
  });
});

describe('grants and metrics', () => {
  it('let somebody start executions and see them', () => {
    const { stack, pipeline } = newStack();
    const role = new Role(stack, 'Somebody', { assumedBy: new ServicePrincipal('ecs.amazonaws.com') });
    pipeline.grantStart(role);
    pipeline.grantRead(role);
    const machine = { Ref: 'TwoStepStateMachine' };
    expect(statementsOf(resourcesOf(stack), 'SomebodyDefaultPolicy')).toStrictEqual([
      { Action: 'states:StartExecution', Effect: 'Allow', Resource: machine },
      {
        Action: ['states:DescribeExecution', 'states:GetExecutionHistory'],
        Effect: 'Allow',
        Resource: statesArn(':execution:', { 'Fn::GetAtt': ['TwoStepStateMachine', 'Name'] }, ':*'),
      },
      { Action: ['states:DescribeStateMachine', 'states:ListExecutions'], Effect: 'Allow', Resource: machine },
    ]);
  });

  it('are those of the state machine', () => {
    const { pipeline } = newStack();
    const metrics = [
      pipeline.metricStarted(),
      pipeline.metricSucceeded(),
      pipeline.metricFailed(),
      pipeline.metricTimedOut(),
      pipeline.metricTime(),
    ];
    expect(metrics.map(({ metricName, statistic }) => `${metricName} ${statistic}`)).toStrictEqual([
      'ExecutionsStarted Sum',
      'ExecutionsSucceeded Sum',
      'ExecutionsFailed Sum',
      'ExecutionsTimedOut Sum',
      'ExecutionTime Average',
    ]);
  });
});

describe('every policy', () => {
  it('names its actions, and every resource but for log delivery, tracing and the policy of a key', () => {
    const app = newApp();
    const stack = new Stack(app, 'Keys');
    const { stack: tested } = newStack({ encryptionKey: new Key(stack, 'Key') }, app);
    const policies = Object.values(propertiesOf(resourcesOf(tested), 'AWS::IAM::Policy')) as {
      PolicyDocument: { Statement: { Action: string | string[]; Resource: unknown }[] };
    }[];
    const statements = policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
    const actions = statements.flatMap(({ Action }) => Action);
    expect(actions.filter((action) => action === '*' || action.endsWith(':*'))).toStrictEqual([]);
    const everywhere = statements.filter(({ Resource }) => Resource === '*').flatMap(({ Action }) => Action);
    expect(everywhere.filter((action) => !/^(logs|xray):/.test(action))).toStrictEqual([]);
  });
});

describe('a pipeline in a stack of its own', () => {
  it('depends on the stack of the platform, and not the other way round', () => {
    const app = newApp();
    const shared = new Stack(app, 'Shared');
    const platform = new Platform(shared, 'Platform');
    const own = new Stack(app, 'Own');
    new Pipeline(own, 'TwoStep', { platform, definition: twoStep });
    app.synth();
    expect(own.dependencies).toStrictEqual([shared]);
    expect(shared.dependencies).toStrictEqual([]);
    expect(Object.keys(propertiesOf(resourcesOf(shared), 'AWS::Lambda::Permission'))).toStrictEqual([]);
  });
});

describe('synthesis', () => {
  it('gives the same template again', () => {
    expect(resourcesOf(newStack().stack)).toStrictEqual(resourcesOf(newStack().stack));
  });

  it('makes one log group per function also where CDK would make them', () => {
    const app = newApp({ '@aws-cdk/aws-lambda:useCdkManagedLogGroup': true });
    const groups = propertiesOf(resourcesOf(newStack({}, app).stack), 'AWS::Logs::LogGroup');
    expect(Object.keys(groups)).toHaveLength(5);
  });

  it("shows the compiler's notes, and stops at an author's mistakes, all of them with their places", () => {
    const [first, second] = twoStep.ir.body.nodes;
    if (first?.kind !== 'job' || second?.kind !== 'job') throw new Error('the fixture has two jobs');
    const twice = { ir: { ...twoStep.ir, body: { nodes: [first, { ...second, id: 'load', operation: 'unknown' }] } } };
    const stack = new Stack(newApp(), 'Test');
    const platform = new Platform(stack, 'Platform');
    const place = `${second.source.file}:${second.source.line}:${second.source.column}`;
    let thrown: unknown;
    try {
      new Pipeline(stack, 'Twice', { platform, definition: twice });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ name: 'PipelineError', code: expect.stringMatching(/^BS11\d\d$/) });
    const { message } = thrown as Error;
    expect(message.split('\n')[0]).toBe('pipeline two-step cannot be compiled:');
    expect(message.split('\n').filter((line) => line.includes(place)).length).toBeGreaterThanOrEqual(2);
    const note = { code: 'BS1201', severity: 'info', message: 'a note', path: [] } as const;
    const noted = new Pipeline(stack, 'Noted', { platform, definition: { ir: twoStep.ir, diagnostics: [note] } });
    Annotations.fromStack(stack).hasInfo(`/${noted.node.path}`, Match.stringLikeRegexp('BS1201: a note'));
    const recorded = { ...note, severity: 'error', code: 'BS1101', hint: 'rename it' } as const;
    expect(
      () => new Pipeline(stack, 'Recorded', { platform, definition: { ir: twoStep.ir, diagnostics: [recorded] } }),
    ).toThrow('pipeline two-step cannot be compiled:\n  BS1101: a note; rename it');
  });
});
