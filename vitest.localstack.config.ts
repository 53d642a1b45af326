/**
 * `npm run test:localstack`: what runs against LocalStack, which is set up, started and ended with the tests. Four steps,
 * one after the other: what moves large values, which LocalStack does the more slowly the more it has done before; what
 * shares the machine; what wants it for itself; and the end of what was deployed.
 */
import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

const step = (name: string, groupOrder: number, maxWorkers: number, include: string) => ({
  extends: true as const,
  test: { name, include: [include], maxWorkers, maxConcurrency: 3, sequence: { groupOrder } },
});

export default defineConfig({
  ...base,
  test: {
    globalSetup: 'test/localstack/global-setup.ts',
    // Longer than any wait (test/eventually.ts), which says what it waits for.
    testTimeout: 400_000,
    hookTimeout: 600_000,
    // The first JSONata expression starts a JVM.
    expect: { poll: { timeout: 180_000 } },
    projects: [
      // A step of one worker that is number 0 would be the last.
      step('first', 1, 1, 'test/localstack/first/*.integ.test.ts'),
      // More at once are no faster where there are two cores, and each waits longer for the others.
      step('together', 2, 4, 'test/localstack/*.integ.test.ts'),
      step('alone', 3, 1, 'test/localstack/alone/*.integ.test.ts'),
      step('end', 4, 1, 'test/localstack/end/*.integ.test.ts'),
    ],
  },
});
