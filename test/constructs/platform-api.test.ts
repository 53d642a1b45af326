import { Stack } from 'aws-cdk-lib';
import { beforeAll, describe, expect, it } from 'vitest';
import { Platform, type PlatformProps } from '../../lib/constructs/index.ts';
import { ensureLambdas, newApp, propertiesOf, resourcesOf } from './synth.ts';
import { arn } from './template-parts.ts';

beforeAll(ensureLambdas);

function resourcesWith(props: PlatformProps = {}) {
  const stack = new Stack(newApp(), 'Test');
  new Platform(stack, 'Platform', props);
  return resourcesOf(stack);
}

describe('the HTTP API', () => {
  it('hands every request that IAM lets in to one function', () => {
    const resources = resourcesWith();
    const api = { RestApiId: { Ref: 'PlatformApi' } };
    const method = (resource: unknown) => ({
      ...api,
      AuthorizationType: 'AWS_IAM',
      HttpMethod: 'ANY',
      Integration: {
        IntegrationHttpMethod: 'POST',
        Type: 'AWS_PROXY',
        Uri: {
          'Fn::Join': [
            '',
            [
              'arn:',
              { Ref: 'AWS::Partition' },
              ':apigateway:',
              { Ref: 'AWS::Region' },
              ':lambda:path/2015-03-31/functions/',
              arn('PlatformApiHandlerFunction'),
              '/invocations',
            ],
          ],
        },
      },
      RequestValidatorId: { Ref: 'PlatformApiRequests' },
      ResourceId: resource,
    });
    const root = { 'Fn::GetAtt': ['PlatformApi', 'RootResourceId'] };
    expect(propertiesOf(resources, 'AWS::ApiGateway::RestApi')).toStrictEqual({
      PlatformApi: {
        Description: 'bunsui: sessions and pipelines of platform bunsui',
        EndpointConfiguration: { Types: ['REGIONAL'] },
        Name: 'bunsui',
      },
    });
    expect(propertiesOf(resources, 'AWS::ApiGateway::Resource')).toStrictEqual({
      PlatformApiproxy: { ...api, ParentId: root, PathPart: '{proxy+}' },
      PlatformApilinks: { ...api, ParentId: root, PathPart: 'links' },
    });
    expect(propertiesOf(resources, 'AWS::ApiGateway::Method')).toStrictEqual({
      PlatformApiANY: method(root),
      PlatformApiproxyANY: method({ Ref: 'PlatformApiproxy' }),
      // The one place that asks for no signature of IAM: links have one of their own.
      ...Object.fromEntries(
        ['GET', 'POST'].map((HttpMethod) => [
          `PlatformApilinks${HttpMethod}`,
          { ...method({ Ref: 'PlatformApilinks' }), AuthorizationType: 'NONE', HttpMethod },
        ]),
      ),
    });
    expect(propertiesOf(resources, 'AWS::ApiGateway::RequestValidator')).toStrictEqual({
      PlatformApiRequests: { ...api, ValidateRequestBody: true, ValidateRequestParameters: true },
    });
  });

  it('is throttled, and logs who called what and nothing that they sent', () => {
    const stage = (props: PlatformProps) =>
      propertiesOf(resourcesWith(props), 'AWS::ApiGateway::Stage')['PlatformApiDeploymentStageapi'];
    const expected = (rate: number, burst: number) => ({
      AccessLogSetting: {
        DestinationArn: arn('PlatformApiLogGroup'),
        Format: JSON.stringify({
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
      },
      DeploymentId: { Ref: expect.stringMatching(/^PlatformApiDeployment/) },
      MethodSettings: [
        {
          DataTraceEnabled: false,
          HttpMethod: '*',
          LoggingLevel: 'ERROR',
          ResourcePath: '/*',
          ThrottlingBurstLimit: burst,
          ThrottlingRateLimit: rate,
        },
      ],
      RestApiId: { Ref: 'PlatformApi' },
      StageName: 'api',
    });
    expect(stage({})).toStrictEqual(expected(50, 100));
    expect(stage({ apiRateLimit: 5, apiBurstLimit: 10 })).toStrictEqual(expected(5, 10));
  });

  it('makes the role that API Gateway logs with, which stays for other APIs, unless there is one', () => {
    const kept = (resources: ReturnType<typeof resourcesWith>) =>
      Object.entries(resources).filter(([id]) => id.startsWith('PlatformApiLog') && id !== 'PlatformApiLogGroup');
    expect(Object.fromEntries(kept(resourcesWith()))).toStrictEqual({
      PlatformApiLogRole: {
        Type: 'AWS::IAM::Role',
        Properties: {
          Description: 'API Gateway writes logs with it',
          AssumeRolePolicyDocument: {
            Version: '2012-10-17',
            Statement: [
              { Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { Service: 'apigateway.amazonaws.com' } },
            ],
          },
          ManagedPolicyArns: [
            {
              'Fn::Join': [
                '',
                [
                  'arn:',
                  { Ref: 'AWS::Partition' },
                  ':iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs',
                ],
              ],
            },
          ],
        },
        UpdateReplacePolicy: 'Retain',
        DeletionPolicy: 'Retain',
      },
      PlatformApiLogAccount: {
        Type: 'AWS::ApiGateway::Account',
        Properties: { CloudWatchRoleArn: arn('PlatformApiLogRole') },
        UpdateReplacePolicy: 'Retain',
        DeletionPolicy: 'Retain',
      },
    });
    expect(kept(resourcesWith({ apiLogRole: false }))).toStrictEqual([]);
  });
});
