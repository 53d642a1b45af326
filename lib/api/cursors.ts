/** Marks of where a page ended, as callers carry them: opaque, and read back with distrust. */
import type * as z from 'zod/mini';
import { BunsuiError } from '../errors.ts';

export function writeCursor(mark: unknown): string {
  return Buffer.from(JSON.stringify(mark)).toString('base64url');
}

/** @throws {BunsuiError} BS6001 for what is no cursor of this list */
export function readCursor<S extends z.ZodMiniType>(schema: S, cursor: string): z.output<S> {
  let mark: unknown;
  try {
    mark = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    // Told below, as any other text that is no cursor.
  }
  const parsed = schema.safeParse(mark);
  if (parsed.success) return parsed.data;
  throw new BunsuiError('ValidationError', 'BS6001', `"${cursor.slice(0, 60)}" is no cursor of this list`, {
    hint: 'take the cursor that the page before gave',
  });
}

/** Most bytes of JSON in one answer: a function of AWS Lambda gives at most 6 MB. */
export const maxPageBytes = 4 * 1024 * 1024;
