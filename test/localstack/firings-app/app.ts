/** A platform of its own, with pipelines that start by themselves; the context `code` makes their functions new. */
import { App, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { CfnBucket } from 'aws-cdk-lib/aws-s3';
import { Pipeline, Platform } from '../../../lib/constructs/index.ts';
import { after, bucketName, collect } from './pipelines.ts';

const app = new App();
const stack = new Stack(app, 'FiringsTest');
// Not CDK's own property for it, which is a custom resource.
new CfnBucket(stack, 'Incoming', {
  bucketName,
  notificationConfiguration: { eventBridgeConfiguration: { eventBridgeEnabled: true } },
});
const platform = new Platform(stack, 'Platform', { prefix: 'firings', removalPolicy: RemovalPolicy.DESTROY });
const collecting = new Pipeline(stack, 'Collect', { platform, definition: collect });
new Pipeline(stack, 'After', { platform, definition: after });
platform.grantData(collecting.operation('note'), 'firings');
const code: unknown = app.node.tryGetContext('code');
if (typeof code === 'string') collecting.operation('note').addEnvironment('CODE', code);
