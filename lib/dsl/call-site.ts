/**
 * Where the author wrote a call. The one file of this room that depends on the runtime: it reads a stack trace.
 */
import { fileURLToPath } from 'node:url';
import type { SourcePosition } from '../errors.ts';

const ownFolder = new URL('.', import.meta.url).href;
const ownPath = ownFolder.startsWith('file:') ? fileURLToPath(ownFolder) : ownFolder;

/** Position when a stack trace does not tell one (inside a bundle). */
export const unknownPosition: SourcePosition = { file: '', line: 0, column: 0 };

/** The first place outside this room in a stack trace. */
export function positionIn(stack: string): SourcePosition {
  for (const line of stack.split('\n')) {
    const match = /(?:\(|at |@)((?:file:\/\/|\/|[A-Za-z]:[\\/])[^()]*?):(\d+):(\d+)\)?$/.exec(line.trimEnd());
    if (!match) continue;
    const [, location = '', lineNumber, column] = match;
    if (location.startsWith(ownFolder) || location.startsWith(ownPath)) continue;
    const file = location.startsWith('file:') ? fileURLToPath(location) : location;
    return { file: file.replace(/\?.*$/, ''), line: Number(lineNumber), column: Number(column) };
  }
  return unknownPosition;
}

/** Where the caller's caller outside this room stands. */
export function callSite(): SourcePosition {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 12;
  const stack = new Error('position').stack ?? '';
  Error.stackTraceLimit = stackTraceLimit;
  return positionIn(stack);
}
