/** The HTTP API of a platform: a REST API that hands every request to one function. IAM says who may call, but for links. */
import { RemovalPolicy } from 'aws-cdk-lib';
import {
  AccessLogFormat,
  AuthorizationType,
  CfnAccount,
  EndpointType,
  LambdaIntegration,
  LogGroupLogDestination,
  MethodLoggingLevel,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { acknowledgeApi, acknowledgeLinks, acknowledgeLogPolicy } from './acknowledgements.ts';

export interface PlatformApiProps {
  readonly prefix: string;
  readonly handler: LambdaFunction;
  readonly logRetention: RetentionDays;
  readonly removalPolicy: RemovalPolicy;
  readonly encryptionKey: IKey | undefined;
  /** Requests per second, all callers together. */
  readonly rateLimit: number;
  readonly burstLimit: number;
  /** Whether to make the role that API Gateway writes logs with. */
  readonly logRole: boolean;
}

/** Who called what, how it went, how long it took. Nothing that callers sent. */
const accessLog = AccessLogFormat.custom(
  JSON.stringify({
    request_id: '$context.requestId',
    time: '$context.requestTimeEpoch',
    caller: '$context.identity.userArn',
    ip: '$context.identity.sourceIp',
    method: '$context.httpMethod',
    path: '$context.path',
    status: '$context.status',
    bytes: '$context.responseLength',
    latency_ms: '$context.responseLatency',
    error: '$context.error.message',
  }),
);

/** Makes the API with its one stage, `api`. */
export function platformApi(scope: Construct, props: PlatformApiProps): RestApi {
  const { prefix, handler, encryptionKey } = props;
  const logGroup = new LogGroup(scope, 'ApiLogGroup', {
    retention: props.logRetention,
    removalPolicy: props.removalPolicy,
    ...(encryptionKey === undefined ? {} : { encryptionKey }),
  });
  const api = new RestApi(scope, 'Api', {
    restApiName: prefix,
    description: `bunsui: sessions and pipelines of platform ${prefix}`,
    endpointTypes: [EndpointType.REGIONAL],
    cloudWatchRole: false,
    deployOptions: {
      stageName: 'api',
      accessLogDestination: new LogGroupLogDestination(logGroup),
      accessLogFormat: accessLog,
      loggingLevel: MethodLoggingLevel.ERROR,
      throttlingRateLimit: props.rateLimit,
      throttlingBurstLimit: props.burstLimit,
    },
  });
  if (props.logRole) api.deploymentStage.node.addDependency(logAccount(scope));
  // Requests without a signature, or without leave, come no further than API Gateway; bodies are read by the function.
  const requestValidator = api.addRequestValidator('Requests', {
    validateRequestBody: true,
    validateRequestParameters: true,
  });
  const integration = new LambdaIntegration(handler, { allowTestInvoke: false });
  for (const resource of [api.root, api.root.addResource('{proxy+}')]) {
    resource.addMethod('ANY', integration, { authorizationType: AuthorizationType.IAM, requestValidator });
  }
  // Whoever holds a signed link answers with it: the function checks the signature of the link, and nothing else is
  // behind this resource.
  const link = api.root.addResource('links');
  for (const method of ['GET', 'POST']) {
    link.addMethod(method, integration, { authorizationType: AuthorizationType.NONE, requestValidator });
  }
  acknowledgeApi(api);
  acknowledgeLinks(link);
  return api;
}

/**
 * The role that API Gateway writes logs of all APIs of an account and region with. API Gateway accepts only a role that
 * may write every group, so it gets the policy that AWS keeps for it; and it stays when the platform goes, because
 * other APIs use it too.
 *
 * @see https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
 */
function logAccount(scope: Construct): CfnAccount {
  const role = new Role(scope, 'ApiLogRole', {
    description: 'API Gateway writes logs with it',
    assumedBy: new ServicePrincipal('apigateway.amazonaws.com'),
    managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName('service-role/AmazonAPIGatewayPushToCloudWatchLogs')],
  });
  role.applyRemovalPolicy(RemovalPolicy.RETAIN);
  acknowledgeLogPolicy(role);
  const account = new CfnAccount(scope, 'ApiLogAccount', { cloudWatchRoleArn: role.roleArn });
  account.applyRemovalPolicy(RemovalPolicy.RETAIN);
  return account;
}
