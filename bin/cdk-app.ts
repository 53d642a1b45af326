/** The CDK entry: a platform with the flights example on it. `npx cdk synth`, `npx cdk deploy`. */
import { App, Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { Pipeline, Platform } from '../lib/constructs/index.ts';
import flights from '../pipelines/flights/pipeline.ts';

const app = new App();
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
const stack = new Stack(app, 'Bunsui');
const platform = new Platform(stack, 'Platform');
const pipeline = new Pipeline(stack, 'Flights', { platform, definition: flights });

// The tables that pass from job to job: see pipelines/flights/store.ts.
for (const operation of Object.values(pipeline.operations)) platform.grantData(operation, 'flights');
