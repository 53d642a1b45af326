import { load } from '../operations.ts';
import { checkDate } from './dates.ts';

/** Takes its name from its class, and another module has a class of that name: one of the two is renamed in a bundle. */
class OutOfDatesError extends Error {
  override get name() {
    return this.constructor.name;
  }
}

export const handler = load.handler(({ date }) => {
  checkDate(date);
  if (date === '') throw new OutOfDatesError('no date');
  return { rows: date.length };
});
