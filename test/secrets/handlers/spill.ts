import { createHash } from 'node:crypto';
import { spill } from '../operations.ts';

export const handler = spill.handler(async ({ secrets, give }, { log, checkpoint }) => {
  const values = Object.values(secrets);
  for (const [name, value] of Object.entries(secrets)) {
    log.info(`connecting with ${value}`, { name, header: `Bearer ${value}`, deep: { list: [value] } });
    console.log('console', value, { value });
    console.error(new Error(`refused ${value}`));
    // In pieces, past the log, and as libraries write it.
    const half = value.length >> 1;
    process.stdout.write(value.slice(0, half));
    process.stdout.write(`${value.slice(half)}\n`);
    for (const character of value) process.stderr.write(Buffer.from(character));
    process.stdout.write(
      `\n${encodeURIComponent(value)} ${Buffer.from(value).toString('base64')}\n${JSON.stringify({ value })}\n`,
    );
  }
  const kept = await Promise.allSettled(values.map((value) => checkpoint({ done: [value] })));
  if (kept.some(({ status }) => status === 'fulfilled')) throw new Error('a secret was kept');
  if (give === 'throw') {
    const error = new Error(`401 for ${values.join(' and ')}`, { cause: values });
    error.name = `Denied ${values[0] ?? ''}`.slice(0, 60);
    throw error;
  }
  const digests = Object.entries(secrets).map(([name, value]) => [
    name,
    createHash('sha256').update(value).digest('hex'),
  ]);
  return { digests: Object.fromEntries(digests), note: give === 'leak' ? `see ${values[3] ?? ''}` : 'none' };
});
