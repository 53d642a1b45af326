/**
 * What the tests deploy: a platform with the flights example on it, and in a stack of its own what else starts, runs and
 * fails. The context `code` makes the functions of `collect` new.
 */
import { App, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { CfnBucket } from 'aws-cdk-lib/aws-s3';
import { Pipeline, Platform } from '../../../lib/constructs/index.ts';
import { after, bucketName, collect } from './collect.ts';
import { errand } from './errand.ts';
import { flights, flightsBucket } from './flights.ts';

const app = new App();
const stack = new Stack(app, 'Bunsui');
const platform = new Platform(stack, 'Platform');
const flying = new Pipeline(stack, 'Flights', { platform, definition: flights });
for (const operation of Object.values(flying.operations)) platform.grantData(operation, 'flights');
for (const [id, name] of [
  ['Incoming', bucketName],
  ['Arrived', flightsBucket],
] as const) {
  const bucket = new CfnBucket(stack, id, {
    bucketName: name,
    // Not CDK's own property for it, which is a custom resource.
    notificationConfiguration: { eventBridgeConfiguration: { eventBridgeEnabled: true } },
  });
  bucket.applyRemovalPolicy(RemovalPolicy.DESTROY);
}

const more = new Stack(app, 'More');
// What it finds of the platform stands in parameters, which have to be there.
more.addStackDependency(stack);
const there = Platform.fromAttributes(more, 'Platform');
const collecting = new Pipeline(more, 'Collect', { platform: there, definition: collect });
new Pipeline(more, 'After', { platform: there, definition: after });
const running = new Pipeline(more, 'Errand', { platform: there, definition: errand });
for (const waiting of [collecting.operation('note'), running.operation('work')]) there.grantData(waiting, 'collect');
const code: unknown = app.node.tryGetContext('code');
if (typeof code === 'string') collecting.operation('note').addEnvironment('CODE', code);
