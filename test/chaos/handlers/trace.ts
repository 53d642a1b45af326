import { appendFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { trace } from '../operations.ts';

export const handler = trace.handler(async ({ file, value, workMs }, { job, attempt }) => {
  const leave = (phase: string) => appendFileSync(file, `${JSON.stringify({ job, attempt, phase, at: Date.now() })}\n`);
  leave('start');
  await wait(workMs);
  leave('end');
  return { value: value + 1, upTo: Array.from({ length: value + 1 }, (_, index) => index) };
});
