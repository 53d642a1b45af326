/**
 * The resources that a Task may name: functions, activities, the integrations Step Functions has of its own, and the
 * actions of any service through `aws-sdk`.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
 */

/** Actions by service. AWS refuses any other action of these services, and any other service, outside `aws-sdk`. */
const integrations: ReadonlyMap<string, readonly string[]> = new Map([
  ['apigateway', ['invoke']],
  ['athena', ['startQueryExecution', 'stopQueryExecution', 'getQueryExecution', 'getQueryResults']],
  ['batch', ['submitJob']],
  ['bedrock', ['invokeModel', 'createModelCustomizationJob']],
  ['codebuild', ['startBuild', 'stopBuild', 'batchDeleteBuilds', 'batchGetReports']],
  ['databrew', ['startJobRun']],
  ['dynamodb', ['getItem', 'putItem', 'deleteItem', 'updateItem']],
  ['ecs', ['runTask']],
  ['eks', ['createCluster', 'createNodegroup', 'deleteCluster', 'deleteNodegroup', 'runJob', 'call']],
  [
    'elasticmapreduce',
    [
      'createCluster',
      'terminateCluster',
      'addStep',
      'cancelStep',
      'setClusterTerminationProtection',
      'modifyInstanceFleetByName',
      'modifyInstanceGroupByName',
    ],
  ],
  ['emr-containers', ['createVirtualCluster', 'deleteVirtualCluster', 'startJobRun']],
  [
    'emr-serverless',
    ['createApplication', 'startApplication', 'stopApplication', 'deleteApplication', 'startJobRun', 'cancelJobRun'],
  ],
  ['events', ['putEvents']],
  ['glue', ['startJobRun']],
  ['http', ['invoke']],
  ['lambda', ['invoke']],
  ['mediaconvert', ['createJob']],
  [
    'sagemaker',
    [
      'createEndpoint',
      'createEndpointConfig',
      'createHyperParameterTuningJob',
      'createLabelingJob',
      'createModel',
      'createProcessingJob',
      'createTrainingJob',
      'createTransformJob',
      'updateEndpoint',
    ],
  ],
  ['sns', ['publish']],
  ['sqs', ['sendMessage']],
  ['states', ['startExecution']],
]);

/** How a task and its execution wait for each other. */
export type TaskPattern = 'activity' | 'function' | 'request' | 'sync' | 'waitForTaskToken';

/** A resource by its parts; undefined when AWS has none of that name. `${…}` may stand for any part. */
export function parseResource(
  text: string,
): { readonly pattern: TaskPattern; readonly service: string; readonly action: string } | undefined {
  if (/^\$\{[^}]+\}$/.test(text)) return { pattern: 'function', service: 'lambda', action: text };
  const arn = text.replace(/\$\{[^}]+\}/g, '0');
  if (/^arn:[^:]+:lambda:[^:]*:[^:]*:function:.+$/.test(arn)) {
    return { pattern: 'function', service: 'lambda', action: text };
  }
  if (/^arn:[^:]+:states:[a-z0-9-]+:\d+:activity:[^:]+$/.test(arn)) {
    return { pattern: 'activity', service: 'activity', action: text };
  }
  const parts =
    /^arn:[^:]+:states:[a-z0-9-]*:\d*:(?<service>(?:aws-sdk:)?[A-Za-z0-9-]+):(?<action>[A-Za-z0-9-]+)(?:\.(?<suffix>sync(?::2)?|waitForTaskToken))?$/.exec(
      arn,
    )?.groups;
  if (parts === undefined) return undefined;
  const { service = '', action = '', suffix } = parts;
  const isKnown = service.startsWith('aws-sdk:') || integrations.get(service)?.includes(action) === true;
  if (!isKnown) return undefined;
  const pattern = suffix === undefined ? 'request' : suffix === 'waitForTaskToken' ? suffix : 'sync';
  return { pattern, service, action };
}
