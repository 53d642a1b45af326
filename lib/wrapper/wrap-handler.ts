/**
 * The wrapper: what rides in every function of an author's. It checks what goes in and out, records that a job has
 * completed, and writes its log. It is light on purpose: no SDK, no schema library of its own.
 *
 * A compiled state calls the function with
 *
 *     { "bunsui": { "job": "convert[17]/one", "operation": "load", "attempt": 0, "redrive"?: 0,
 *                   "execution": "<execution ARN>", "startedAt": "<ISO 8601>",
 *                   "block"?: { "session", "createdAt", "generation" }, "gates"?: …, "keep"?: …, "inline"?: 32768,
 *                   "secrets"?: [{ "at": ["token"], "name": "warehouse/token" }],
 *                   "undoable"?: true, "compensates"?: "<path of the job it undoes>" },
 *       "input": { … } }
 *
 * `gates` (lib/gate-layout.ts) is there when the job takes values from behind gates or opens some. `attempt` is `State.RetryCount` (a runtime that was stopped and goes on adds `custom.bunsui.restarts` in the client
 * context: how often it has started this state's task again), `redrive` is `Execution.RedriveCount`, `startedAt` is `Execution.StartTime`. `block`
 * is absent when the execution was started without a session; the session is then derived from the execution.
 * The answer is the handler's output, of which what does not fit into `inline` bytes is moved to S3 but for what `keep`
 * names (lib/payload-layout.ts); what the input points at is fetched before. The checkpoint (see checkpoint.ts) is written before it is given, and a job that
 * has one is not run again in its generation: its recorded output is the answer. In a generation that a rerun has opened
 * the result of an earlier one may be the answer.
 */
import { jobErrors } from '../errors.ts';
import { captureConsole, type JobLog, jobLog } from './job-log.ts';
import { checkpoints, type Found, hashOfInput } from './checkpoint.ts';
import { readEnvelope } from './envelope.ts';
import { fillInput, openGates } from './gates.ts';
import { asError, jobError } from './job-error.ts';
import { payloads } from './payloads.ts';
import { jobProgress, type Progress, progressInMemory } from './progress.ts';
import { functionPorts, type WrapperPorts } from './ports.ts';
import { leakedSecret, maskedError, maskerOf, type Masker, maskOutput, readSecrets, withSecrets } from './secrets.ts';
import { signedCalls } from './signed-calls.ts';
import { beginUndoable, readUndone, type UndoneJob } from './undo.ts';
import { checkOutput, checkValue, type RecordsPlace, type Schema, writesRecords } from './values.ts';

/** What is known of an operation where its handler runs. */
export interface HandlerContract {
  readonly id: string;
  readonly input: Schema;
  readonly output: Schema;
}

/** What a handler is given beside its input. */
export interface HandlerContext extends Progress {
  /** Id of the session this job runs in. */
  readonly session: string;
  /** The job's path: `load`, `convert[17]/one`. */
  readonly job: string;
  /** Which run of the job this is, from 1: the tries before it, and those that were cut off and started again. */
  readonly attempt: number;
  readonly operation: string;
  /** From 1; a rerun that an operator asks for opens the next one. */
  readonly generation: number;
  /** The same for every try of this job in this generation: hand it to services that promise to act once per key. */
  readonly idempotencyKey: string;
  /** Of a compensation: which job it undoes. */
  readonly undoes?: UndoneJob;
  readonly log: JobLog;
  /** Milliseconds until the function is stopped; `Infinity` outside Lambda. */
  remainingTimeMs(): number;
  /** Aborted shortly before the function is stopped: pass it to whatever can be given up. */
  readonly signal: AbortSignal;
}

/** An author's handler, before its types are known. */
export type Run = (input: never, context: HandlerContext) => unknown;

/** What the wrapper uses of the context that Lambda gives. */
export interface LambdaContextLike {
  readonly awsRequestId?: string;
  readonly clientContext?: unknown;
  getRemainingTimeInMillis?(): number;
}

export type LambdaHandler = (event: unknown, context?: LambdaContextLike) => Promise<unknown>;

/** How long before a function's end its `signal` is aborted: a tenth of its time, at most a second. */
function signalLeadMs(remainingMs: number): number {
  return Math.min(1_000, remainingMs / 10);
}

/** setTimeout takes no more; a function lives 15 minutes at most. */
const maxTimerMs = 2_147_483_647;

function abortBefore(remainingMs: number): { readonly signal: AbortSignal; cancel(): void } {
  const controller = new AbortController();
  const delayMs = Math.max(0, remainingMs - signalLeadMs(remainingMs));
  if (delayMs > maxTimerMs) return { signal: controller.signal, cancel: () => undefined };
  const timer = setTimeout(() => controller.abort(new Error('the function is about to be stopped')), delayMs);
  timer.unref();
  return { signal: controller.signal, cancel: () => clearTimeout(timer) };
}

async function runChecked(
  contract: HandlerContract,
  run: Run,
  input: unknown,
  context: HandlerContext,
  stored?: RecordsPlace['stored'],
): Promise<{ readonly value: unknown; readonly text: string }> {
  const parsed = await checkValue(contract.input, input, jobErrors.inputInvalid, `the input of ${contract.id}`);
  let returned: unknown;
  try {
    returned = await run(parsed as never, context);
  } catch (thrown) {
    throw asError(thrown);
  }
  const { id, output } = contract;
  const write = output[writesRecords];
  if (write !== undefined)
    returned = await write(returned, { operation: id, ...(stored === undefined ? {} : { stored }) });
  else if (isGenerator(returned)) {
    const message = `the handler of ${id} is a generator, and the output of ${id} is no jsonLines(…): declare it so, or return a value`;
    throw jobError(jobErrors.outputInvalid, message);
  }
  return checkOutput(output, returned, id);
}

/** Nobody would run it, and a schema without fields would take it for an object. */
function isGenerator(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'next' in value && typeof value.next === 'function';
}

const consoleLog: JobLog = {
  debug: (message, fields) => console.debug(message, ...(fields === undefined ? [] : [fields])),
  info: (message, fields) => console.info(message, ...(fields === undefined ? [] : [fields])),
  warn: (message, fields) => console.warn(message, ...(fields === undefined ? [] : [fields])),
  error: (message, fields) => console.error(message, ...(fields === undefined ? [] : [fields])),
};

/**
 * Checks the input, runs the handler, checks the output: what a unit test calls. Nothing is recorded, the log goes to
 * the console.
 *
 * @param context overrides of what the handler sees
 * @throws an error named `Bunsui.InputInvalid` or `Bunsui.OutputInvalid`, or what the handler throws
 */
export async function runHandler(
  contract: HandlerContract,
  run: Run,
  input: unknown,
  context: Partial<HandlerContext> = {},
): Promise<unknown> {
  const { id } = contract;
  const whole: HandlerContext = {
    session: 'local',
    job: id,
    attempt: 1,
    operation: id,
    generation: 1,
    idempotencyKey: `local/1/${id}`,
    log: consoleLog,
    remainingTimeMs: () => Number.POSITIVE_INFINITY,
    signal: new AbortController().signal,
    ...progressInMemory(context.job ?? id),
    ...context,
  };
  return (await runChecked(contract, run, input, whole)).value;
}

/**
 * Makes the handler that Lambda calls.
 * @param ports the function's outside world; tests give another
 */
export function wrapHandler(contract: HandlerContract, run: Run, ports: WrapperPorts = functionPorts()): LambdaHandler {
  return async (event, lambdaContext = {}) => {
    const startedAtMs = ports.now();
    const remainingTimeMs = (): number => lambdaContext.getRemainingTimeInMillis?.() ?? Number.POSITIVE_INFINITY;
    const envelope = readEnvelope(event, lambdaContext.clientContext, contract.id);
    const { job, operation, attempt, block } = envelope;
    const { awsRequestId } = lambdaContext;
    let masker: Masker | undefined;
    let unmask = (): void => undefined;
    const writeLine = (line: string) => ports.writeLine(masker === undefined ? line : masker.text(line));
    const log = jobLog(
      { ...ports, writeLine },
      {
        session_id: block.session,
        job_id: job,
        operation_id: operation,
        attempt,
        ...(awsRequestId === undefined ? {} : { request_id: awsRequestId }),
      },
    );
    const call = signedCalls(ports, remainingTimeMs);
    const store = checkpoints(ports, call);
    const large = payloads(ports, remainingTimeMs);
    const sinceStart = () => ({ duration_ms: ports.now() - startedAtMs });
    /** The recorded output counts. Whoever recorded it may have stopped before the gates were open. */
    const stored = async (found: Found | undefined): Promise<unknown> => {
      if (found === undefined) {
        throw jobError(jobErrors.recordFailed, `the checkpoint of ${job} was there and is gone`);
      }
      await openGates(ports, call, envelope, found.output);
      const how = found.as === 'skip' ? { skipped: true } : { reused: true };
      log.info('job completed', { ...sinceStart(), ...how });
      return JSON.parse(found.output);
    };

    log.info('job started');
    const release = captureConsole(log);
    const { signal, cancel } = abortBefore(remainingTimeMs());
    let ended: (() => Promise<void>) | undefined;
    try {
      const before = await store?.find(envelope);
      if (before !== undefined && before.as !== 'candidate') return await stored(before);
      const undone = await readUndone(envelope, store);
      const given = undone?.input ?? (await fillInput(envelope, store));
      const input = await large.fetch(envelope, given);
      const inputHash = hashOfInput(input);
      if (before !== undefined && before.inputHash === inputHash) {
        // What comes before this job has changed, and gives it the same as ever.
        await store?.record(envelope, { ...before, inputHash });
        return await stored(await store?.find(envelope));
      }
      const idempotencyKey = `${block.session}/${block.generation}/${job}`;
      const { session, generation } = block;
      const secretIn = (text: string) => masker?.found(text);
      const progress = jobProgress(ports, call, envelope, secretIn);
      const undoes = undone && { undoes: undone.undoes };
      const about = { session, job, attempt, operation, generation, idempotencyKey, ...undoes };
      const context = { ...about, log, remainingTimeMs, signal, ...progress };
      const secrets = await readSecrets(ports, call, envelope.secrets);
      ended = await beginUndoable(ports, call, envelope, remainingTimeMs());
      masker = maskerOf(secrets);
      unmask = maskOutput(masker);
      const place = { ports, remainingMs: remainingTimeMs, block, job, attempt, secretIn };
      const made = await runChecked(contract, run, withSecrets(input, envelope.secrets, secrets), context, place);
      const leaked = masker?.found(made.text);
      if (leaked !== undefined) throw leakedSecret(`the output of ${operation}`, leaked);
      const output = await large.leave(envelope, made);
      const kept = envelope.undoable ? { input: JSON.stringify(given) } : {};
      if ((await store?.record(envelope, { output: output.text, inputHash, ...kept })) === 'exists') {
        // Another run of this job completed first, or an answer was lost: what is recorded counts.
        return await stored(await store?.find(envelope));
      }
      await openGates(ports, call, envelope, output.text);
      log.info('job completed', sinceStart());
      return output.value;
    } catch (thrown) {
      const error = maskedError(asError(thrown), masker);
      log.error('job failed', { ...sinceStart(), error });
      // Whoever undoes waits until its time is over where this cannot be said.
      await ended?.().catch(() => undefined);
      throw error;
    } finally {
      cancel();
      release();
      unmask();
    }
  };
}
