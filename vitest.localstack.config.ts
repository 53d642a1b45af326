/** `npm run test:localstack`: what runs against LocalStack, which is set up, started and ended with the tests. */
import { defineConfig } from 'vitest/config';
import base from './vitest.config.ts';

export default defineConfig({
  ...base,
  test: {
    include: ['test/localstack/*.integ.test.ts'],
    globalSetup: 'test/localstack/global-setup.ts',
    // Longer than any wait (test/eventually.ts), which says what it waits for.
    testTimeout: 400_000,
    hookTimeout: 600_000,
    // The first JSONata expression starts a JVM.
    expect: { poll: { timeout: 180_000 } },
    // All files at once: most of the time each waits.
    maxWorkers: 4,
  },
});
