/** What functions make, once per cold start, that follow executions and tell of them. */
import { SNSClient } from '@aws-sdk/client-sns';
import type { LiveDeps } from '../lib/sessions/deps.ts';
import { channelEventsFrom } from '../lib/sessions/notice-rules.ts';
import { environment } from '../lib/storage-layout.ts';
import { type Environment, requireVariable, s3Client, startDeps } from './function-setup.ts';

export function liveDeps(env: Environment): LiveDeps {
  const start = startDeps(env);
  const bucket = requireVariable(env, environment.bucket);
  return { ...start, s3: start.deployments?.s3 ?? s3Client(env), names: { ...start.names, bucket }, ...notices(env) };
}

/** Not set where nobody is told. */
function notices(env: Environment): Pick<LiveDeps, 'notices'> {
  const topic = env[environment.topic];
  if (topic === undefined || topic === '') return {};
  const platform = /:stateMachine:([a-z0-9]+)-$/.exec(env[environment.machines] ?? '')?.[1];
  const channels = channelEventsFrom(env[environment.channels]);
  return { notices: { sns: new SNSClient({}), topic, channels, ...(platform === undefined ? {} : { platform }) } };
}
