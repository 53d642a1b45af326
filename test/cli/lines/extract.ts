import { extract } from './operations.ts';

/** The first try breaks off when it has sent much of it. */
export const handler = extract.handler(async function* ({ orders, fail }, ctx) {
  for (let id = 0; id < orders; id += 1) {
    if (fail && ctx.attempt === 1 && id > orders * 0.9) throw new Error('broken off');
    yield { id, amount: id % 7 };
  }
});
