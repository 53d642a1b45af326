import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^bunsui$/, replacement: at('./lib/index.ts') },
      { find: /^bunsui\/constructs$/, replacement: at('./lib/constructs/index.ts') },
      { find: /^bunsui\/storage$/, replacement: at('./lib/storage.ts') },
      { find: /^bunsui\/testing$/, replacement: at('./lib/testing.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    // These need LocalStack: `npm run test:localstack`.
    exclude: ['**/*.integ.test.ts'],
    // By itself vitest leaves a core free, of two.
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: { include: ['lib/**/*.ts', 'lambdas/**/*.ts'], reporter: ['text-summary', 'json-summary'] },
  },
});
