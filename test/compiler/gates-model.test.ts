import { describe, expect, it } from 'vitest';
import { type Protocol, search } from './gates-model.ts';

const luck = { losses: 2, anew: 2 };

describe('the protocol of gates, in every order of steps, with lost answers and waits begun anew', () => {
  it.each([1, 2, 3, 4])('a latch of %i producers lets nobody through early and leaves nobody waiting', (producers) => {
    for (const openedBy of ['function', 'states'] as const) {
      const found = search({ kind: 'latch', openedBy }, { producers, consumers: 1, ...luck });
      expect(found).toMatchObject({ early: false, stuck: false });
      expect(found.states).toBeGreaterThan(producers * 10);
    }
  });

  it.each([1, 2, 3])('nor does a flag with %i who wait', (consumers) => {
    for (const openedBy of ['function', 'states'] as const) {
      const found = search({ kind: 'flag', openedBy }, { producers: 1, consumers, ...luck });
      expect(found).toMatchObject({ early: false, stuck: false });
      expect(found.states).toBeGreaterThan(consumers * 10);
    }
  });

  it.each<readonly [string, Protocol]>([
    ['a latch whose last producer tells nobody', { kind: 'latch', openedBy: 'states', broken: 'nobody sends' }],
    ['a flag whose tokens go with the answer', { kind: 'flag', openedBy: 'function', broken: 'tokens are removed' }],
  ])('%s is found to leave somebody waiting', (_name, protocol) => {
    const producers = protocol.kind === 'latch' ? 2 : 1;
    expect(search(protocol, { producers, consumers: 1, losses: 1, anew: 0 })).toMatchObject({
      early: false,
      stuck: true,
    });
  });
});
