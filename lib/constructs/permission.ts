/** What somebody may do: a statement of a policy, and the ARNs of a platform that statements name. */
import { ArnFormat, Fn, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';
import type { StatementIr } from '../ir/nodes.ts';
import type { wildcardReasons } from './acknowledgements.ts';

/** The tag by which a platform's bookkeeping may read a log group: a list of names would outgrow a role's policy. */
export const platformTag = 'bunsui:platform';

/** A statement of a policy. */
export interface Permission {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions?: { readonly [operator: string]: { readonly [key: string]: unknown } };
  /** Why a wildcard stands in `resources`. @default - there is none */
  readonly wildcard?: keyof typeof wildcardReasons;
}

/** A statement that a kind of operations asks for. */
export function policyStatement({ actions, resources, conditions }: StatementIr): PolicyStatement {
  return new PolicyStatement({
    actions: [...actions],
    resources: resources.map((resource) => (resource.includes('${') ? Fn.sub(resource) : resource)),
    ...(conditions === undefined ? {} : { conditions }),
  });
}

/** ARN of a platform's state machines up to the pipeline's id. */
export function machinesArnOf(scope: IConstruct, prefix: string): string {
  return Stack.of(scope).formatArn({
    service: 'states',
    resource: 'stateMachine',
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    resourceName: `${prefix}-`,
  });
}

/** ARN of all executions of a platform. */
export function executionsArnOf(scope: IConstruct, prefix: string): string {
  return Stack.of(scope).formatArn({
    service: 'states',
    resource: 'execution',
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    resourceName: `${prefix}-*:*`,
  });
}

/** ARN of all map runs of a platform. */
export function mapRunsArnOf(scope: IConstruct, prefix: string): string {
  return Stack.of(scope).formatArn({
    service: 'states',
    resource: 'mapRun',
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    resourceName: `${prefix}-*/*:*`,
  });
}

/** Reading the logs of a platform's functions and containers, known by the tag on their log groups. */
export function logsPermission(scope: IConstruct, tagValue: string): Permission {
  return {
    actions: ['logs:FilterLogEvents'],
    resources: ['lambda', 'ecs'].map((of) =>
      Stack.of(scope).formatArn({ service: 'logs', resource: `log-group:/aws/${of}/*` }),
    ),
    conditions: { StringEquals: { [`aws:ResourceTag/${platformTag}`]: tagValue } },
    wildcard: 'taggedLogs',
  };
}
