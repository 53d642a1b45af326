/**
 * Replays recorded answers of AWS Step Functions and prints how many the engine gives as well.
 *
 *   node bench/conformance.ts DIR [--failing]
 *
 * DIR holds `<kind>.<category>.json` files, each a list of cases. Tasks answer as recorded, time is virtual. What the
 * engine does not speak yet counts as not passed. Exit code 0 whatever the score; 2 when DIR is missing or empty.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HistoryEvent } from '../lib/asl/history.ts';
import { validateDefinition } from '../lib/asl/validate.ts';
import { virtualClock } from '../lib/engine/clock.ts';
import type { Outcome } from '../lib/engine/execution.ts';
import type { Json, TaskOutcome, TaskRunner } from '../lib/engine/ports.ts';
import { startExecution } from '../lib/engine/run.ts';

type JsonObject = { readonly [key: string]: Json };

interface RecordedTask {
  readonly state: string;
  readonly result: { readonly output?: Json; readonly error?: string; readonly cause?: Json; readonly event?: string };
}
interface Case {
  readonly id: string;
  readonly kind: string;
  readonly category: string;
  readonly definition: Json;
  readonly opaque?: readonly string[];
  readonly clock?: string;
  readonly input?: Json;
  readonly api?: string;
  readonly source: { readonly provenance: string };
  readonly execution?: { readonly arn: string; readonly name: string; readonly stateMachineArn: string };
  readonly tasks?: readonly RecordedTask[];
  readonly expected: {
    readonly status?: string;
    readonly output?: Json;
    readonly error?: Json;
    readonly cause?: Json;
    readonly events?: readonly JsonObject[];
    readonly unordered?: string;
    readonly response?: JsonObject;
  };
}
interface Score {
  readonly result: boolean;
  readonly history: boolean;
}

const failed: Score = { result: false, history: false };
const defaultStart = Date.parse('2026-01-01T00:00:00Z');
/** A case that takes longer counts as failed. */
const caseLimitMs = 10_000;

/** Compares a recorded value with ours. Unpredictable parts match anything, and the same part the same thing. */
function comparer(opaque: readonly string[]): (expected: unknown, actual: unknown) => boolean {
  const bound = new Map<string, unknown>();
  const bind = (name: string, value: unknown): boolean => {
    if (!bound.has(name)) bound.set(name, value);
    return JSON.stringify(bound.get(name)) === JSON.stringify(value);
  };
  const same = (expected: unknown, actual: unknown): boolean => {
    if (typeof expected === 'string') {
      if (expected === actual) return true;
      if (opaque.includes(expected)) return bind(expected, actual);
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
    const names = expected.match(/<[^<>]+>/g) ?? [];
    if (names.length === 0) return false;
    const literals = expected.split(/<[^<>]+>/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
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

/** Answers tasks as recorded: each state's entries in turn, the last one again and again. */
function recordedTasks(recorded: Case): TaskRunner {
  const taken = new Map<string, number>();
  // Where the recording lost which event belongs to which task, the ends of tasks still stand in its list.
  const ends = (recorded.expected.events ?? []).flatMap((event) => {
    const details = event['taskFailedEventDetails'] ?? event['lambdaFunctionFailedEventDetails'];
    return details === undefined ? [] : [details as JsonObject];
  });
  let lost = 0;
  return {
    run: (task) => {
      const entries = (recorded.tasks ?? []).filter(({ state }) => state === task.stateName);
      const at = taken.get(task.stateName) ?? 0;
      taken.set(task.stateName, at + 1);
      const { output, error, cause, event } = entries[Math.min(at, entries.length - 1)]?.result ?? {};
      if (event?.endsWith('TimedOut') === true) return new Promise(() => undefined);
      if (output !== undefined) return Promise.resolve<TaskOutcome>({ ok: true, output: outputOf(output) });
      if (error !== undefined || cause !== undefined) return Promise.resolve(failure(error, cause));
      if (recorded.expected.unordered === undefined) return new Promise(() => undefined);
      const end = ends[Math.min(lost++, ends.length - 1)];
      return end === undefined ? new Promise(() => undefined) : Promise.resolve(failure(end['error'], end['cause']));
    },
  };
}

/** Outputs that are no objects stand in the recording as JSON text. */
function outputOf(output: Json): Json {
  if (typeof output !== 'string') return output;
  try {
    return JSON.parse(output) as Json;
  } catch {
    return output;
  }
}

function failure(error: Json | undefined, cause: Json | undefined): TaskOutcome {
  const text = typeof cause === 'string' ? cause : cause === undefined ? '' : JSON.stringify(cause);
  return { ok: false, error: String(error ?? ''), cause: text };
}

async function replay(recorded: Case): Promise<Score> {
  const checked = validateDefinition(recorded.definition);
  if (!checked.ok || recorded.execution === undefined) return failed;
  const clock = virtualClock(recorded.clock === undefined ? defaultStart : Date.parse(recorded.clock));
  const { arn, name, stateMachineArn } = recorded.execution;
  const started = recorded.expected.events?.[0]?.['executionStartedEventDetails'] as JsonObject | undefined;
  const handle = startExecution(
    {
      clock,
      random: () => 0.5,
      uuid: () => '00000000-0000-4000-8000-000000000000',
      tasks: recordedTasks(recorded),
      journal: { append: () => Promise.resolve() },
    },
    {
      executionArn: arn,
      name,
      stateMachineArn,
      stateMachineName: stateMachineArn.split(':').at(-1) ?? '',
      roleArn: String(started?.['roleArn'] ?? ''),
      definition: checked.definition,
      input: JSON.stringify(recorded.input ?? {}),
    },
  );
  const stuck = clock.idle().then((): Outcome => handle.outcome);
  const outcome = await limited(Promise.race([handle.done, stuck]));
  if (outcome?.status === 'RUNNING' && recorded.expected.status === 'ABORTED') await handle.stop();
  await handle.suspend();
  if (outcome === undefined) return failed;
  return {
    result: sameResult(recorded, handle.outcome),
    history: sameHistory(recorded, handle.events),
  };
}

function limited<T>(promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), caseLimitMs);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

function sameResult(recorded: Case, outcome: Outcome): boolean {
  const { status, output, error, cause } = recorded.expected;
  const same = comparer(recorded.opaque ?? []);
  if (status !== outcome.status) return false;
  if (status === 'SUCCEEDED') return same(output, outcome.output);
  const causeCounts = recorded.source.provenance.startsWith('aws');
  return same(error, outcome.error) && (!causeCounts || same(cause, outcome.cause));
}

function sameHistory(recorded: Case, events: readonly HistoryEvent[]): boolean {
  const expected = recorded.expected.events ?? [];
  const ours = events.map(({ timestamp: _, ...event }): { readonly [key: string]: unknown } => event);
  const same = comparer(recorded.opaque ?? []);
  if (recorded.expected.unordered === undefined) return same(expected, ours);
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

/** A definition that AWS refuses or accepts: the same verdict for the same reason. */
function validate(recorded: Case): Score {
  const checked = validateDefinition(recorded.definition);
  const { response, error } = recorded.expected;
  const same = comparer(recorded.opaque ?? []);
  const ours = checked.ok ? [] : checked.diagnostics;
  if (response !== undefined) {
    const diagnostics = ours.map((diagnostic) => ({ ...diagnostic, severity: 'ERROR' }));
    return { result: same(response['diagnostics'], diagnostics), history: false };
  }
  const messages = ours.map(({ code, message, location }) => `${code}: ${message} at ${location}`);
  const refused = { code: 'InvalidDefinition', message: `Invalid State Machine Definition: '${messages.join(', ')}'` };
  return { result: same(error, refused), history: false };
}

function readCases(directory: string): readonly Case[] {
  const files = readdirSync(directory).filter((file) => file.endsWith('.json'));
  return files.sort().flatMap((file) => JSON.parse(readFileSync(join(directory, file), 'utf8')) as Case[]);
}

async function main(): Promise<number> {
  const [directory, ...flags] = process.argv.slice(2);
  let cases: readonly Case[] = [];
  try {
    cases = directory === undefined ? [] : readCases(directory);
  } catch (thrown) {
    console.error(`conformance: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
  if (cases.length === 0) {
    console.error('conformance: name a folder that holds cases, as in: conformance DIR');
    return 2;
  }
  const groups = new Map<string, { result: number; history: number; total: number }>();
  const sum = { result: 0, history: 0, executions: 0 };
  for (const recorded of cases) {
    const isExecution = recorded.kind === 'execution';
    const score = isExecution ? await replay(recorded) : recorded.kind === 'validation' ? validate(recorded) : failed;
    const key = `${recorded.kind} ${recorded.category}`;
    const group = groups.get(key) ?? { result: 0, history: 0, total: 0 };
    groups.set(key, group);
    group.total += 1;
    group.result += Number(score.result);
    group.history += Number(score.history);
    sum.result += Number(score.result);
    sum.history += Number(score.history);
    sum.executions += Number(isExecution);
    if (flags.includes('--failing') && !(score.result && (score.history || !isExecution))) {
      console.log(`${score.result ? 'history' : 'result'}\t${recorded.kind}\t${recorded.id}`);
    }
  }
  for (const [key, { result, history, total }] of groups) {
    const of = key.startsWith('execution ') ? `, history ${history}/${total}` : '';
    console.log(`${key}: result ${result}/${total}${of}`);
  }
  console.log(`conformance: result ${sum.result}/${cases.length}, history ${sum.history}/${sum.executions}`);
  return 0;
}

// Cases that never end leave promises behind; the score is printed, so that nothing is left to wait for.
process.exit(await main());
