/** Starts a LocalStack for the tests and ends it after them; it also ends when the tests are interrupted or killed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { buildLambdas } from '../../build.ts';
import { familyOf, listProcesses } from '../../localstack/processes.ts';
import { freePort, type Run } from '../../localstack/server.ts';

type Receivers = { readonly [channel in 'ops' | 'audit' | 'gone' | 'silent' | 'asked']: number };

declare module 'vitest' {
  interface ProvidedContext {
    readonly localstack: Run;
    /** Ports that the receivers of notices listen on, by channel: a deployment names them before there are any. */
    readonly receivers: Receivers;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // What is deployed is what the sources are now.
  await buildLambdas(fileURLToPath(new URL('../../dist', import.meta.url)));
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
  project.provide('receivers', {
    ops: await freePort(),
    audit: await freePort(),
    gone: await freePort(),
    silent: await freePort(),
    asked: await freePort(),
  });
  return async () => {
    const family = familyOf(run.pid, await listProcesses());
    server.stdin.end();
    await closed;
    const alive = await listProcesses();
    const left = family.filter(({ pid, command }) => alive.some((one) => one.pid === pid && one.command === command));
    if (left.length > 0) throw new Error(`LocalStack has left ${left.map(({ command }) => command).join('; ')}`);
  };
}
