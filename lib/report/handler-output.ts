/** What a handler itself wrote and where it threw, apart from what lies around it: Lambda's lines, our wrapper, Node. */
import type { SourcePosition } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import type { LogLine } from '../sessions/report-data.ts';

/** Lambda's own words for a call that threw, with the error as JSON: the wrapper's record says it too. */
export const invokeError = /^ERROR\tInvoke Error\t/;
const surroundings =
  /^((START|END|REPORT|INIT_START) RequestId: |ERROR\tInvoke Error\t|job (started|completed|failed)$)/;

/** True for a line of the author's; false for those that Lambda and the wrapper write around it. */
export function isHandlerLine({ message }: LogLine): boolean {
  return !surroundings.test(message);
}

/** The value of a record's field as text; of an error its name and message, for its stack is shown elsewhere. */
export function fieldText(value: Json): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'name' in value && 'message' in value && 'stack' in value) {
    return `${value.name}: ${value.message}`;
  }
  return JSON.stringify(value);
}

/** Frames of what runs handlers: ours as a package and as a checkout, and Node's own. */
const ours =
  /[\\/]node_modules[\\/]bunsui[\\/]|[\\/]lib[\\/](wrapper[\\/](checkpoint|envelope|job-error|job-log|ports|values|wrap-handler)|local[\\/]bootstrap)\.[jt]s:|\(?node:[\w/]+(:\d+)+\)?$/;
const frame = /(?:\(|at (?:async )?)(file:\/\/[^()]*?|\/[^()]*?|[A-Za-z]:[\\/][^()]*?):(\d+):(\d+)\)?$/;

/** Lines of a stack trace without the frames that the author can do nothing about. */
export function withoutOwnFrames(trace: readonly string[]): readonly string[] {
  return trace.filter((line) => !/^\s*at /.test(line) || !ours.test(line.trimEnd()));
}

/** The innermost frame of a stack trace that lies in the author's files, if there is one: where it was thrown. */
export function thrownAt(trace: readonly string[]): SourcePosition | undefined {
  for (const line of withoutOwnFrames(trace)) {
    const [, location, lineNumber, column] = frame.exec(line.trimEnd()) ?? [];
    if (location === undefined || /[\\/]node_modules[\\/]/.test(location)) continue;
    return { file: pathOf(location), line: Number(lineNumber), column: Number(column) };
  }
  return undefined;
}

function pathOf(location: string): string {
  if (!location.startsWith('file:')) return location;
  try {
    return decodeURIComponent(new URL(location).pathname);
  } catch {
    return location;
  }
}
