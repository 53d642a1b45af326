/** What session functions that start something are handed, for a platform of the command line. */
import { randomBytes } from 'node:crypto';
import type { RerunDeps } from '../sessions/plan-rerun.ts';
import type { Platform } from './platform.ts';

export async function startDepsOf(platform: Platform): Promise<RerunDeps> {
  const clients = await platform.clients();
  const { s3, names } = clients;
  return {
    ...clients,
    ...(platform.kind === 'local' ? {} : { deployments: { machines: platform.machines, s3, bucket: names.bucket } }),
    now: Date.now,
    entropy: () => BigInt(`0x${randomBytes(10).toString('hex')}`),
  };
}
