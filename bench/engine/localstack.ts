/** LocalStack for the bench: where it is installed, a run of its own that ends with the bench. */
import { access } from 'node:fs/promises';
import { installation } from '../../localstack/places.ts';
import { endOrphans, endRun, freePort, startRun } from '../../localstack/server.ts';

/** @returns `undefined` where LocalStack is not installed. @throws when it does not start */
export async function openLocalStack(): Promise<{ readonly endpoint: string; close(): Promise<void> } | undefined> {
  const installed = await access(installation.stamp).then(
    () => true,
    () => false,
  );
  if (!installed) return undefined;
  await endOrphans();
  const run = await startRun({ name: `bench-${process.pid}`, port: await freePort(), tied: true });
  return { endpoint: run.endpoint, close: () => endRun(run, { keepLog: false }) };
}
