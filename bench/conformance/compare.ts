/** Comparing recorded values with ours: unpredictable parts, JSON in texts, the order of concurrent events. */
import type { HistoryEvent } from '../../lib/asl/history.ts';
import type { Outcome } from '../../lib/engine/execution.ts';
import type { Case, JsonObject } from './cases.ts';

/** What stands for a part that nobody can predict, such as `<uuid:1>`. */
const placeholder = /<(?:[^<>]|<[^<>]*>)+>/g;

/** A text that is one placeholder and nothing else stands for a value of any type. */
function isWholly(text: string): boolean {
  const [first] = text.match(placeholder) ?? [];
  return first === text;
}

/** Compares a recorded value with ours. Unpredictable parts match anything, and the same part the same thing. */
export function comparer(opaque: readonly string[]): (expected: unknown, actual: unknown) => boolean {
  const bound = new Map<string, unknown>();
  const bind = (name: string, given: unknown): boolean => {
    // A header stands in a list of one in one place, and by itself in another.
    const value: unknown = Array.isArray(given) && given.length === 1 ? given[0] : given;
    if (!bound.has(name)) bound.set(name, value);
    return JSON.stringify(bound.get(name)) === JSON.stringify(value);
  };
  const same = (expected: unknown, actual: unknown): boolean => {
    if (typeof expected === 'string') {
      if (expected === actual) return true;
      // The word stands for any time, and often for several in one case.
      if (expected === 'date' && opaque.includes(expected)) return true;
      if (opaque.includes(expected) || isWholly(expected)) return bind(expected, actual);
      if (typeof actual !== 'string') return false;
      const [left, right] = [parsed(expected), parsed(actual)];
      if (left !== undefined && right !== undefined) return same(left, right);
      return sameText(expected, actual);
    }
    // The recording holds objects where AWS sends their text.
    if (typeof actual === 'string' && typeof expected === 'object') return same(expected, parsed(actual));
    if (typeof expected !== 'object' || expected === null) return expected === actual;
    if (typeof actual !== 'object' || actual === null || Array.isArray(expected) !== Array.isArray(actual))
      return false;
    const theirs = Object.entries(expected);
    const ours = actual as { readonly [key: string]: unknown };
    return (
      theirs.length === Object.keys(ours).length &&
      theirs.every(([key, value]) => Object.hasOwn(ours, key) && same(value, ours[key]))
    );
  };
  const sameText = (expected: string, actual: string): boolean => {
    const names = expected.match(placeholder) ?? [];
    if (names.length === 0) return false;
    const literals = expected.split(placeholder).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const match = new RegExp(`^${literals.join('([\\s\\S]*)')}$`).exec(actual);
    return match !== null && names.every((name, index) => bind(name, match[index + 1]));
  };
  return same;
}

function parsed(text: string): unknown {
  if (!/^[{[]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether an execution ended as recorded. */
export function sameResult(recorded: Case, outcome: Outcome): boolean {
  const { status, output, error, cause } = recorded.expected;
  const same = comparer(recorded.opaque ?? []);
  if (status !== outcome.status) return false;
  if (status === 'SUCCEEDED') return same(output, outcome.output);
  const causeCounts = recorded.source.provenance.startsWith('aws');
  return same(error, outcome.error) && (!causeCounts || same(cause, outcome.cause));
}

/** Whether an execution's events are those recorded. */
export function sameHistory(recorded: Case, events: readonly HistoryEvent[]): boolean {
  const expected = asToday(recorded);
  const ours = events.map(({ timestamp: _, ...event }): { readonly [key: string]: unknown } => event);
  const same = comparer(recorded.opaque ?? []);
  if (recorded.expected.unordered === undefined) return same(expected, ours) || sameButForOrder(recorded, ours);
  // Inside Parallel and Map the recording has no ids and leaves some events out; the ids tell how many there were.
  const total = Math.max(...expected.map((event) => Number(event['id'])));
  if (ours.length !== total) return false;
  const left = [...ours];
  return expected.every((event) => {
    const { id, previousEventId, ...rest } = event;
    const found = left.findIndex(({ id: ourId, previousEventId: ourPrevious, ...ourRest }) => {
      const placed = id === 0 || (id === ourId && previousEventId === ourPrevious);
      return placed && comparer(recorded.opaque ?? [])(rest, ourRest);
    });
    if (found >= 0) left.splice(found, 1);
    return found >= 0;
  });
}

/**
 * The recorded events as AWS writes them today: in the recordings up to July 2024, the exit of a distributed Map refers
 * to the end of its map run; in those since November 2024, to the run's start.
 */
function asToday({ expected }: Case): readonly JsonObject[] {
  const events = expected.events ?? [];
  return events.map((event) => {
    const before = events.find(({ id }) => id === event['previousEventId']);
    if (event['type'] !== 'MapStateExited' || before?.['type'] !== 'MapRunSucceeded') return event;
    return { ...event, previousEventId: before['previousEventId'] ?? 0 };
  });
}

/**
 * Whether two histories hold the same events, each after the same one: the order between concurrent branches is one of
 * several. Without a Parallel or Map the order counts.
 */
function sameButForOrder(recorded: Case, ours: readonly { readonly [key: string]: unknown }[]): boolean {
  const expected = asToday(recorded);
  const isConcurrent = expected.some(({ type }) => type === 'ParallelStateStarted' || type === 'MapStateStarted');
  if (!isConcurrent || expected.length !== ours.length) return false;
  const same = comparer(recorded.opaque ?? []);
  const ourIds = new Map<unknown, unknown>([[0, 0]]);
  const left = [...ours];
  return expected.every(({ id, previousEventId, ...rest }) => {
    const found = left.findIndex(
      ({ id: _, previousEventId: ourPrevious, ...ourRest }) =>
        ourPrevious === ourIds.get(previousEventId) && comparer(recorded.opaque ?? [])(rest, ourRest),
    );
    const event = left[found];
    if (event === undefined || !same(rest, restOf(event))) return false;
    ourIds.set(id, event['id']);
    left.splice(found, 1);
    return true;
  });
}

function restOf({ id: _, previousEventId: __, ...rest }: { readonly [key: string]: unknown }): unknown {
  return rest;
}
