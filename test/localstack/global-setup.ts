/** Starts a LocalStack for the tests and ends it after them; it also ends when the tests are interrupted or killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { familyOf, listProcesses } from '../../localstack/processes.ts';
import type { Run } from '../../localstack/server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly localstack: Run;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const serve = fileURLToPath(new URL('../../localstack/serve.ts', import.meta.url));
  // Its input is the tie: it ends when this process closes the other end, or dies.
  const server = spawn(process.execPath, [serve], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(server, 'close');
  const [line] = await Promise.race([
    once(createInterface(server.stdout), 'line') as Promise<[string]>,
    closed.then(() => {
      throw new Error('LocalStack does not start: see above');
    }),
  ]);
  const run = JSON.parse(line) as Run;
  project.provide('localstack', run);
  return async () => {
    const family = familyOf(run.pid, await listProcesses());
    server.stdin.end();
    await closed;
    const alive = await listProcesses();
    const left = family.filter(({ pid, command }) => alive.some((one) => one.pid === pid && one.command === command));
    if (left.length > 0) throw new Error(`LocalStack has left ${left.map(({ command }) => command).join('; ')}`);
  };
}
