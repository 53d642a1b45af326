/**
 * What cdk-nag's AwsSolutions pack finds in these constructs and why it stays: each reason once, beside the rule. Who
 * checks an app with the pack is told of nothing here that could be done better.
 */
import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

const madeLater =
  'objects, pipelines and executions are made after the policy: the prefix of their names is as narrow as it can name them';

/** Why a wildcard stands in a policy. */
export const wildcardReasons = {
  objects: madeLater,
  executions: madeLater,
  versions:
    'executions that began before a deployment, or are redriven after it, call the older versions of exactly these functions',
  taggedLogs: 'only log groups that carry the tag of this platform: see the condition',
  delivery: 'these actions take no resource, as log delivery and X-Ray: AWS documents "*" for them',
  keyActions: 'CDK grants a key by the groups of actions that encryption needs, on this one key',
} as const;

type Resolved = string | { readonly [intrinsic: string]: unknown };

/** An ARN as the pack writes it: `<LogicalId.Arn>/logs/*`. */
function asFinding(value: Resolved): string {
  if (typeof value === 'string') return value;
  const { Ref: ref, 'Fn::GetAtt': attribute, 'Fn::Join': join, 'Fn::Sub': template } = value;
  if (typeof ref === 'string') return `<${ref}>`;
  if (typeof template === 'string') return template.replaceAll(/\$\{([^{}]+)\}/g, '<$1>');
  if (Array.isArray(attribute)) return `<${attribute.join('.')}>`;
  if (Array.isArray(join)) return (join[1] as readonly Resolved[]).map(asFinding).join(String(join[0]));
  return JSON.stringify(value);
}

/** Says why a policy under `scope` names these resources by a wildcard. Other wildcards there are still found. */
export function acknowledgeWildcards(
  scope: IConstruct,
  reason: keyof typeof wildcardReasons,
  resources: readonly string[],
): void {
  acknowledgeResources(scope, wildcardReasons[reason], resources);
}

/** The same with a reason that somebody else gives: the kind of an operation. */
export function acknowledgeResources(scope: IConstruct, reason: string, resources: readonly string[]): void {
  const stack = Stack.of(scope);
  for (const resource of resources) {
    const finding = asFinding(stack.resolve(resource));
    if (finding.includes('*'))
      Validations.of(scope).acknowledge({ id: `AwsSolutions-IAM5[Resource::${finding}]`, reason });
  }
}

/** Says why the policies under `scope` name groups of actions of KMS. */
export function acknowledgeKeyActions(scope: IConstruct): void {
  for (const action of ['kms:ReEncrypt*', 'kms:GenerateDataKey*']) {
    Validations.of(scope).acknowledge({
      id: `AwsSolutions-IAM5[Action::${action}]`,
      reason: wildcardReasons.keyActions,
    });
  }
}

/** Says why the bucket keeps no access log. */
export function acknowledgeNoAccessLog(bucket: IConstruct): void {
  Validations.of(bucket).acknowledge({
    id: 'AwsSolutions-S1',
    reason: 'what is in the bucket is made by bunsui; who wants to know who read it turns on CloudTrail data events',
  });
}

const signedRequests =
  'every method asks for the signature of a principal of IAM, or of a link for one answer, and the stage is throttled: who also wants a user pool or a firewall adds it to `platform.api`';

/** Says why the API asks no user pool and stands behind no firewall. */
export function acknowledgeApi(api: IConstruct): void {
  for (const id of ['AwsSolutions-COG4', 'AwsSolutions-APIG3']) {
    Validations.of(api).acknowledge({ id, reason: signedRequests });
  }
}

/** Says why links are opened without a signature of IAM. */
export function acknowledgeLinks(link: IConstruct): void {
  Validations.of(link).acknowledge({ id: 'AwsSolutions-APIG4', reason: signedRequests });
}

/** Says why a role has a policy of AWS. */
export function acknowledgeLogPolicy(role: IConstruct): void {
  Validations.of(role).acknowledge({
    id: 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]',
    reason: 'API Gateway accepts only a role that may write the logs of every API of the account',
  });
}

/** Says why a container's variables stand in its task definition, and why a cluster has no Container Insights. */
export function acknowledgeContainer(scope: IConstruct): void {
  Validations.of(scope).acknowledge({
    id: 'AwsSolutions-ECS2',
    reason:
      "variables that a contract names are settings, and stand in the pipeline's file too: a secret is no place for them",
  });
  Validations.of(scope).acknowledge({
    id: 'AwsSolutions-ECS4',
    reason: 'every task belongs to a job, whose duration, log and end are on record with its session',
  });
}
