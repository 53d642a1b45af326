import { ring } from './operations.ts';

export const handler = ring.handler(async ({ what }) => ({ rung: what }));
