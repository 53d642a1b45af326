/** A platform of its own with one small pipeline. */
import { App, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Pipeline, Platform } from '../../../lib/constructs/index.ts';
import { errand } from '../api-app/pipeline.ts';

const stack = new Stack(new App(), 'LiveTest');
const platform = new Platform(stack, 'Platform', { prefix: 'livetest', removalPolicy: RemovalPolicy.DESTROY });
new Pipeline(stack, 'Errand', { platform, definition: errand });
