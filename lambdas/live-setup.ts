/** What functions make, once per cold start, that follow executions and tell of them. */
import type { LiveDeps } from '../lib/sessions/deps.ts';
import { environment } from '../lib/storage-layout.ts';
import { type Environment, requireVariable, s3Client, startDeps } from './function-setup.ts';

export function liveDeps(env: Environment): LiveDeps {
  const start = startDeps(env);
  const bucket = requireVariable(env, environment.bucket);
  return { ...start, s3: start.deployments?.s3 ?? s3Client(env), names: { ...start.names, bucket } };
}
