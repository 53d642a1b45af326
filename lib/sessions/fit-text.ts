/** Keeps records within what a DynamoDB item holds, visibly. */

/** Most bytes of one input or output in a record; two of them and the rest stay well under 400 KB. */
export const maxRecordTextBytes = 100_000;

/**
 * JSON text that fits: the text itself, or `{"truncated": true, "bytes", "full", "start"}`, where `full` says where all
 * of it stands and `start` is how it begins.
 */
export function fitText(json: string, full: string, maxBytes: number = maxRecordTextBytes): string {
  const bytes = Buffer.byteLength(json);
  if (bytes <= maxBytes) return json;
  // JSON escapes and multi-byte characters make a text at most six times as long.
  const start = json.slice(0, Math.floor(maxBytes / 8));
  return JSON.stringify({ truncated: true, bytes, full, start });
}

/** Text for people that fits; says how much was left off. */
export function fitMessage(message: string, maxLength = 4_000): string {
  if (message.length <= maxLength) return message;
  return `${message.slice(0, maxLength)}… (${message.length - maxLength} more characters)`;
}
