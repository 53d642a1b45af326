/**
 * The tests that `npm run mutation` runs for each mutant: those of the compiler, of the IR, and of what records it.
 * Generated tests are short and always draw the same values, so that a mutant's fate does not depend on chance.
 */
import { defineConfig } from 'vitest/config';
import config from './vitest.config.ts';

process.env['BUNSUI_FUZZ_SEED'] ??= '20261121';
process.env['BUNSUI_FUZZ_SHARE'] ??= '0.02';

export default defineConfig({
  ...config,
  test: {
    ...config.test,
    include: ['test/compiler/*.test.ts', 'test/ir/*.test.ts', 'test/dsl/*.test.ts', 'test/testing.test.ts'],
    // It reads the types out of the files that are mutated.
    exclude: ['test/ir/schema.test.ts'],
  },
});
