/** A platform of its own with one small pipeline. */
import { App, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Pipeline, Platform } from '../../../lib/constructs/index.ts';
import { errand } from './pipeline.ts';

const stack = new Stack(new App(), 'ApiTest');
const platform = new Platform(stack, 'Platform', { prefix: 'apitest', removalPolicy: RemovalPolicy.DESTROY });
new Pipeline(stack, 'Errand', { platform, definition: errand });
