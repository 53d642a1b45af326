/** A pipeline whose jobs are containers: task definition, roles, place and log, and what cdk-nag says of them. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack, Validations } from 'aws-cdk-lib';
import { type IVpc, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import { ecs, pipeline } from 'bunsui';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as z from 'zod';
import { Pipeline, Platform } from '../../lib/constructs/index.ts';
import { type Template, weaknessesOf } from './security.ts';
import { newApp, propertiesOf, resourcesOf } from './synth.ts';

const word = z.object({ word: z.string() });
const common = { input: word, output: z.object({ letters: z.int() }) };
const network = { subnets: ['subnet-0a', 'subnet-0b'], securityGroups: ['sg-0c'], publicIp: true };

const single = (operation: ReturnType<typeof ecs<typeof word, typeof common.output>>) =>
  pipeline('words', { input: word }, (p, input) => {
    p.job('one', operation, { word: input.word });
  });

const size = ecs('size', {
  ...common,
  image: 'example.com/size:1',
  cpu: 1_024,
  memory: 2_048,
  architecture: 'arm64',
  command: ['size', '--fast'],
  environment: { MODE: 'fast' },
  storage: 30,
  network,
});

function synthesised(definition: ReturnType<typeof single>, props: object = {}, withKey = false) {
  const app = newApp();
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const stack = new Stack(app, 'Test');
  const key = withKey ? { encryptionKey: new Key(new Stack(app, 'Keys'), 'Key', { enableKeyRotation: true }) } : {};
  const platform = Platform.fromAttributes(stack, 'Platform', key);
  const made = new Pipeline(stack, 'Row', { platform, definition, ...props });
  const assembly = app.synth();
  const report = join(assembly.directory, 'validation-report.json');
  const { pluginReports = [] } = existsSync(report)
    ? (JSON.parse(readFileSync(report, 'utf8')) as {
        readonly pluginReports?: readonly { readonly violations: readonly { readonly ruleName: string }[] }[];
      })
    : {};
  const found = pluginReports.flatMap(({ violations }) => violations.map(({ ruleName }) => ruleName));
  const template = assembly.getStackByName('Test').template as Template;
  return { made, resources: resourcesOf(stack), found, weak: weaknessesOf(template) };
}

describe('a container', () => {
  it('is a task definition on Fargate that may use the objects of its pipeline, and cdk-nag finds nothing', () => {
    for (const withKey of [false, true]) {
      const { resources, found, weak } = synthesised(single(size), {}, withKey);
      expect([found, weak]).toStrictEqual([[], []]);
      const [task] = Object.values(propertiesOf(resources, 'AWS::ECS::TaskDefinition'));
      expect(task).toMatchObject({
        Cpu: '1024',
        Memory: '2048',
        EphemeralStorage: { SizeInGiB: 30 },
        NetworkMode: 'awsvpc',
        RequiresCompatibilities: ['FARGATE'],
        RuntimePlatform: { CpuArchitecture: 'ARM64', OperatingSystemFamily: 'LINUX' },
        ContainerDefinitions: [
          {
            Name: 'main',
            Image: 'example.com/size:1',
            Command: ['size', '--fast'],
            Environment: [{ Name: 'MODE', Value: 'fast' }],
            LogConfiguration: { LogDriver: 'awslogs', Options: { 'awslogs-stream-prefix': 'task' } },
          },
        ],
      });
      const roles = propertiesOf(resources, 'AWS::IAM::Role') as {
        readonly [id: string]: { readonly Policies?: unknown };
      };
      expect(JSON.stringify(roles['RowOperationsizeTaskRole'])).toContain('/containers/words/*');
    }
  });

  it('is what the state machine may run, watch and stop, and hand its roles to', () => {
    const { resources } = synthesised(single(size));
    const policies = propertiesOf(resources, 'AWS::IAM::Policy') as {
      readonly [id: string]: {
        readonly PolicyDocument: { readonly Statement: readonly { readonly Action: unknown }[] };
      };
    };
    const statements = policies['RowRoleDefaultPolicy']?.PolicyDocument.Statement ?? [];
    expect(
      statements.map(({ Action }) => Action).filter((action) => !/^(logs|xray):/.test(String([action].flat()[0]))),
    ).toStrictEqual([
      'ecs:RunTask',
      ['ecs:StopTask', 'ecs:DescribeTasks'],
      'iam:PassRole',
      ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'],
      ['s3:GetObject', 's3:PutObject'],
    ]);
    const [machine] = Object.values(propertiesOf(resources, 'AWS::StepFunctions::StateMachine')) as {
      readonly DefinitionSubstitutions: { readonly [key: string]: unknown };
    }[];
    const places = machine?.DefinitionSubstitutions ?? {};
    expect([
      places['of_size_subnets0'],
      places['of_size_subnets1'],
      places['of_size_securityGroups0'],
      places['of_size_publicIp'],
    ]).toStrictEqual(['subnet-0a', 'subnet-0b', 'sg-0c', 'ENABLED']);
    expect(places['of_size_task']).toStrictEqual({ Ref: 'RowOperationsizeTask' });
  });

  it('stands where the pipeline does, and in no network there is none', () => {
    const inPipeline = single(ecs('size', { ...common, image: 'example.com/size:1' }));
    expect(() => synthesised(inPipeline)).toThrow(/BS1140|nothing says in which network/);
    const app = newApp();
    const stack = new Stack(app, 'Test');
    const vpc = new Vpc(new Stack(app, 'Network'), 'Vpc', { restrictDefaultSecurityGroup: false }) as IVpc;
    new Pipeline(stack, 'Row', { platform: Platform.fromAttributes(stack, 'Platform'), definition: inPipeline, vpc });
    const resources = resourcesOf(stack);
    expect(Object.keys(propertiesOf(resources, 'AWS::EC2::SecurityGroup'))).toHaveLength(1);
    expect(Object.keys(propertiesOf(resources, 'AWS::ECS::Cluster'))).toHaveLength(1);
  });

  it('is built from the folder of its Dockerfile', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bunsui-image-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    mkdirSync(join(folder, 'size'));
    writeFileSync(join(folder, 'size', 'Dockerfile'), 'FROM scratch\n');
    const built = ecs('size', { ...common, asset: join(folder, 'size'), network });
    const { resources, found } = synthesised(single(built));
    expect(found).toStrictEqual([]);
    const [task] = Object.values(propertiesOf(resources, 'AWS::ECS::TaskDefinition')) as {
      readonly ContainerDefinitions: readonly { readonly Image: unknown }[];
    }[];
    expect(JSON.stringify(task?.ContainerDefinitions[0]?.Image)).toContain('container-assets');
  });
});
