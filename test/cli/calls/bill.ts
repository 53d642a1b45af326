import { bill } from './operations.ts';

export const handler = bill.handler(async ({ prices }) => ({ total: prices.reduce((sum, price) => sum + price, 0) }));
