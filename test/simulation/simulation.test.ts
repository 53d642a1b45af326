import { describe, expect, it } from 'vitest';
import { happenings, problemsOf } from './check.ts';
import { simulate } from './world.ts';

/** Seeds that a run of the tests looks at; `npm run simulate -- --seeds N --from M` looks at others. */
const seeds = Number(process.env['BUNSUI_SIMULATIONS'] ?? 1_000);
const part = 100;

describe('simulated runs, with faults that a seed decides', () => {
  const totals: Record<string, number> = {};

  it.each(Array.from({ length: Math.ceil(seeds / part) }, (_, index) => [index * part + 1]))(
    `keep to the contract, ${part} seeds from %i`,
    async (from) => {
      const failed: string[] = [];
      for (let seed = from; seed < from + part; seed += 1) {
        const world = await simulate(seed);
        for (const [name, times] of Object.entries(happenings(world))) totals[name] = (totals[name] ?? 0) + times;
        const problems = problemsOf(world);
        if (problems.length > 0) failed.push(`npm run simulate -- --seed ${seed}   # ${problems.join('; ')}`);
      }
      expect(failed).toStrictEqual([]);
    },
  );

  it('have met every fault, and gates, maps and branches', () => {
    console.log(
      Object.entries(totals)
        .map(([name, times]) => `${times} ${name}`)
        .join(', '),
    );
    expect(Object.entries(totals).filter(([, times]) => times < seeds / 20)).toStrictEqual([]);
  });

  it('are the same for the same seed, to the byte', async () => {
    for (const seed of [3, 17, 42, 99, 512]) {
      const [one, other] = [await simulate(seed), await simulate(seed)];
      expect(JSON.stringify([one.events, one.journal, one.trace])).toBe(
        JSON.stringify([other.events, other.journal, other.trace]),
      );
    }
  });
});
