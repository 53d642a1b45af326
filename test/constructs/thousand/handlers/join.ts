import { join } from '../operations.ts';

export const handler = join.handler(({ values }) => ({ value: values.length }));
