/** What of a stack is still there, asked of the service of each resource, not of CloudFormation. */
import { APIGatewayClient, GetResourcesCommand, GetRestApisCommand } from '@aws-sdk/client-api-gateway';
import { DescribeLogGroupsCommand, DescribeSubscriptionFiltersCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, ListRulesCommand } from '@aws-sdk/client-eventbridge';
import { IAMClient, ListPoliciesCommand, ListRolePoliciesCommand, ListRolesCommand } from '@aws-sdk/client-iam';
import {
  GetPolicyCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  ListFunctionsCommand,
  ListVersionsByFunctionCommand,
} from '@aws-sdk/client-lambda';
import { ListBucketsCommand } from '@aws-sdk/client-s3';
import { ListScheduleGroupsCommand, ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { ListStateMachinesCommand } from '@aws-sdk/client-sfn';
import { ListSubscriptionsCommand, ListTopicsCommand, SNSClient } from '@aws-sdk/client-sns';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { DescribeParametersCommand, SSMClient } from '@aws-sdk/client-ssm';
import { clientConfig } from '../../contract/target.ts';
import { main, target } from '../platforms.ts';

const config = clientConfig(target);
const { sfn, s3, logs } = main.deps;
const iam = new IAMClient(config);
const lambda = new LambdaClient(config);
const apis = new APIGatewayClient(config);
const sns = new SNSClient(config);

const defined = (values: readonly (string | undefined)[] | undefined) => (values ?? []).flatMap((one) => one ?? []);
const absent = <T>(otherwise: T) => {
  return () => otherwise;
};

/** All pages of a list. */
async function pages<P>(page: (from: string | undefined) => Promise<readonly [P, string | undefined]>): Promise<P[]> {
  const all: P[] = [];
  let from: string | undefined;
  do {
    const [items, next] = await page(from);
    all.push(items);
    from = next;
  } while (from !== undefined && from !== '');
  return all;
}

const roles = async () => {
  const found = await pages(async (Marker) => {
    const { Roles, Marker: next } = await iam.send(new ListRolesCommand({ Marker }));
    return [defined(Roles?.map(({ RoleName }) => RoleName)), next] as const;
  });
  return found.flat();
};
const functions = async () => {
  const found = await pages(async (Marker) => {
    const { Functions, NextMarker } = await lambda.send(new ListFunctionsCommand({ Marker }));
    return [defined(Functions?.map(({ FunctionName }) => FunctionName)), NextMarker] as const;
  });
  return found.flat();
};
const restApis = async () => defined((await apis.send(new GetRestApisCommand({}))).items?.map(({ id }) => id));
const buckets = async () => defined((await s3.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name));
const logGroups = async () => {
  const found = await pages(async (nextToken) => {
    const page = await logs.send(new DescribeLogGroupsCommand({ nextToken }));
    return [defined(page.logGroups?.map(({ logGroupName }) => logGroupName)), page.nextToken] as const;
  });
  return found.flat();
};

/**
 * The ids that are there now, by type, as CloudFormation knows the resources. What has no list of its own goes with what
 * it stands at: there is as much of it as there is of that.
 */
const listed: { readonly [type: string]: () => Promise<readonly string[]> } = {
  'AWS::IAM::Role': roles,
  // As `role/policy`: LocalStack gives them ids that nothing else has.
  'AWS::IAM::Policy': async () => {
    const all = (await roles()).map(async (RoleName) => {
      const { PolicyNames = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName }));
      return PolicyNames.map((name) => `${RoleName}/${name}`);
    });
    return (await Promise.all(all)).flat();
  },
  'AWS::IAM::ManagedPolicy': async () => {
    const found = await pages(async (Marker) => {
      const { Policies, Marker: next } = await iam.send(new ListPoliciesCommand({ Scope: 'Local', Marker }));
      return [defined(Policies?.map(({ Arn }) => Arn)), next] as const;
    });
    return found.flat();
  },
  'AWS::Logs::LogGroup': logGroups,
  'AWS::Logs::SubscriptionFilter': async () => {
    const groups = (await logGroups()).map((logGroupName) =>
      logs.send(new DescribeSubscriptionFiltersCommand({ logGroupName })),
    );
    return defined(
      (await Promise.all(groups)).flatMap((one) => one.subscriptionFilters ?? []).map((f) => f.filterName),
    );
  },
  'AWS::SSM::Parameter': async () => {
    const ssm = new SSMClient(config);
    const found = await pages(async (NextToken) => {
      const page = await ssm.send(new DescribeParametersCommand({ NextToken }));
      return [defined(page.Parameters?.map(({ Name }) => Name)), page.NextToken] as const;
    });
    return found.flat();
  },
  'AWS::Lambda::Function': functions,
  'AWS::Lambda::Version': async () => {
    const versions = (await functions()).map((FunctionName) =>
      lambda.send(new ListVersionsByFunctionCommand({ FunctionName })),
    );
    return defined((await Promise.all(versions)).flatMap((one) => one.Versions ?? []).map((one) => one.FunctionArn));
  },
  'AWS::Lambda::Permission': async () => {
    const policies = (await functions()).map((FunctionName) =>
      lambda.send(new GetPolicyCommand({ FunctionName })).then(({ Policy = '' }) => Policy, absent('')),
    );
    return (await Promise.all(policies)).flatMap((text) =>
      text === '' ? [] : (JSON.parse(text) as { Statement: { Sid: string }[] }).Statement.map(({ Sid }) => Sid),
    );
  },
  'AWS::Lambda::EventSourceMapping': async () =>
    defined((await lambda.send(new ListEventSourceMappingsCommand({}))).EventSourceMappings?.map(({ UUID }) => UUID)),
  'AWS::CloudWatch::Alarm': async () => {
    // One question of one service: no client for it among what the project has.
    const answer = await fetch(target.endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `AWS4-HMAC-SHA256 Credential=test/20261101/${target.region}/monitoring/aws4_request, SignedHeaders=host, Signature=0`,
      },
      body: 'Action=DescribeAlarms&Version=2010-08-01',
    });
    return [...(await answer.text()).matchAll(/<AlarmName>([^<]+)</g)].map(([, name = '']) => name);
  },
  'AWS::DynamoDB::Table': async () =>
    (await new DynamoDBClient(config).send(new ListTablesCommand({}))).TableNames ?? [],
  'AWS::S3::Bucket': buckets,
  'AWS::Events::Rule': async () =>
    defined((await new EventBridgeClient(config).send(new ListRulesCommand({}))).Rules?.map(({ Name }) => Name)),
  'AWS::SNS::Topic': async () =>
    defined((await sns.send(new ListTopicsCommand({}))).Topics?.map((one) => one.TopicArn)),
  'AWS::SNS::Subscription': async () =>
    defined((await sns.send(new ListSubscriptionsCommand({}))).Subscriptions?.map((one) => one.SubscriptionArn)),
  'AWS::SQS::Queue': async () => (await new SQSClient(config).send(new ListQueuesCommand({}))).QueueUrls ?? [],
  'AWS::Scheduler::ScheduleGroup': async () =>
    defined(
      (await new SchedulerClient(config).send(new ListScheduleGroupsCommand({}))).ScheduleGroups?.map(
        ({ Name }) => Name,
      ),
    ),
  'AWS::Scheduler::Schedule': async () =>
    defined((await new SchedulerClient(config).send(new ListSchedulesCommand({}))).Schedules?.map(({ Name }) => Name)),
  'AWS::StepFunctions::StateMachine': async () =>
    defined((await sfn.send(new ListStateMachinesCommand({}))).stateMachines?.map((one) => one.stateMachineArn)),
  'AWS::ApiGateway::RestApi': restApis,
  'AWS::ApiGateway::Resource': async () => {
    const all = (await restApis()).map((restApiId) => apis.send(new GetResourcesCommand({ restApiId })));
    return defined((await Promise.all(all)).flatMap(({ items }) => items ?? []).map(({ id }) => id));
  },
};

/** Parts of a resource, by its type: they are where it is, and go with it. */
const parts: { readonly [type: string]: string } = {
  'AWS::S3::BucketPolicy': 'AWS::S3::Bucket',
  'AWS::SNS::TopicPolicy': 'AWS::SNS::Topic',
  'AWS::SQS::QueuePolicy': 'AWS::SQS::Queue',
  'AWS::ApiGateway::Method': 'AWS::ApiGateway::RestApi',
  'AWS::ApiGateway::Deployment': 'AWS::ApiGateway::RestApi',
  'AWS::ApiGateway::Stage': 'AWS::ApiGateway::RestApi',
  'AWS::ApiGateway::RequestValidator': 'AWS::ApiGateway::RestApi',
};

/** What is nothing anywhere: a note of CDK's own, and a setting of the account that is never taken back. */
const nothing = ['AWS::CDK::Metadata', 'AWS::ApiGateway::Account'];

export interface Resource {
  readonly type: string;
  readonly id: string;
}

/**
 * Those of the resources that are there.
 *
 * @throws {Error} when there is a type among them that nobody knows how to ask for
 */
export async function there(resources: readonly Resource[]): Promise<readonly Resource[]> {
  const types = [...new Set(resources.map(({ type }) => type))].filter((type) => !nothing.includes(type));
  const unknown = types.filter((type) => !Object.hasOwn(listed, type) && !Object.hasOwn(parts, type));
  if (unknown.length > 0) throw new Error(`add to ${import.meta.filename} how to ask for ${unknown.join(', ')}`);
  const lists = new Map<string, readonly string[]>();
  for (const type of types) {
    const list = listed[type];
    if (list !== undefined) lists.set(type, await list());
  }
  return resources.filter(({ type, id }) => {
    // CloudFormation writes `bus|rule` and `group/schedule` for some.
    const ids = [id, ...id.split('|'), id.split('/').at(-1) ?? ''];
    return lists.get(type)?.some((one) => ids.includes(one)) ?? false;
  });
}

/** Types whose parts are asked for with what they stand at. */
export function isAskedFor(type: string): boolean {
  return Object.hasOwn(listed, type);
}
