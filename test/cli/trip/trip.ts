import { pipeline } from 'bunsui';
import * as z from 'zod';
import { book, cancel, pay } from './operations.ts';

const compensated = { compensate: cancel };

export default pipeline('trip', { input: z.object({ folder: z.string() }) }, (p, { folder }) => {
  const flight = p.job('flight', book, { folder, name: 'flight' }, compensated);
  const car = p.job('car', book, { folder, name: 'car' }, compensated);
  const seats = p.map('seats', ['1A', '1B'], (name, q) => q.job('seat', book, { folder, name }, compensated), {
    after: [flight, car],
    concurrency: 1,
  });
  p.job('pay', pay, { folder }, { after: seats });
});
