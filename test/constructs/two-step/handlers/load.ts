import { load } from '../operations.ts';

/** Its class gives its name: bundling must not rename it. */
class OutOfDatesError extends Error {
  override get name() {
    return this.constructor.name;
  }
}

export const handler = load.handler(({ date }) => {
  if (date === '') throw new OutOfDatesError('no date');
  return { rows: date.length };
});
