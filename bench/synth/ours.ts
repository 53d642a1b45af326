/** The pipeline of a thousand jobs, on a platform that is deployed elsewhere. */
import { App, Stack } from 'aws-cdk-lib';
import { Pipeline, Platform } from 'bunsui/constructs';
import { thousand } from '../../test/constructs/thousand/pipeline.ts';

const app = new App();
const stack = new Stack(app, 'Thousand');
const platform = Platform.fromAttributes(stack, 'Platform', {});
new Pipeline(stack, 'Pipeline', { platform, definition: thousand });
app.synth();
