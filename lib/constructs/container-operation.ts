/** An operation that is a container: its task definition, roles, log and place, and what the state machine is told of them. */
import { ArnFormat, RemovalPolicy, Stack, Tags } from 'aws-cdk-lib';
import { type ISecurityGroup, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { Platform as ImagePlatform } from 'aws-cdk-lib/aws-ecr-assets';
import {
  CfnCluster,
  ContainerImage,
  CpuArchitecture,
  FargateTaskDefinition,
  LogDrivers,
  OperatingSystemFamily,
} from 'aws-cdk-lib/aws-ecs';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { BunsuiError } from '../errors.ts';
import type { ContainerPart } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';
import type { ContainerOperationIr, PipelineIr } from '../ir/nodes.ts';
import { containerName, containerPrefix, containerStreamPrefix } from '../storage-layout.ts';
import { acknowledgeContainer, acknowledgeKeyActions, acknowledgeWildcards } from './acknowledgements.ts';
import { functionName } from './function-name.ts';
import { platformTag } from './permission.ts';
import type { IPlatform, NetworkPlace } from './platform-interface.ts';

/** What the containers of a pipeline share. */
export class ContainerPlace extends Construct {
  private own: CfnCluster | undefined;
  private group: ISecurityGroup | undefined;
  private readonly network: NetworkPlace | undefined;

  constructor(scope: Construct, network: NetworkPlace | undefined) {
    super(scope, 'Containers');
    this.network = network;
  }

  /** ARN and name of the cluster. */
  clusterOf({ container: { cluster } }: ContainerOperationIr): { readonly arn: string; readonly tasks: string } {
    const { partition, region, account } = Stack.of(this);
    if (cluster !== undefined) return { arn: cluster, tasks: `${cluster.replace(':cluster/', ':task/')}/*` };
    if (this.own === undefined) {
      this.own = new CfnCluster(this, 'Cluster');
      acknowledgeContainer(this.own);
    }
    const { attrArn: arn, ref: name } = this.own;
    return { arn, tasks: `arn:${partition}:ecs:${region}:${account}:task/${name}/*` };
  }

  /** @throws {BunsuiError} BS1140 when nobody has said where the container stands */
  networkOf({
    id,
    container,
    source,
  }: ContainerOperationIr): NonNullable<ContainerOperationIr['container']['network']> {
    if (container.network !== undefined) return container.network;
    const { vpc, vpcSubnets, securityGroups } = this.network ?? {};
    if (vpc === undefined) {
      throw new BunsuiError(
        'PipelineError',
        'BS1140',
        `operation ${id} (${source.file}:${source.line}) runs on Fargate, and nothing says in which network; give its contract a network: { subnets, securityGroups }, or the pipeline or platform a vpc`,
      );
    }
    const { subnetIds: subnets } = vpc.selectSubnets(vpcSubnets);
    const groups = securityGroups ?? [this.ownGroup(vpc)];
    return { subnets, securityGroups: groups.map(({ securityGroupId }) => securityGroupId), publicIp: false };
  }

  private ownGroup(vpc: NonNullable<NetworkPlace['vpc']>): ISecurityGroup {
    this.group ??= new SecurityGroup(this, 'SecurityGroup', { vpc, description: 'bunsui: containers of a pipeline' });
    return this.group;
  }
}

/** A container as it is deployed. */
export interface DeployedContainer {
  readonly taskDefinition: FargateTaskDefinition;
  /** What stands in the definition. */
  readonly parts: { readonly [part in ContainerPart]: Json };
  /** What the state machine must be allowed, and which of the resources stand for others. */
  readonly statements: readonly PolicyStatement[];
}

export function containerOperation(
  scope: Construct,
  place: ContainerPlace,
  platform: IPlatform,
  pipeline: PipelineIr,
  operation: ContainerOperationIr,
): DeployedContainer {
  const { id, container } = operation;
  const at = new Construct(scope, `Operation-${id}`);
  const { partition, region, account } = Stack.of(scope);
  const logGroup = new LogGroup(at, 'LogGroup', {
    logGroupName: `/aws/ecs/${functionName(at, pipeline.id, id)}`,
    retention: platform.logRetention,
    removalPolicy: platform.removalPolicy,
    ...(platform.encryptionKey === undefined ? {} : { encryptionKey: platform.encryptionKey }),
  });
  Tags.of(logGroup).add(platformTag, platform.tagValue);
  const objects = platform.bucket.arnForObjects(`${containerPrefix(pipeline.id)}*`);
  const data = new PolicyStatement({ actions: ['s3:GetObject', 's3:PutObject'], resources: [objects] });
  const assumedBy = new ServicePrincipal('ecs-tasks.amazonaws.com', {
    conditions: {
      StringEquals: { 'aws:SourceAccount': account },
      ArnLike: { 'aws:SourceArn': `arn:${partition}:ecs:${region}:${account}:*` },
    },
  });
  const taskRole = new Role(at, 'TaskRole', {
    assumedBy,
    inlinePolicies: { Data: new PolicyDocument({ statements: [data] }) },
  });
  acknowledgeWildcards(taskRole, 'objects', [objects]);
  if (platform.encryptionKey !== undefined) {
    platform.encryptionKey.grantEncryptDecrypt(taskRole);
    acknowledgeKeyActions(taskRole);
  }
  const executionRole = new Role(at, 'ExecutionRole', { assumedBy });
  acknowledgeWildcards(executionRole, 'delivery', ['*']);
  const taskDefinition = new FargateTaskDefinition(at, 'Task', {
    cpu: container.cpu,
    memoryLimitMiB: container.memoryMiB,
    taskRole,
    executionRole,
    runtimePlatform: {
      cpuArchitecture: container.architecture === 'ARM64' ? CpuArchitecture.ARM64 : CpuArchitecture.X86_64,
      operatingSystemFamily: OperatingSystemFamily.LINUX,
    },
    ...(container.storageGiB === undefined ? {} : { ephemeralStorageGiB: container.storageGiB }),
  });
  taskDefinition.addContainer(containerName, {
    image:
      'address' in container.image
        ? ContainerImage.fromRegistry(container.image.address)
        : ContainerImage.fromAsset(container.image.folder, {
            platform: container.architecture === 'ARM64' ? ImagePlatform.LINUX_ARM64 : ImagePlatform.LINUX_AMD64,
          }),
    logging: LogDrivers.awsLogs({ streamPrefix: containerStreamPrefix, logGroup }),
    environment: { ...container.environment },
    ...(container.command === undefined ? {} : { command: [...container.command] }),
  });
  if (Object.keys(container.environment).length > 0) acknowledgeContainer(taskDefinition);
  // Sessions that began before a deployment run the definition that they began with.
  taskDefinition.applyRemovalPolicy(RemovalPolicy.RETAIN);
  const cluster = place.clusterOf(operation);
  const { subnets, securityGroups, publicIp } = place.networkOf(operation);
  const family = Stack.of(scope).formatArn({
    service: 'ecs',
    resource: 'task-definition',
    resourceName: `${taskDefinition.family}:*`,
    arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
  });
  const rule = `arn:${partition}:events:${region}:${account}:rule/StepFunctionsGetEventsForECSTaskRule`;
  const onCluster = { ArnEquals: { 'ecs:cluster': cluster.arn } };
  return {
    taskDefinition,
    parts: {
      bucket: platform.bucket.bucketName,
      cluster: cluster.arn,
      task: taskDefinition.taskDefinitionArn,
      subnets: [...subnets],
      securityGroups: [...securityGroups],
      publicIp: publicIp ? 'ENABLED' : 'DISABLED',
      logs: logGroup.logGroupName,
    },
    statements: [
      new PolicyStatement({ actions: ['ecs:RunTask'], resources: [family], conditions: onCluster }),
      new PolicyStatement({ actions: ['ecs:StopTask', 'ecs:DescribeTasks'], resources: [cluster.tasks] }),
      new PolicyStatement({
        actions: ['iam:PassRole'],
        resources: [taskRole.roleArn, executionRole.roleArn],
        conditions: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
      }),
      new PolicyStatement({
        actions: ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'],
        resources: [rule],
      }),
      data,
    ],
  };
}
