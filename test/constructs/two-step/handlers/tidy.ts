import { tidy } from '../operations.ts';

export const handler = tidy.handler(({ rows }) => ({ kept: rows - 1 }));
