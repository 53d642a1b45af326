/**
 * Where the author wrote a call. The one file of this room that depends on the runtime: it reads a stack trace.
 */
import { fileURLToPath } from 'node:url';
import type { SourcePosition } from '../errors.ts';

const ownFolder = new URL('.', import.meta.url).href;
const ownPath = ownFolder.startsWith('file:') ? fileURLToPath(ownFolder) : ownFolder;

/** Position when a stack trace does not tell one (inside a bundle). */
export const unknownPosition: SourcePosition = { file: '', line: 0, column: 0 };

/** The places outside this room in a stack trace, the innermost first. */
function placesIn(stack: string): readonly SourcePosition[] {
  return stack.split('\n').flatMap((line) => {
    const match = /(?:\(|at |@)((?:file:\/\/|\/|[A-Za-z]:[\\/])[^()]*?):(\d+):(\d+)\)?$/.exec(line.trimEnd());
    if (!match) return [];
    const [, location = '', lineNumber, column] = match;
    if (location.startsWith(ownFolder) || location.startsWith(ownPath)) return [];
    const file = location.startsWith('file:') ? fileURLToPath(location) : location;
    return [{ file: file.replace(/\?.*$/, ''), line: Number(lineNumber), column: Number(column) }];
  });
}

/** The first place outside this room in a stack trace. */
export function positionIn(stack: string): SourcePosition {
  return placesIn(stack)[0] ?? unknownPosition;
}

/**
 * Where an author called the function of a kind, from which the stack trace comes. Of a plugin that function stands in a
 * file of its own: what called that file is meant. Where nothing of the author's did, kind and call stand in one file.
 */
export function positionOfUse(stack: string): SourcePosition {
  const places = placesIn(stack);
  const [kind] = places;
  // The fifth line is who has called `operationOf`: a function of this room for a kind of our own.
  const caller = stack.split('\n')[4] ?? '';
  if (kind === undefined || caller.includes(ownFolder) || caller.includes(ownPath)) return kind ?? unknownPosition;
  const outside = places.findIndex(({ file }) => file !== kind.file);
  const user = places[outside];
  if (user !== undefined && !/[\\/]node_modules[\\/]/.test(user.file)) return user;
  return places[(outside < 0 ? places.length : outside) - 1] ?? kind;
}

function stackHere(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 12;
  const stack = new Error('position').stack ?? '';
  Error.stackTraceLimit = stackTraceLimit;
  return stack;
}

/** Where the caller's caller outside this room stands. */
export function callSite(): SourcePosition {
  return positionIn(stackHere());
}

/** Where an author called the function of a kind that has called `operationOf`, which calls this. */
export function useSite(): SourcePosition {
  return positionOfUse(stackHere());
}
