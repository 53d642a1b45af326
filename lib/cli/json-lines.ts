/** The lines of `--json`: one object each, with the version of their shape and their type. */

/** Raised when a field changes its meaning or goes away; new fields do not raise it. */
export const jsonVersion = 1;

/** One line, line feed included. Fields that are undefined are left out. */
export function jsonLine(type: string, fields: { readonly [name: string]: unknown }): string {
  return `${JSON.stringify({ v: jsonVersion, type, ...fields })}\n`;
}

/** ISO 8601 of a time in milliseconds. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
