/** A platform of its own with channels, whose receivers the context names, and a pipeline that fails. */
import { App, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Pipeline, Platform } from '../../../lib/constructs/index.ts';
import { doomed } from './pipeline.ts';

const app = new App();
const stack = new Stack(app, 'NotifyTest');
const hook = (name: string) => ({
  kind: 'webhook' as const,
  url: String(app.node.getContext(name)),
  allowPrivate: true,
});
const platform = new Platform(stack, 'Platform', {
  prefix: 'notifytest',
  environmentName: 'test',
  removalPolicy: RemovalPolicy.DESTROY,
  channels: {
    ops: { kind: 'slack', secret: 'notifytest/slack', allowPrivate: true },
    audit: {
      ...hook('audit'),
      secret: ['notifytest/next', 'notifytest/old'],
      events: ['started', 'failed', 'succeeded'],
    },
    gone: hook('gone'),
    silent: { ...hook('silent'), attempts: 1 },
    asked: { ...hook('asked'), events: [] },
  },
});
new Pipeline(stack, 'Doomed', { platform, definition: doomed });
