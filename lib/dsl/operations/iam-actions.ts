/**
 * The action of IAM that a call of an SDK integration needs: the service's prefix and the call's name, but for the
 * exceptions here.
 *
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
 */

/** Services that IAM knows by another name than the SDK integration. */
const prefixes: { readonly [service: string]: string } = {
  apigatewayv2: 'apigateway',
  applicationautoscaling: 'application-autoscaling',
  bedrockruntime: 'bedrock',
  cloudwatchevents: 'events',
  cloudwatchlogs: 'logs',
  cognitoidentity: 'cognito-identity',
  cognitoidentityprovider: 'cognito-idp',
  databasemigration: 'dms',
  efs: 'elasticfilesystem',
  elasticloadbalancingv2: 'elasticloadbalancing',
  emr: 'elasticmapreduce',
  emrcontainers: 'emr-containers',
  emrserverless: 'emr-serverless',
  eventbridge: 'events',
  iotdataplane: 'iot',
  opensearch: 'es',
  rdsdata: 'rds-data',
  redshiftdata: 'redshift-data',
  sagemakerruntime: 'sagemaker',
  sesv2: 'ses',
  sfn: 'states',
};

/** Calls that need another action than the one of their name, or several. */
const exceptions: { readonly [call: string]: readonly string[] } = {
  'dynamodb:TransactGetItems': ['dynamodb:GetItem'],
  'dynamodb:TransactWriteItems': [
    'dynamodb:ConditionCheckItem',
    'dynamodb:DeleteItem',
    'dynamodb:PutItem',
    'dynamodb:UpdateItem',
  ],
  'lambda:Invoke': ['lambda:InvokeFunction'],
  'lambda:InvokeAsync': ['lambda:InvokeFunction'],
  's3:CompleteMultipartUpload': ['s3:PutObject'],
  's3:CopyObject': ['s3:GetObject', 's3:PutObject'],
  's3:CreateMultipartUpload': ['s3:PutObject'],
  's3:DeleteObjects': ['s3:DeleteObject'],
  's3:HeadBucket': ['s3:ListBucket'],
  's3:HeadObject': ['s3:GetObject'],
  's3:ListBuckets': ['s3:ListAllMyBuckets'],
  's3:ListMultipartUploads': ['s3:ListBucketMultipartUploads'],
  's3:ListObjects': ['s3:ListBucket'],
  's3:ListObjectsV2': ['s3:ListBucket'],
  's3:ListObjectVersions': ['s3:ListBucketVersions'],
  's3:UploadPart': ['s3:PutObject'],
};

/** @param service as the resource names it (`dynamodb`, `sfn`) @param action in camel case (`getItem`) */
export function iamActions(service: string, action: string): readonly string[] {
  const prefix = prefixes[service] ?? service;
  const name = action.charAt(0).toUpperCase() + action.slice(1);
  return exceptions[`${prefix}:${name}`] ?? [`${prefix}:${name}`];
}
