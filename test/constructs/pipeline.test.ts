import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { type IVpc, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { beforeAll, describe, expect, it } from 'vitest';
import { pipeline as pipelineOf, storageCopy } from 'bunsui';
import * as z from 'zod';
import { Pipeline, Platform } from '../../lib/constructs/index.ts';
import { functionPlaceholder } from '../../lib/ir/artifact.ts';
import { callsOf, isLambda, tasksOf } from '../../lib/ir/operations.ts';
import { rows } from '../fixtures/pipelines.ts';
import { ensureLambdas, newApp, newStack, propertiesOf, type Resources, resourcesOf } from './synth.ts';
import lines from '../cli/lines/lines.ts';
import { twoStep } from './two-step/pipeline.ts';

beforeAll(ensureLambdas);

const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const account = { Ref: 'AWS::AccountId' };
const statesArn = (...rest: unknown[]) => ({
  'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':states:', { Ref: 'AWS::Region' }, ':', account, ...rest]],
});

/** The name of an operation's function. */
function nameOf(operation: string, before = ''): unknown {
  const stack = { 'Fn::Select': [2, { 'Fn::Split': ['/', { Ref: 'AWS::StackId' }] }] };
  return {
    'Fn::Join': [
      '',
      [
        expect.stringMatching(new RegExp(`^${before}two-step-${operation}-[0-9a-f]{8}-$`)),
        { 'Fn::Select': [0, { 'Fn::Split': ['-', stack] }] },
      ],
    ],
  };
}

function statementsOf(resources: Resources, id: string, type = 'AWS::IAM::Policy'): unknown {
  const policy = propertiesOf(resources, type)[id] as { PolicyDocument: { Statement: unknown } } | undefined;
  return policy?.PolicyDocument.Statement;
}

describe('the state machine', () => {
  it('takes its definition from a file, and logs everything where the platform looks', () => {
    const { stack, pipeline } = newStack();
    const resources = resourcesOf(stack);
    const assets = { 'Fn::Sub': 'cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}' };
    expect(Object.values(propertiesOf(resources, 'AWS::StepFunctions::StateMachine'))).toStrictEqual([
      {
        DefinitionS3Location: { Bucket: assets, Key: '<asset>.json' },
        DefinitionSubstitutions: {
          artifact: {
            'Fn::Join': ['', [`[bunsui ${pipeline.artifact.version} s3://`, assets, '/<asset>.bunsui]']],
          },
          of_load: { Ref: 'TwoStepOperationloadFunctionVersion' },
          of_tidy: { Ref: 'TwoStepOperationtidyFunctionVersion' },
        },
        LoggingConfiguration: {
          Destinations: [{ CloudWatchLogsLogGroup: { LogGroupArn: arn('PlatformLogGroup') } }],
          IncludeExecutionData: true,
          Level: 'ALL',
        },
        RoleArn: arn('TwoStepRole'),
        StateMachineName: 'bunsui-two-step',
        StateMachineType: 'STANDARD',
        TracingConfiguration: { Enabled: true },
      },
    ]);
  });

  it("has the compiler's definition, with places for the functions and the mark of the artifact", () => {
    const { app, pipeline } = newStack();
    const { directory } = app.synth();
    const [file = '', ...others] = readdirSync(directory).filter((name) => /^asset\.[0-9a-f]{64}\.json$/.test(name));
    expect(others).toStrictEqual([]);
    const text = readFileSync(join(directory, file), 'utf8');
    const placed = text.replaceAll(/\$\{of_(\w+)\}/g, (_, operation: string) => functionPlaceholder(operation));
    const { definition } = pipeline.artifact;
    expect(JSON.parse(placed)).toStrictEqual({ ...definition, Comment: `${definition['Comment']} \${artifact}` });
  });

  it('is published, and the alias "live" names what was published; older versions stay', () => {
    const { stack } = newStack();
    const resources = resourcesOf(stack);
    const [[id = '', version] = []] = Object.entries(resources).filter(
      ([, { Type }]) => Type === 'AWS::StepFunctions::StateMachineVersion',
    );
    expect(id).toMatch(/^TwoStepVersion[0-9A-F]{8}[0-9a-f]{16}$/);
    expect(version).toStrictEqual({
      Type: 'AWS::StepFunctions::StateMachineVersion',
      Properties: {
        Description: expect.stringMatching(/^[0-9a-f]{12}$/),
        StateMachineArn: { Ref: 'TwoStepStateMachine' },
        StateMachineRevisionId: { 'Fn::GetAtt': ['TwoStepStateMachine', 'StateMachineRevisionId'] },
      },
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
    });
    expect(propertiesOf(resources, 'AWS::StepFunctions::StateMachineAlias')).toStrictEqual({
      TwoStepAlias: {
        Description: 'the version that was deployed last',
        Name: 'live',
        RoutingConfiguration: [{ StateMachineVersionArn: arn(id), Weight: 100 }],
      },
    });
    const functions = propertiesOf(resources, 'AWS::Lambda::Version');
    expect(functions).toStrictEqual({
      TwoStepOperationloadFunctionVersion: { FunctionName: { Ref: 'TwoStepOperationloadFunction' } },
      TwoStepOperationtidyFunctionVersion: { FunctionName: { Ref: 'TwoStepOperationtidyFunction' } },
    });
    const kept = Object.keys(functions).map((one) => resources[one]?.['DeletionPolicy']);
    expect(kept).toStrictEqual(['Retain', 'Retain']);
  });

  it('is published anew when its definition or a function has changed, and only then', () => {
    const published = (change: (pipeline: Pipeline) => void, ir = twoStep.ir) => {
      const stack = new Stack(newApp(), 'Test');
      const platform = new Platform(stack, 'Platform');
      const pipeline = new Pipeline(stack, 'TwoStep', { platform, definition: { ir } });
      change(pipeline);
      return Object.keys(Template.fromStack(stack).findResources('AWS::StepFunctions::StateMachineVersion'));
    };
    const first = published(() => {});
    expect(published(() => {})).toStrictEqual(first);
    expect(published((pipeline) => pipeline.operation('load').addEnvironment('MORE', '1'))).not.toStrictEqual(first);
    expect(published(() => {}, { ...twoStep.ir, timeoutSeconds: 60 })).not.toStrictEqual(first);
  });

  it('has a role that only it may take, and that may call its functions', () => {
    const resources = resourcesOf(newStack().stack);
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
              ArnLike: {
                'aws:SourceArn': [
                  statesArn(':stateMachine:bunsui-two-step'),
                  statesArn(':stateMachine:bunsui-two-step:*'),
                ],
              },
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

  // What child machines need: pipeline-shards.test.ts.
  const inOneMachine = rows.filter(({ name }) => name !== 'isolated');
  it.each(inOneMachine)(
    'of fixture $name may call what its definition calls, and nothing else',
    ({ pipeline: definition }) => {
      const stack = new Stack(newApp({ 'aws:cdk:bundling-stacks': [] }), 'Test');
      // One that is deployed elsewhere: it makes nothing, so that the rows take little time.
      const platform = Platform.fromAttributes(stack, 'Platform');
      const pipeline = new Pipeline(stack, 'Row', { platform, definition });
      const resources = resourcesOf(stack);
      const called = new Set(JSON.stringify(pipeline.artifact.definition).match(/(?<=\$\{operation:)[^}]+/g));
      const [{ DefinitionSubstitutions: places } = { DefinitionSubstitutions: {} }] = Object.values(
        propertiesOf(resources, 'AWS::StepFunctions::StateMachine'),
      ) as { DefinitionSubstitutions: { [key: string]: unknown } }[];
      expect(Object.keys(places).filter((key) => key.startsWith('of_'))).toHaveLength(called.size);
      const [invoke, ...more] = statementsOf(resources, 'RowRoleDefaultPolicy') as {
        Action: unknown;
        Resource: unknown;
      }[];
      // What operations ask for that call services.
      const services = tasksOf(definition.ir).flatMap(({ statements }) => statements);
      const asked = more.filter(({ Resource }) => services.some(({ resources: [one] }) => one === Resource));
      expect(asked.map(({ Action }) => Action)).toStrictEqual(services.flatMap(({ actions }) => actions));
      const others = more.filter((statement) => !asked.includes(statement));
      const allowed = [...called].map((id) => ({
        'Fn::Join': ['', [arn(`RowOperation${id.replaceAll('-', '')}Function`), ':*']],
      }));
      const list = (resource: unknown) => [resource].flat().map((one) => JSON.stringify(one));
      expect([invoke?.Action, list(invoke?.Resource).sort()]).toStrictEqual([
        'lambda:InvokeFunction',
        list(allowed).sort(),
      ]);
      // Only a machine that waits at gates or asks may touch their table, and only one that opens some may wake others.
      const { gates, approvals } = pipeline.artifact;
      const atGates = others
        .flatMap(({ Action }) => [Action].flat())
        .filter((action) => !/^(logs|xray):/.test(String(action)));
      const wakes = gates?.openedByStates === true ? ['states:SendTaskSuccess'] : [];
      const asks = approvals === undefined ? [] : ['dynamodb:UpdateItem'];
      const own = gates === undefined ? [] : ['dynamodb:GetItem', 'dynamodb:UpdateItem', ...wakes];
      // What is called is started, and watched and stopped where it is waited for; the rule for that is allowed once.
      const calls = Object.entries(Object.groupBy(callsOf(definition.ir), (call) => call.pipeline));
      const starts = calls.flatMap(([, of = []]) => [
        'states:StartExecution',
        ...(of.some(({ waits }) => waits) ? ['states:DescribeExecution', 'states:StopExecution'] : []),
      ]);
      const rule = ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'];
      const hears = atGates.filter((action) => rule.includes(String(action)));
      expect(hears).toStrictEqual(starts.includes('states:StopExecution') ? rule : []);
      expect(atGates.filter((action) => !hears.includes(action))).toStrictEqual([...asks, ...own, ...starts]);
      const started = others.flatMap(({ Action, Resource }) => (Action === 'states:StartExecution' ? [Resource] : []));
      expect(started).toStrictEqual(
        calls.map(([id]) => ({ 'Fn::Join': ['', expect.arrayContaining([`:stateMachine:bunsui-${id}`])] })),
      );
    },
  );
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
      BUNSUI_PAYLOADS: 'payloads/two-step',
      NODE_OPTIONS: '--enable-source-maps',
    };
    const shared = { Architectures: ['arm64'], Code: code, Handler: 'index.handler', Runtime: 'nodejs24.x' };
    expect(functions['TwoStepOperationloadFunction']).toStrictEqual({
      ...shared,
      FunctionName: nameOf('load'),
      Description: 'bunsui: two-step/load',
      Environment: { Variables: { ...ours, MODE: 'fast' } },
      MemorySize: 256,
      Role: arn('TwoStepOperationloadRole'),
      Timeout: 120,
    });
    expect(functions['TwoStepOperationtidyFunction']).toStrictEqual({
      ...shared,
      FunctionName: nameOf('tidy'),
      Description: 'bunsui: two-step/tidy',
      Environment: { Variables: ours },
      MemorySize: 512,
      Role: arn('TwoStepOperationtidyRole'),
      Timeout: 60,
    });
  });

  it('may record that its job has completed, keep its large values, and write its log, which has its name and an end', () => {
    const resources = resourcesOf(newStack().stack);
    expect(propertiesOf(resources, 'AWS::IAM::Role')['TwoStepOperationloadRole']).toStrictEqual({
      AssumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [
          {
            Action: 'sts:AssumeRole',
            Effect: 'Allow',
            Principal: { Service: 'lambda.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': account } },
          },
        ],
      },
      ManagedPolicyArns: [{ Ref: 'TwoStepOperationsPolicy' }],
      Policies: [
        {
          PolicyName: 'Work',
          PolicyDocument: {
            Version: '2012-10-17',
            Statement: [
              {
                Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
                Effect: 'Allow',
                Resource: arn('TwoStepOperationloadLogGroup'),
              },
            ],
          },
        },
      ],
    });
    expect(statementsOf(resources, 'TwoStepOperationsPolicy', 'AWS::IAM::ManagedPolicy')).toStrictEqual([
      {
        Action: ['dynamodb:GetItem', 'dynamodb:PutItem'],
        Effect: 'Allow',
        Resource: arn('PlatformJobHistoryTable'),
      },
      {
        Action: ['s3:GetObject', 's3:PutObject'],
        Effect: 'Allow',
        Resource: { 'Fn::Join': ['', [arn('PlatformBucket'), '/payloads/two-step/*']] },
      },
    ]);
    expect(propertiesOf(resources, 'AWS::Logs::LogGroup')['TwoStepOperationloadLogGroup']).toStrictEqual({
      LogGroupName: nameOf('load', '/aws/lambda/'),
      RetentionInDays: 30,
      Tags: [{ Key: 'bunsui:platform', Value: expect.stringMatching(/^Test-Platform-[0-9A-F]{8}$/) }],
    });
  });

  it('may give up what it has sent of records, where it yields some', () => {
    const { app } = newStack();
    const stack = new Stack(app, 'Other');
    new Pipeline(stack, 'Lines', { platform: new Platform(stack, 'Platform'), definition: lines });
    expect(statementsOf(resourcesOf(stack), 'LinesOperationsPolicy', 'AWS::IAM::ManagedPolicy')).toContainEqual({
      Action: ['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload'],
      Effect: 'Allow',
      Resource: { 'Fn::Join': ['', [arn('PlatformBucket'), '/payloads/lines/*']] },
    });
  });

  it('may read and write the stores that it copies between, and only where it copies', () => {
    const { app } = newStack();
    const stack = new Stack(app, 'Copies');
    const copies = pipelineOf('copies', { input: z.object({}) }, (p) => {
      p.job('copy', storageCopy('copy', { from: 's3://exports/shop/', to: 's3://lake' }), {});
    });
    new Pipeline(stack, 'Copies', { platform: new Platform(stack, 'Platform'), definition: copies });
    const role = propertiesOf(resourcesOf(stack), 'AWS::IAM::Role')['CopiesOperationcopyRole'] as {
      Policies: readonly { PolicyDocument: { Statement: readonly unknown[] } }[];
    };
    const bucket = (rest: string) => ({ 'Fn::Sub': `arn:\${AWS::Partition}:s3:::${rest}` });
    expect(role.Policies[0]?.PolicyDocument.Statement.slice(0, 3)).toStrictEqual([
      {
        Action: 's3:ListBucket',
        Condition: { StringLike: { 's3:prefix': ['shop/*'] } },
        Effect: 'Allow',
        Resource: bucket('exports'),
      },
      { Action: 's3:GetObject', Effect: 'Allow', Resource: bucket('exports/shop/*') },
      { Action: ['s3:PutObject', 's3:AbortMultipartUpload'], Effect: 'Allow', Resource: bucket('lake/*') },
    ]);
  });

  it('takes four resources, and one more when its author grants it something', () => {
    const { stack, platform, pipeline } = newStack();
    platform.grantData(pipeline.operation('load'), 'two-step');
    const types = (id: string) =>
      Object.entries(resourcesOf(stack))
        .filter(([name]) => name.startsWith(`TwoStepOperation${id}`))
        .map(([, { Type }]) => Type.replace('AWS::', ''));
    expect(types('tidy')).toStrictEqual(['Logs::LogGroup', 'IAM::Role', 'Lambda::Function', 'Lambda::Version']);
    expect(types('load')).toHaveLength(5);
  });

  it('may look through the records of jobs where it finds out what is to be undone, and no other may', () => {
    const saga = rows.find(({ name }) => name === 'saga')?.pipeline;
    if (saga === undefined) throw new Error('no such row');
    const stack = new Stack(newApp({ 'aws:cdk:bundling-stacks': [] }), 'Test');
    const pipeline = new Pipeline(stack, 'Row', {
      platform: Platform.fromAttributes(stack, 'Platform'),
      definition: saga,
    });
    expect(pipeline.artifact.pipeline.operations['to-undo']).toMatchObject({ looksThroughJobs: true });
    const roles = Object.entries(propertiesOf(resourcesOf(stack), 'AWS::IAM::Role'));
    const asking = roles.filter(([, role]) => JSON.stringify(role).includes('dynamodb:Query')).map(([id]) => id);
    expect(asking).toStrictEqual(['RowOperationtoundoRole']);
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

  it('stands in the network of the platform, or in that of the pipeline', () => {
    const vpcOf = (own: boolean) => {
      const stack = new Stack(newApp(), 'Test');
      const network = (id: string) => ({ vpc: new Vpc(stack, id, { natGateways: 1, maxAzs: 2 }) as IVpc });
      const platform = new Platform(stack, 'Platform', network('Shared'));
      const props = own ? network('Own') : {};
      new Pipeline(stack, 'TwoStep', { platform, definition: twoStep, ...props });
      const resources = resourcesOf(stack);
      const made = propertiesOf(resources, 'AWS::Lambda::Function')['TwoStepOperationloadFunction'];
      const role = propertiesOf(resources, 'AWS::IAM::Role')['TwoStepOperationloadRole'];
      return {
        config: (made as { VpcConfig: { SubnetIds: { Ref: string }[] } }).VpcConfig,
        role: JSON.stringify(role),
      };
    };
    expect(vpcOf(false).config.SubnetIds.map(({ Ref }) => Ref)).toStrictEqual([
      expect.stringMatching(/^SharedPrivateSubnet1/),
      expect.stringMatching(/^SharedPrivateSubnet2/),
    ]);
    const own = vpcOf(true);
    expect(own.config.SubnetIds.map(({ Ref }) => Ref)).toStrictEqual([
      expect.stringMatching(/^OwnPrivateSubnet1/),
      expect.stringMatching(/^OwnPrivateSubnet2/),
    ]);
    expect(own.role).toContain('ec2:CreateNetworkInterface');
  });

  it('has a name of its own, however long the id of the pipeline', () => {
    const stack = new Stack(newApp(), 'Test');
    const definition = { ir: { ...twoStep.ir, id: 'a'.repeat(64) } };
    new Pipeline(stack, 'TwoStep', { platform: new Platform(stack, 'Platform'), definition });
    const functions = Object.entries(propertiesOf(resourcesOf(stack), 'AWS::Lambda::Function'));
    const names = functions
      .filter(([id]) => id.startsWith('TwoStep'))
      .map(([, made]) => (made as { FunctionName: { 'Fn::Join': [string, [string, unknown]] } }).FunctionName)
      .map(({ 'Fn::Join': [, [first]] }) => first);
    expect(new Set(names).size).toBe(2);
    // The stack adds eight.
    for (const name of names) expect(name).toMatch(/^a{46}-[0-9a-f]{8}-$/);
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

describe('the artifact', () => {
  it('is an asset that names no folder of this machine, and says where each thing comes from', () => {
    const { app, pipeline } = newStack();
    const { directory } = app.synth();
    const files = readdirSync(directory).filter((name) => /^asset\.[0-9a-f]{64}\.bunsui$/.test(name));
    expect(files).toHaveLength(1);
    const text = readFileSync(join(directory, files[0] ?? ''), 'utf8');
    expect(text).not.toContain(process.cwd());
    const artifact = JSON.parse(text) as typeof pipeline.artifact;
    const { load } = artifact.pipeline.operations;
    expect([artifact.pipeline.source.file, load && isLambda(load) && load.entry]).toStrictEqual([
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
  it('let somebody start executions, see them, and run them again', () => {
    const machine = [{ Ref: 'TwoStepStateMachine' }, { 'Fn::Join': ['', [{ Ref: 'TwoStepStateMachine' }, ':*']] }];
    const executions = statesArn(':execution:', { 'Fn::GetAtt': ['TwoStepStateMachine', 'Name'] }, ':*');
    const start = { Action: 'states:StartExecution', Effect: 'Allow', Resource: machine };
    const read = [
      { Action: ['states:DescribeExecution', 'states:GetExecutionHistory'], Effect: 'Allow', Resource: executions },
      {
        Action: ['states:DescribeStateMachine', 'states:ListStateMachineVersions', 'states:ListExecutions'],
        Effect: 'Allow',
        Resource: machine,
      },
    ];
    const rerun = {
      Action: ['states:RedriveExecution', 'states:StopExecution'],
      Effect: 'Allow',
      Resource: executions,
    };
    const granted = (grant: (pipeline: Pipeline, role: Role) => unknown) => {
      const { stack, pipeline } = newStack();
      grant(pipeline, new Role(stack, 'Somebody', { assumedBy: new ServicePrincipal('ecs.amazonaws.com') }));
      return statementsOf(resourcesOf(stack), 'SomebodyDefaultPolicy');
    };
    expect(granted((pipeline, role) => pipeline.grantStart(role))).toStrictEqual([start]);
    expect(granted((pipeline, role) => pipeline.grantRead(role))).toStrictEqual(read);
    expect(granted((pipeline, role) => pipeline.grantRerun(role))).toStrictEqual([start, ...read, rerun]);
  });

  it('are those of the state machine', () => {
    const { pipeline } = newStack();
    const metrics = [
      pipeline.metricStarted(),
      pipeline.metricSucceeded(),
      pipeline.metricFailed(),
      pipeline.metricTimedOut(),
      pipeline.metricAborted(),
      pipeline.metricTime(),
    ];
    expect(metrics.map(({ metricName, statistic }) => `${metricName} ${statistic}`)).toStrictEqual([
      'ExecutionsStarted Sum',
      'ExecutionsSucceeded Sum',
      'ExecutionsFailed Sum',
      'ExecutionsTimedOut Sum',
      'ExecutionsAborted Sum',
      'ExecutionTime Average',
    ]);
  });
});

describe('every policy of a pipeline', () => {
  it('names its actions, and every resource but for log delivery and tracing', () => {
    const app = newApp();
    const stack = new Stack(app, 'Keys');
    const { stack: tested } = newStack({ encryptionKey: new Key(stack, 'Key') }, app);
    type Statement = { Action: string | string[]; Resource: unknown };
    const resources = resourcesOf(tested);
    const own = (type: string) =>
      Object.entries(propertiesOf(resources, type)).flatMap(([id, made]) => (id.startsWith('TwoStep') ? [made] : []));
    const statements = [
      ...own('AWS::IAM::Policy'),
      ...own('AWS::IAM::Role').flatMap((role) => (role as { Policies?: readonly unknown[] }).Policies ?? []),
    ].flatMap((policy) => (policy as { PolicyDocument: { Statement: readonly Statement[] } }).PolicyDocument.Statement);
    expect(statements.length).toBeGreaterThan(5);
    const actions = statements.flatMap(({ Action }) => Action);
    expect(actions.filter((action) => action === '*' || action.endsWith(':*'))).toStrictEqual([]);
    const everywhere = statements.filter(({ Resource }) => Resource === '*').flatMap(({ Action }) => Action);
    expect(everywhere.filter((action) => !/^(logs|xray):/.test(action))).toStrictEqual([]);
  });
});

describe('several pipelines in one stack', () => {
  it('share the platform, and nothing else', () => {
    const { stack, platform } = newStack();
    const other = { ir: { ...twoStep.ir, id: 'two-step-2' } };
    new Pipeline(stack, 'Second', { platform, definition: other });
    const names = Object.values(propertiesOf(resourcesOf(stack), 'AWS::StepFunctions::StateMachine')).map(
      (machine) => (machine as { StateMachineName: string }).StateMachineName,
    );
    expect(names).toStrictEqual(['bunsui-two-step', 'bunsui-two-step-2']);
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
  });
});

describe('a pipeline on a platform that is deployed elsewhere', () => {
  it('finds it by its parameters, and takes nothing of another stack', () => {
    const app = newApp();
    const stack = new Stack(app, 'Own');
    const platform = Platform.fromAttributes(stack, 'Platform', { prefix: 'acme' });
    const source = twoStep.ir.source;
    const daily = { id: 'daily', expression: 'rate(1 day)', timezone: 'UTC', enabled: true, catchUp: 'none' } as const;
    const definition = { ir: { ...twoStep.ir, schedules: [{ ...daily, input: { date: '' }, source }] } };
    const pipeline = new Pipeline(stack, 'TwoStep', { platform, definition });
    platform.grantData(pipeline.operation('load'), 'two-step');
    app.synth();
    expect(stack.dependencies).toStrictEqual([]);
    const template = Template.fromStack(stack).toJSON();
    const resources = resourcesOf(stack);
    const parameters = Object.entries(template['Parameters'] as { [id: string]: { Type: string; Default: string } })
      .map(([id, { Default }]) => [id, Default] as const)
      .filter(([id]) => id !== 'BootstrapVersion');
    for (const [, place] of parameters) expect(place).toMatch(/^\/bunsui\/acme\/[a-z-]+$/);
    const [machine] = Object.values(propertiesOf(resources, 'AWS::StepFunctions::StateMachine'));
    expect(machine).toMatchObject({ StateMachineName: 'acme-two-step' });
    const [schedule] = Object.values(propertiesOf(resources, 'AWS::Scheduler::Schedule')) as {
      GroupName: unknown;
      Target: { Arn: unknown; RoleArn: unknown };
    }[];
    const read = JSON.stringify([schedule?.GroupName, schedule?.Target.Arn, schedule?.Target.RoleArn]);
    for (const name of ['start-session', 'scheduler-role']) {
      const id = parameters.find(([, place]) => place.endsWith(`/${name}`))?.[0];
      expect(id).toBeDefined();
      expect(read).toContain(`"Ref":"${id}`);
    }
    const foreign = Object.values(resources).filter(({ Type }) => !/Lambda|Logs|IAM|States?|Step|Scheduler/.test(Type));
    expect(foreign).toStrictEqual([]);
  });
});

describe('synthesis', () => {
  it('gives the same template again', () => {
    expect(resourcesOf(newStack().stack)).toStrictEqual(resourcesOf(newStack().stack));
  });

  it('makes one log group per function also where CDK would make them', () => {
    const app = newApp({ '@aws-cdk/aws-lambda:useCdkManagedLogGroup': true });
    const groups = propertiesOf(resourcesOf(newStack({}, app).stack), 'AWS::Logs::LogGroup');
    const functions = Object.keys(propertiesOf(resourcesOf(newStack().stack), 'AWS::Lambda::Function'));
    const stems = functions.map((id) => id.replace(/Function$/, ''));
    const ofFunctions = Object.keys(groups).filter((id) => stems.some((stem) => id.startsWith(stem)));
    expect(ofFunctions.sort()).toStrictEqual(stems.map((stem) => `${stem}LogGroup`).sort());
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
