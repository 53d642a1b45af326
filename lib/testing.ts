/**
 * The test kit: runs a pipeline in virtual time, in this process, with functions in place of operations. The machine
 * that runs is the compiled one; a day of retries takes milliseconds. No network, no files, no account.
 */
import { compilePipeline } from './compiler/compile.ts';
import type { Pipeline } from './dsl/scope.ts';
import { virtualClock } from './engine/clock.ts';
import type { TaskOutcome, TaskRequest } from './engine/ports.ts';
import { startExecution } from './engine/run.ts';
import { BunsuiError } from './errors.ts';
import type { Json } from './ir/expressions.ts';
import type { GateWork } from './gate-layout.ts';
import type { OperationIr, PipelineIr } from './ir/nodes.ts';
import type { PipelineArtifact } from './ir/artifact.ts';
import { isLambda, tasksOf } from './ir/operations.ts';
import { nearest } from './ir/spelling.ts';
import { childError } from './asl/child-error.ts';
import { checkedMachines, runChild } from './testing/child-machines.ts';
import type { Keep } from './payload-layout.ts';
import { runApproval, type TestApprover } from './testing/approvals.ts';
import { type CompensationInMemory, compensationInMemory, isFinder, type Undoing } from './testing/compensation.ts';
import { type GatesInMemory, gatesInMemory } from './testing/gates.ts';
import { objectsInMemory } from './testing/objects.ts';
import { type PayloadsInMemory, payloadsInMemory } from './testing/payloads.ts';
import { virtualPorts } from './testing/virtual-ports.ts';
import * as z from 'zod';
import { type JsonLines, jsonLines } from './dsl/json-lines.ts';
import { runHandler } from './wrapper/wrap-handler.ts';
import { writesRecords } from './wrapper/values.ts';

export type { TestAnswer, TestApprover, TestQuestion } from './testing/approvals.ts';

/** What a function in place of an operation is told beside its input. */
export interface TestContext {
  /** The job's path: `load`, `convert[17]/one`. */
  readonly job: string;
  /** Which try this is, from 1. */
  readonly attempt: number;
  /** Passes virtual time: the job takes this much longer. */
  sleep(milliseconds: number): Promise<void>;
}

/**
 * A function in place of an operation. It is given the checked input, and what it returns is checked against the
 * contract. What it throws fails the job with the error's name.
 */
export type TestOperation = (input: never, context: TestContext) => unknown;

/**
 * Records in memory, for what is given `jsonLines(…)`: a handler's `run`, the input of a pipeline.
 * @example await load.run({ orders: await recordsOf([{ id: 'a' }, { id: 'b' }]) })
 */
export async function recordsOf<T>(records: Iterable<T> | AsyncIterable<T>): Promise<JsonLines<T>> {
  const schema = jsonLines(z.json());
  const at = await schema[writesRecords](records, { operation: 'recordsOf' });
  return schema.parse(at) as unknown as JsonLines<T>;
}

/** One try of one job. Times in milliseconds of virtual time since the start. */
export interface TestAttempt {
  readonly job: string;
  readonly attempt: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly input: Json;
  readonly output?: Json;
  readonly error?: string;
}

/** How a run ended. */
export interface TestRun {
  readonly status: 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED' | 'RUNNING';
  readonly output?: Json;
  readonly error?: string;
  readonly cause?: string;
  /** Virtual milliseconds from start to end. */
  readonly elapsedMs: number;
  /** Every try of every job, by the time it ended. */
  readonly attempts: readonly TestAttempt[];
  /** The objects as the run leaves them, with the results of maps over S3: texts by their places. Absent where there are none. */
  readonly objects?: { readonly [place: string]: string };
}

/** What `runPipeline` is given. */
export interface TestOptions {
  readonly input: { readonly [field: string]: unknown };
  /**
   * A function for each operation, by the operation's id. Pipelines that are called run too, and take theirs from here; a
   * function for `call-<id>` (`start-<id>` where nobody waits) stands for a called pipeline as a whole.
   */
  readonly operations: { readonly [operation: string]: TestOperation };
  /** A function for each approval, by its id, in place of the people who answer. */
  readonly approvals?: { readonly [approval: string]: TestApprover };
  /**
   * What maps over S3 read: texts by `s3://bucket/key`, of the platform's bucket by their keys alone.
   * @default nothing
   */
  readonly objects?: { readonly [place: string]: string };
  /** When the run starts. @default 2026-01-01T00:00:00Z */
  readonly startAt?: Date;
  /** Uniform in [0, 1), for jitter. @default always one half */
  readonly random?: () => number;
  /** What one machine may come to before the pipeline is cut into several. @default 900 KB and 20,000 events */
  readonly budget?: { readonly bytes: number; readonly events: number };
}

/**
 * Runs a pipeline in virtual time.
 *
 * @example
 * const run = await runPipeline(daily, { input: { date: '2026-01-01' }, operations: { extract: () => ({ rows: 3 }) } });
 * expect(run.output).toStrictEqual({ rows: 3 });
 *
 * @throws {BunsuiError} BS3001 when the input does not fit, BS1105 when an operation has no function, and with the first mistake of a pipeline that does not compile.
 */
export async function runPipeline(pipeline: Pipeline, options: TestOptions): Promise<TestRun> {
  const input = await checkedInput(pipeline, options.input);
  const artifact = compiledFor(pipeline, options);
  const pipelines = new Map(withCalled(pipeline, options).map((one) => [one.id, one]));
  for (const { ir, operations, forms } of pipelines.values()) {
    const needed = Object.keys(operations).filter((id) => !isCall(ir.operations[id], options) && !isFinder(ir, id));
    checkFunctions('operation', needed, options.operations);
    checkFunctions('approval', Object.keys(forms), options.approvals ?? {});
  }
  const others = [...pipelines.values()].filter((one) => one !== pipeline);
  const machines = checkedMachines(
    artifact,
    others.map((one) => compiledFor(one, { operations: options.operations })),
  );

  const startMs = (options.startAt ?? new Date('2026-01-01T00:00:00Z')).getTime();
  const clock = virtualClock(startMs);
  const attempts: TestAttempt[] = [];
  const gates = gatesInMemory();
  const payloads = payloadsInMemory();
  const undoing = compensationInMemory();
  const { keep = true, inline = Number.POSITIVE_INFINITY } = artifact.input ?? {};
  const apart: Promise<unknown>[] = [];
  const machine = `arn:aws:states:us-east-1:000000000000:stateMachine:${pipeline.id}`;
  const objects = objectsInMemory(options.objects ?? {});
  const handles = new Map<string, ReturnType<typeof startExecution>>();
  const ports: Parameters<typeof startExecution>[0] = {
    ...virtualPorts(clock, options.random),
    objects,
    tasks: {
      run: (task, signal) =>
        runApproval(pipelines.get(machineOf(task.executionArn)) ?? pipeline, options.approvals ?? {}, clock, task) ??
        gates.run(task, signal) ??
        runChild(ports, machines.children, task, signal, (child, arn) => {
          handles.set(arn, child);
          apart.push(child.done);
        }) ??
        describeMapRun(handles, task) ??
        runOperation(
          pipelines,
          options.operations,
          clock,
          startMs,
          attempts,
          { gates, payloads, undoing },
          task.arguments,
        ),
    },
  };
  const executionArn = machine.replace(':stateMachine:', ':execution:').concat(':test');
  const handle = startExecution(ports, {
    executionArn,
    name: 'test',
    stateMachineArn: machine,
    stateMachineName: pipeline.id,
    definition: machines.root,
    input: JSON.stringify(await payloads.begin(input as Json, keep, inline)),
  });
  handles.set(executionArn, handle);
  const { status, output, ...ended } = await handle.done;
  const { error, cause } = childError(ended);
  const elapsedMs = clock.now() - startMs;
  // What nobody waits for ends as well: what it does is told among the rest.
  await Promise.all(apart);
  return {
    status,
    ...(output === undefined ? {} : { output: payloads.whole(JSON.parse(output) as Json) }),
    ...(error === undefined ? {} : { error }),
    ...(cause === undefined ? {} : { cause }),
    elapsedMs,
    attempts,
    ...(objects.texts.size === 0 ? {} : { objects: Object.fromEntries(objects.texts) }),
  };
}

/** The totals of a map over S3. @returns undefined when the task asks for something else */
function describeMapRun(
  handles: ReadonlyMap<string, ReturnType<typeof startExecution>>,
  { resource, executionArn, arguments: given }: TaskRequest,
): Promise<TaskOutcome> | undefined {
  if (resource !== 'arn:aws:states:::aws-sdk:sfn:describeMapRun') return undefined;
  const { MapRunArn: arn } = given as { readonly MapRunArn: string };
  const { total = 0, succeeded = 0 } = handles.get(executionArn)?.itemCounts(arn) ?? {};
  return Promise.resolve({ ok: true, output: { MapRunArn: arn, ItemCounts: { Total: total, Succeeded: succeeded } } });
}

/** @throws {BunsuiError} with the first mistake of a pipeline that does not compile */
function compiledFor(pipeline: Pipeline, options: Pick<TestOptions, 'budget' | 'operations'>): PipelineArtifact {
  const { budget } = options;
  const compiled = compilePipeline(withFunctions(pipeline.ir, options), {
    sha256: () => '',
    ...(budget && { budget }),
  });
  const mistake = [...pipeline.diagnostics, ...compiled.diagnostics].find(({ severity }) => severity === 'error');
  if (!mistake && compiled.ok) return compiled.artifact;
  const { code = 'BS1002', message = 'the pipeline does not compile' } = mistake ?? {};
  throw new BunsuiError('PipelineError', code, message);
}

/** Whether the operation is a call of a pipeline that runs as it is. */
function isCall(operation: OperationIr | undefined, { operations }: Pick<TestOptions, 'operations'>): boolean {
  return operation !== undefined && 'call' in operation && !Object.hasOwn(operations, operation.id);
}

/** The pipeline and those that it calls, once each, without those that a function stands for. */
function withCalled(pipeline: Pipeline, options: Pick<TestOptions, 'operations'>): readonly Pipeline[] {
  const ids = tasksOf(pipeline.ir).flatMap((one) => (isCall(one, options) ? (one.call?.pipeline ?? []) : []));
  const called = [...new Set(ids)].flatMap((id) => pipeline.calls[id] ?? []);
  return [...new Set([pipeline, ...called.flatMap((one) => withCalled(one, options))])];
}

/** The machine that an execution is of: pipelines are known by it. */
function machineOf(executionArn: string): string {
  return executionArn.split(':')[6] ?? '';
}

/** Every operation as one that has a function: in a test that is what stands in its place. */
function withFunctions(ir: PipelineIr, options: Pick<TestOptions, 'operations'>): PipelineIr {
  const operations = Object.entries(ir.operations).map(([id, operation]): [string, OperationIr] => {
    if (isLambda(operation) || isCall(operation, options)) return [id, operation];
    const { source, input, output, retry, timeoutSeconds = 900 } = operation;
    const seconds = Math.min(timeoutSeconds, 900);
    const same = { id, source, input, output, ...(retry === undefined ? {} : { retry }) };
    return [id, { ...same, kind: 'lambda', entry: id, timeoutSeconds: seconds, memoryMiB: 128, environment: {} }];
  });
  return { ...ir, operations: Object.fromEntries(operations) };
}

/** The input with its defaults, as a start of a session has it: checked, and without fields nobody declared. */
async function checkedInput(pipeline: Pipeline, given: TestOptions['input']): Promise<unknown> {
  const refuse = (reasons: readonly string[]) =>
    new BunsuiError(
      'ValidationError',
      'BS3001',
      `the input does not fit the pipeline "${pipeline.id}": ${reasons.join('; ')}`,
    );
  const { properties, additionalProperties } = pipeline.ir.input;
  const declared = Object.keys(typeof properties === 'object' && properties !== null ? properties : {});
  const unknown = additionalProperties ? [] : Object.keys(given).filter((field) => !declared.includes(field));
  if (unknown.length > 0) {
    const reason = (field: string) => `there is no field "${field}"${didYouMean(field, declared)}`;
    throw refuse(unknown.map(reason));
  }
  const checked = await pipeline.input['~standard'].validate(given);
  if (!checked.issues) return checked.value;
  throw refuse(
    checked.issues.map(
      ({ message, path = [] }) =>
        `${path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')}: ${message}`,
    ),
  );
}

function didYouMean(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  return near === undefined ? '' : `, did you mean "${near}"?`;
}

function checkFunctions(what: 'operation' | 'approval', ids: readonly string[], given: object): void {
  const functions = new Map(Object.entries(given));
  const missing = ids.find((id) => typeof functions.get(id) !== 'function');
  if (missing === undefined) return;
  const near = nearest(
    missing,
    [...functions.keys()].filter((id) => !ids.includes(id)),
  );
  const parameter = what === 'operation' ? 'input' : 'question';
  throw new BunsuiError('ValidationError', 'BS1105', `${what} "${missing}" has no function`, {
    hint:
      near === undefined
        ? `give ${what}s: { ${missing}: (${parameter}) => … }`
        : `"${near}" is no ${what} of the pipeline: is "${missing}" meant?`,
  });
}

type Call = {
  readonly FunctionName: string;
  readonly Payload: {
    readonly bunsui: {
      readonly job: string;
      readonly operation: string;
      readonly attempt: number;
      readonly execution: string;
      readonly gates?: GateWork;
      readonly keep?: Keep;
      readonly inline?: number;
    } & Undoing;
    readonly input: Json;
  };
};
type VirtualTime = ReturnType<typeof virtualClock>;

async function runOperation(
  pipelines: ReadonlyMap<string, Pipeline>,
  operations: TestOptions['operations'],
  clock: VirtualTime,
  startMs: number,
  attempts: TestAttempt[],
  {
    gates,
    payloads,
    undoing,
  }: { readonly gates: GatesInMemory; readonly payloads: PayloadsInMemory; readonly undoing: CompensationInMemory },
  given: Json,
) {
  const { bunsui: called, input: sent } = (given as unknown as Call).Payload;
  const filled = undoing.given(called) ?? gates.fill(sent, called.gates?.inputs);
  const input = payloads.whole(filled);
  const attempt = called.attempt + 1;
  const begun = { job: called.job, attempt, startedAtMs: clock.now() - startMs, input };
  // The function works in real time; virtual time stands still meanwhile, but for what it sleeps.
  let release = clock.hold();
  const sleep = async (milliseconds: number) => {
    const woken = new Promise<void>((wake) => clock.wakeAt(clock.now() + milliseconds, wake));
    release();
    await woken;
    release = clock.hold();
  };
  undoing.begin(called);
  try {
    const pipeline = pipelines.get(machineOf(called.execution));
    const contract = pipeline?.operations[called.operation];
    const find: TestOperation = ({ jobs }: { readonly jobs: never }) => undoing.find(called.execution, jobs, sleep);
    const run = pipeline && isFinder(pipeline.ir, called.operation) ? find : operations[called.operation];
    if (!contract || !run) throw new Error(`there is no operation "${called.operation}"`);
    // Checked on the way in and out as in a function: a test is not to pass with values that would fail for real.
    const returned = await runHandler(contract, (value) => run(value, { job: called.job, attempt, sleep }), input);
    const output = JSON.parse(JSON.stringify(returned)) as Json;
    const left = await payloads.leave(called, output);
    undoing.end(called, { input: filled, output: left });
    attempts.push({ ...begun, endedAtMs: clock.now() - startMs, output });
    gates.complete(called.execution, called.job, left, called.gates);
    return { ok: true, output: { ExecutedVersion: '$LATEST', Payload: left, StatusCode: 200 } } as const;
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    undoing.end(called);
    attempts.push({ ...begun, endedAtMs: clock.now() - startMs, error: error.name });
    return {
      ok: false,
      error: error.name,
      cause: JSON.stringify({ errorType: error.name, errorMessage: error.message }),
    } as const;
  } finally {
    release();
  }
}
