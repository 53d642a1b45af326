/** Values in records, which keep them as JSON text. */
import type { Json } from '../ir/expressions.ts';

/** The value of a record's JSON text; the text itself where it is none. */
export function recordedValue(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
