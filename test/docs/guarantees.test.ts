import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { guarantees } from './guarantees.ts';

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `R${from + index}`);

describe('the page of guarantees', () => {
  it('has a line for each, in order', () => {
    expect(guarantees().map(({ id }) => id)).toStrictEqual([...numbers(1, 20), ...numbers(32, 40)]);
  });

  it.each(guarantees().map((one) => [one.id, one] as const))('names tests that there are: %s', (_, { tests }) => {
    expect(tests.length).toBeGreaterThan(0);
    for (const { file, title } of tests) {
      const path = fileURLToPath(new URL(`../../${file}`, import.meta.url));
      const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
      expect({ file, title, isThere: text.includes(title) }).toStrictEqual({ file, title, isThere: true });
    }
  });
});
