/**
 * Says that executions have ended, as EventBridge does on AWS: a status-change event for the function that is the
 * target, tried until the function succeeds. At least once: after a crash an event comes again, with the same id.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
 */
import { setTimeout as wait } from 'node:timers/promises';
import { join } from 'node:path';
import type { Json } from '../ir/expressions.ts';
import { readIfThere, writeFileAtomic } from './durable-files.ts';
import type { ExecutionRecord } from './execution-records.ts';
import type { FunctionPool } from './function-pool.ts';
import type { RuntimeLog } from './runtime-log.ts';
import { sha256 } from '../request-signature.ts';

export interface StatusEvents {
  /** The function that hears of ends; kept over restarts. */
  setTarget(functionName: string): Promise<void>;
  /** Resolves when the target has succeeded, at once when there is none. Rejects when the runtime closes before. */
  announce(record: ExecutionRecord): Promise<void>;
  /** Tells the target, once, of an execution that runs: a called session is recorded then. What fails is told at its end. */
  begun(record: ExecutionRecord): Promise<void>;
  /** Tries no more. What is being delivered may take two seconds to finish. */
  close(): Promise<void>;
}

/** Who waits for a record gives up after twenty seconds: it takes little longer to notice that there is space again. */
const longestPauseMs = 10_000;
const graceMs = 2_000;

/** Beginnings of what the runtime's log says of an end; its fields name the `executionArn`. */
export const noRecord = 'the end of the session could not be recorded';
export const lateRecord = 'the end of the session, which could not be recorded before, is recorded now';

/** It had ended before the runtime was opened, whose process then could not have it recorded. */
const isLate = ({ stoppedAtMs }: ExecutionRecord, openedAtMs: number) => (stoppedAtMs ?? openedAtMs) < openedAtMs;

/** Opens the announcements of a state folder. */
export async function openStatusEvents(
  stateDir: string,
  place: { readonly region: string; readonly accountId: string },
  pool: FunctionPool,
  log: RuntimeLog,
): Promise<StatusEvents> {
  const file = join(stateDir, 'status-change-target.json');
  let target = readTarget(await readIfThere(file));
  const openedAtMs = Date.now();
  const closing = new AbortController();
  const closed = new AbortController();
  const delivering = new Set<Promise<unknown>>();
  const deliverTracked = (functionName: string, event: object) => {
    const delivery = deliver(pool, functionName, event, closed.signal);
    delivering.add(delivery);
    return delivery.finally(() => delivering.delete(delivery));
  };
  return {
    async setTarget(functionName) {
      if (functionName === target) return;
      await writeFileAtomic(file, JSON.stringify({ functionName }));
      target = functionName;
    },
    async announce(record) {
      for (let attempt = 1; ; attempt += 1) {
        if (target === undefined) return;
        closing.signal.throwIfAborted();
        const failure = await deliverTracked(target, statusChangeEvent(record, place));
        const { executionArn } = record.header;
        if (failure === undefined) {
          if (isLate(record, openedAtMs)) log('info', lateRecord, { executionArn });
          return;
        }
        closing.signal.throwIfAborted();
        log('warn', `the end of ${executionArn} was not taken by ${target}, try ${attempt}: ${failure}`);
        // The first may be chance; who waits for the record is to hear of the second.
        if (attempt > 1) log('error', `${noRecord}: ${failure}`, { executionArn });
        await wait(Math.min(500 * 2 ** (attempt - 1), longestPauseMs), undefined, {
          signal: closing.signal,
          ref: false,
        });
      }
    },
    async begun(record) {
      const { executionArn } = record.header;
      const failure = target === undefined ? undefined : await deliverTracked(target, statusChangeEvent(record, place));
      if (failure !== undefined && !closing.signal.aborted)
        log('warn', `the beginning of ${executionArn} was not taken by ${target}: ${failure}`);
    },
    async close() {
      closing.abort();
      const enough = new AbortController();
      const grace = wait(graceMs, undefined, { signal: enough.signal }).catch(() => {});
      await Promise.race([Promise.allSettled(delivering), grace]);
      enough.abort();
      closed.abort();
    },
  };
}

async function deliver(
  pool: FunctionPool,
  target: string,
  event: object,
  signal: AbortSignal,
): Promise<string | undefined> {
  const config = pool.find(target);
  if (config === undefined) return 'no such function';
  const result = await pool.invoke(config, JSON.stringify(event), signal);
  return result.ok ? undefined : `${result.error.errorType}: ${result.error.errorMessage}`;
}

/** The event that says that an execution has ended, or runs. */
export function statusChangeEvent(
  record: ExecutionRecord,
  place: { readonly region: string; readonly accountId: string },
): { readonly [field: string]: Json } {
  const { header, status, stoppedAtMs, output, error, cause } = record;
  const { executionArn, stateMachineArn, name, input, startedAtMs } = header;
  return {
    version: '0',
    id: uuidOf(`${executionArn}/${status}/${stoppedAtMs ?? startedAtMs}`),
    'detail-type': 'Step Functions Execution Status Change',
    source: 'aws.states',
    account: place.accountId,
    time: new Date(stoppedAtMs ?? startedAtMs).toISOString().replace(/\.\d{3}Z$/, 'Z'),
    region: place.region,
    resources: [executionArn],
    detail: {
      executionArn,
      stateMachineArn,
      name,
      status,
      startDate: startedAtMs,
      stopDate: stoppedAtMs ?? null,
      input,
      output: output ?? null,
      ...(error !== undefined && { error }),
      ...(cause !== undefined && { cause }),
    },
  };
}

function uuidOf(text: string): string {
  const hex = sha256(text);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function readTarget(text: string | undefined): string | undefined {
  try {
    const value: unknown = JSON.parse(text ?? 'null');
    const given =
      typeof value === 'object' && value !== null && 'functionName' in value ? value.functionName : undefined;
    return typeof given === 'string' ? given : undefined;
  } catch {
    return undefined;
  }
}
