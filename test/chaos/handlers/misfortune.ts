import { misfortune } from '../operations.ts';

class OrderRefused extends Error {
  override readonly name = 'OrderRefused';
}

const kinds: { readonly [kind: string]: () => unknown } = {
  nothing: () => ({ fine: true }),
  throws: () => {
    throw new OrderRefused('the shop is closed');
  },
  'throws-text': () => {
    throw 'just text';
  },
  undefined: () => undefined,
  unserialisable: () => {
    const circle: { self?: unknown } = {};
    circle.self = circle;
    return { fine: true, rest: circle };
  },
  bigint: () => ({ fine: true, rest: 1n }),
  schema: () => ({ fine: 'yes' }),
  'too-large': () => ({ fine: true, said: 'x'.repeat(300_000) }),
  hangs: () => new Promise(() => setInterval(() => {}, 1_000)),
  spins: () => {
    for (;;);
  },
  prints: () => {
    for (let line = 0; line < 10_240; line++) console.log('x'.repeat(1_024));
    return { fine: true };
  },
  exits: () => process.exit(3),
  memory: () => {
    const hoard: unknown[] = [];
    for (;;) hoard.push(Array.from({ length: 100_000 }, (_, index) => ({ index })));
  },
};

export const handler = misfortune.handler(({ kind }) => kinds[kind]?.() as never);
