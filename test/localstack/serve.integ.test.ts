import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { runPlaces } from '../../localstack/places.ts';
import { familyOf, listProcesses } from '../../localstack/processes.ts';
import type { Run } from '../../localstack/server.ts';
import { eventually } from '../eventually.ts';

it('LocalStack ends with all its processes and files when the tests that want it are killed', async () => {
  const serve = fileURLToPath(new URL('../../localstack/serve.ts', import.meta.url));
  // Stands for the tests: it holds the other end of the input, and dies without a word.
  const holder = `require('node:child_process').spawn(process.execPath, [${JSON.stringify(serve)}], { stdio: ['pipe', 'inherit', 'inherit'] })`;
  const tests = spawn(process.execPath, ['-e', holder], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void tests.kill('SIGKILL'));
  const [line] = (await once(createInterface(tests.stdout), 'line')) as [string];
  const run = JSON.parse(line) as Run;
  const family = familyOf(run.pid, await listProcesses());
  expect(family.length).toBeGreaterThan(0);

  tests.kill('SIGKILL');
  const left = async () => {
    const all = await listProcesses();
    return family.filter(({ pid, command }) => all.some((one) => one.pid === pid && one.command === command));
  };
  await eventually('its processes to end', left, ({ length }) => length === 0);
  const files = () => [runPlaces(run.name).folder, run.temporary].filter(existsSync);
  await eventually('its files to go', files, ({ length }) => length === 0);
});
