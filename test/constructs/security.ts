/**
 * What is wrong with a template that cdk-nag says nothing about: messages at rest, retention, dead letters, throttling,
 * wildcards, deputies that could be confused, custom resources. An empty list is what we want.
 */

interface Resource {
  readonly Type: string;
  readonly Properties?: { readonly [name: string]: unknown };
}

export interface Template {
  readonly Resources?: { readonly [logicalId: string]: Resource };
}

interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Principal?: unknown;
  readonly Resource?: unknown;
  readonly Condition?: unknown;
}

/** Actions that take no resource, by why they are needed. At most five of these, each looked at. */
const withoutResource: { readonly [why: string]: RegExp } = {
  'log delivery':
    /^logs:(CreateLogDelivery|GetLogDelivery|UpdateLogDelivery|DeleteLogDelivery|ListLogDeliveries|PutResourcePolicy|DescribeResourcePolicies|DescribeLogGroups)$/,
  tracing: /^xray:(PutTraceSegments|PutTelemetryRecords|GetSamplingRules|GetSamplingTargets)$/,
  'functions in a network':
    /^ec2:(CreateNetworkInterface|DescribeNetworkInterfaces|DescribeSubnets|DeleteNetworkInterface|AssignPrivateIpAddresses|UnassignPrivateIpAddresses)$/,
  'list of state machines': /^states:ListStateMachines$/,
};

/** Service principals without a condition, each looked at: API Gateway does not say for whom it takes this role. */
const unconditioned = /ApiLogRole[0-9A-F]*: apigateway\.amazonaws\.com$/;

const list = <T>(value: T | readonly T[] | undefined): readonly T[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as readonly T[]) : [value as T];

/** Every policy statement of a template, with where it stands. */
function statementsIn(template: Template): readonly (readonly [where: string, statement: Statement])[] {
  const found: (readonly [string, Statement])[] = [];
  const visit = (where: string, value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { Statement: statements } = value as { readonly Statement?: Statement | readonly Statement[] };
    for (const statement of list(statements)) found.push([where, statement]);
    for (const child of Object.values(value)) visit(where, child);
  };
  for (const [id, { Properties }] of resourcesIn(template)) visit(id, Properties);
  return found;
}

function resourcesIn(template: Template, type?: string) {
  return Object.entries(template.Resources ?? {}).filter(([, { Type }]) => type === undefined || Type === type);
}

/** The logical id that a value refers to. */
function referenceOf(value: unknown): string | undefined {
  const { Ref, 'Fn::GetAtt': attribute } = (value ?? {}) as { readonly Ref?: string; readonly 'Fn::GetAtt'?: string[] };
  return Ref ?? attribute?.[0];
}

/** Ids of resources whose policy refuses what does not come over TLS. */
function closedToPlainText(template: Template, policyType: string, resources: string): ReadonlySet<string | undefined> {
  const closed = resourcesIn(template, policyType).filter(([, { Properties }]) =>
    JSON.stringify(Properties).includes('"Bool":{"aws:SecureTransport":"false"}'),
  );
  return new Set(closed.flatMap(([, { Properties }]) => list(Properties?.[resources]).map(referenceOf)));
}

function openStores(template: Template): readonly string[] {
  const topics = closedToPlainText(template, 'AWS::SNS::TopicPolicy', 'Topics');
  const queues = closedToPlainText(template, 'AWS::SQS::QueuePolicy', 'Queues');
  const buckets = closedToPlainText(template, 'AWS::S3::BucketPolicy', 'Bucket');
  const found: string[] = [];
  for (const [id, { Type, Properties = {} }] of resourcesIn(template)) {
    const has = (name: string) => Properties[name] !== undefined && Properties[name] !== false;
    if (Type === 'AWS::SNS::Topic') {
      if (!has('KmsMasterKeyId')) found.push(`${id}: a topic in the clear`);
      if (!topics.has(id)) found.push(`${id}: a topic that takes plain HTTP`);
    }
    if (Type === 'AWS::SQS::Queue') {
      if (!has('SqsManagedSseEnabled') && !has('KmsMasterKeyId')) found.push(`${id}: a queue in the clear`);
      if (!queues.has(id)) found.push(`${id}: a queue that takes plain HTTP`);
    }
    if (Type === 'AWS::S3::Bucket') {
      if (!has('BucketEncryption')) found.push(`${id}: a bucket in the clear`);
      if (!buckets.has(id)) found.push(`${id}: a bucket that takes plain HTTP`);
    }
    if (Type === 'AWS::DynamoDB::Table' && !has('PointInTimeRecoverySpecification')) {
      found.push(`${id}: a table that cannot be recovered`);
    }
    if (Type === 'AWS::Logs::LogGroup' && !has('RetentionInDays')) found.push(`${id}: logs without an end`);
  }
  return found;
}

/** Functions that somebody invokes and does not wait for. */
function invokedAsynchronously(template: Template): ReadonlySet<string | undefined> {
  const rules = resourcesIn(template, 'AWS::Events::Rule').flatMap(([, { Properties }]) =>
    list(Properties?.['Targets'] as { readonly Arn: unknown }[] | undefined).map(({ Arn }) => Arn),
  );
  const schedules = resourcesIn(template, 'AWS::Scheduler::Schedule').map(
    ([, { Properties }]) => (Properties?.['Target'] as { readonly Arn?: unknown } | undefined)?.Arn,
  );
  const logs = resourcesIn(template, 'AWS::Logs::SubscriptionFilter').map(
    ([, { Properties }]) => Properties?.['DestinationArn'],
  );
  const topics = resourcesIn(template, 'AWS::SNS::Subscription')
    .filter(([, { Properties }]) => Properties?.['Protocol'] === 'lambda')
    .map(([, { Properties }]) => Properties?.['Endpoint']);
  // Rules of other stacks, by a permission.
  const permitted = resourcesIn(template, 'AWS::Lambda::Permission')
    .filter(([, { Properties }]) => /^(events|logs|sns|s3)\./.test(String(Properties?.['Principal'])))
    .map(([, { Properties }]) => Properties?.['FunctionName']);
  return new Set([...rules, ...schedules, ...logs, ...topics, ...permitted].map(referenceOf));
}

function withoutDeadLetters(template: Template): readonly string[] {
  const asynchronous = invokedAsynchronously(template);
  return resourcesIn(template, 'AWS::Lambda::Function')
    .filter(([id, { Properties }]) => asynchronous.has(id) && Properties?.['DeadLetterConfig'] === undefined)
    .map(([id]) => `${id}: what it fails on is lost`);
}

function openApis(template: Template): readonly string[] {
  const stages = resourcesIn(template, 'AWS::ApiGateway::Stage').filter(([, { Properties }]) => {
    const settings = list(Properties?.['MethodSettings'] as { readonly [name: string]: unknown }[] | undefined);
    return !settings.some((one) => one['ThrottlingRateLimit'] !== undefined && one['HttpMethod'] === '*');
  });
  // What is behind links asks for the signature of a link.
  const links = resourcesIn(template, 'AWS::ApiGateway::Resource').flatMap(([id, { Properties }]) =>
    Properties?.['PathPart'] === 'links' ? [JSON.stringify({ Ref: id })] : [],
  );
  const methods = resourcesIn(template, 'AWS::ApiGateway::Method').filter(
    ([, { Properties }]) =>
      Properties?.['AuthorizationType'] !== 'AWS_IAM' && !links.includes(JSON.stringify(Properties?.['ResourceId'])),
  );
  return [
    ...stages.map(([id]) => `${id}: an API that is not throttled`),
    ...methods.map(([id]) => `${id}: a method that anybody may call`),
  ];
}

/** A key's policy stands at the key: `*` is the key there. */
function isKeyPolicy(template: Template, where: string): boolean {
  return template.Resources?.[where]?.Type === 'AWS::KMS::Key';
}

function wildcards(template: Template): readonly string[] {
  return statementsIn(template)
    .filter(([where, { Effect }]) => Effect === 'Allow' && !isKeyPolicy(template, where))
    .flatMap(([where, statement]) => {
      const actions = list(statement.Action);
      const any = actions.filter((action) => action === '*' || action.endsWith(':*'));
      const everywhere = list(statement.Resource).includes('*')
        ? actions.filter((action) => !Object.values(withoutResource).some((reviewed) => reviewed.test(action)))
        : [];
      return [
        ...any.map((action) => `${where}: may do ${action}`),
        ...everywhere.map((action) => `${where}: may do ${action} on everything`),
      ];
    });
}

function servicesOf(principal: unknown): readonly unknown[] {
  return list((principal as { readonly Service?: unknown } | undefined)?.Service);
}

/** A service that acts for somebody must say for whom. */
function confusedDeputies(template: Template): readonly string[] {
  const names = (service: unknown) => (typeof service === 'string' ? service : JSON.stringify(service));
  const trusts = statementsIn(template)
    .filter(([, { Effect }]) => Effect === 'Allow')
    .filter(
      ([, { Condition }]) =>
        !/"(aws:SourceArn|aws:SourceAccount|kms:EncryptionContext:aws:logs:arn)":/.test(
          JSON.stringify(Condition ?? {}),
        ),
    )
    .flatMap(([where, { Principal }]) => servicesOf(Principal).map((service) => `${where}: ${names(service)}`));
  const permissions = resourcesIn(template, 'AWS::Lambda::Permission')
    .filter(
      ([, { Properties }]) => Properties?.['SourceArn'] === undefined && Properties?.['SourceAccount'] === undefined,
    )
    .map(([id, { Properties }]) => `${id}: ${String(Properties?.['Principal'])}`);
  return [...trusts, ...permissions]
    .filter((found) => !unconditioned.test(found))
    .map((found) => `${found} may act for anybody`);
}

/** CloudFormation has no such resources: functions of ours, or of CDK's, would run while it deploys. */
function customResources(template: Template): readonly string[] {
  const custom = resourcesIn(template).filter(
    ([, { Type }]) => Type.startsWith('Custom::') || Type === 'AWS::CloudFormation::CustomResource',
  );
  const providers = resourcesIn(template, 'AWS::Lambda::Function').filter(
    ([, { Properties }]) => Properties?.['Runtime'] !== 'nodejs24.x' || Properties['Handler'] !== 'index.handler',
  );
  return [
    ...custom.map(([id, { Type }]) => `${id}: a custom resource, ${Type}`),
    ...providers.map(([id]) => `${id}: a function that is none of ours`),
  ];
}

/** Weaknesses of a template, each with the logical id of the resource. */
export function weaknessesOf(template: Template): readonly string[] {
  const checks = [openStores, withoutDeadLetters, openApis, wildcards, confusedDeputies, customResources];
  return checks.flatMap((check) => check(template));
}
