/** What recording a pipeline gathers, and how what an author gives is read: mistakes are reported, and it goes on. */
import type { Diagnostic, ErrorCode, SourcePosition } from '../errors.ts';
import type { Expression } from '../ir/expressions.ts';
import type { JsonSchema, OperationIr, RetryIr } from '../ir/nodes.ts';
import type { Called } from './calls.ts';
import { type Duration, durationSeconds } from './durations.ts';
import type { Operation, Retry } from './operations/kind.ts';
import { toExpression } from './refs.ts';
import { jsonSchema, type Schema } from './schemas.ts';

/** What one call of `pipeline` gathers. Mutable while the body runs, and only then. */
export interface Recording {
  readonly owner: object;
  readonly source: SourcePosition;
  readonly diagnostics: Diagnostic[];
  readonly operations: Map<string, { readonly operation: Operation<Schema, Schema>; readonly ir: OperationIr }>;
  readonly forms: Map<string, Schema>;
  /** Every pipeline that is called, directly or by one that is, by its id; and which are called directly. */
  readonly calls: Map<string, Called>;
  readonly called: Set<string>;
  report(
    code: ErrorCode,
    message: string,
    path: readonly (string | number)[],
    source: SourcePosition,
    hint?: string,
  ): void;
}

export function newRecording(source: SourcePosition): Recording {
  const diagnostics: Diagnostic[] = [];
  return {
    owner: {},
    source,
    diagnostics,
    operations: new Map(),
    forms: new Map(),
    calls: new Map(),
    called: new Set(),
    report(code, message, path, at, hint) {
      diagnostics.push({ code, severity: 'error', message, path, source: at, ...(hint === undefined ? {} : { hint }) });
    },
  };
}

/** Records a structure of constants and refs, and reports what JSON cannot hold and refs of other pipelines. */
export function read(
  recording: Recording,
  value: unknown,
  path: readonly (string | number)[],
  source: SourcePosition,
): Expression {
  const recorded = toExpression(value);
  for (const problem of recorded.problems) {
    recording.report(
      'BS1112',
      `${[...path, ...problem.path].slice(1).join('.')} is ${problem.found}, which JSON cannot hold`,
      [...path, ...problem.path],
      source,
      'give text, a number, a boolean, null, a list, a plain object or a ref',
    );
  }
  if (recorded.owners.some((owner) => owner !== recording.owner)) {
    recording.report(
      'BS1105',
      `${path.slice(1).join('.')} refers to a job of another pipeline`,
      path,
      source,
      'use refs of this pipeline only; data of another pipeline comes in through its output',
    );
  }
  return recorded.expression;
}

export function schemaOf(
  recording: Recording,
  schema: Schema,
  io: 'input' | 'output',
  path: readonly (string | number)[],
  source: SourcePosition,
): JsonSchema {
  const result = jsonSchema(schema, io);
  if ('schema' in result) return result.schema;
  recording.report(
    'BS1109',
    `the schema at ${path.join('.')} has no JSON form: ${result.reason}`,
    path,
    source,
    'use types that JSON can carry: text for dates and big numbers, lists and objects for sets and maps',
  );
  return {};
}

export function secondsOf(
  recording: Recording,
  duration: Duration,
  path: readonly (string | number)[],
  source: SourcePosition,
): number {
  const seconds = durationSeconds(duration);
  if (seconds !== undefined) return seconds;
  recording.report(
    'BS1110',
    `${path.join('.')} is ${JSON.stringify(duration)}, which is no duration`,
    path,
    source,
    'write seconds as a number, or text such as "30s", "2m", "1h"',
  );
  return 1;
}

export function retryOf(
  recording: Recording,
  retry: Retry,
  path: readonly (string | number)[],
  source: SourcePosition,
): RetryIr {
  return {
    max: retry.max,
    delaySeconds: retry.delay === undefined ? 1 : secondsOf(recording, retry.delay, [...path, 'delay'], source),
    backoff: retry.backoff ?? 2,
    ...(retry.maxDelay === undefined
      ? {}
      : { maxDelaySeconds: secondsOf(recording, retry.maxDelay, [...path, 'maxDelay'], source) }),
    jitter: retry.jitter ?? false,
    errors: retry.errors ?? ['States.ALL'],
  };
}
