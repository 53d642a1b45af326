/** Ends of sessions that could not be recorded when they came: what the runtime says of them, for who watches. */
import type { RuntimeLog } from '../local/runtime-log.ts';
import { lateRecord, noRecord } from '../local/status-events.ts';
import type { CommandContext } from './context.ts';
import { harmlessLine } from './harmless.ts';

/** What was heard, by the execution's ARN. */
export interface EndRecords {
  readonly log: RuntimeLog;
  /** Why the end of an execution could not be recorded, and since when that is known. */
  failure(executionArn: string): { readonly reason: string; readonly sinceMs: number } | undefined;
  /** Whether the end was recorded only now, by the runtime that was opened. */
  isLate(executionArn: string): boolean;
}

/** Hears the runtime's log. `say` is told of the first failure of each execution, and of ends recorded late. */
export function hearEndRecords(say: (text: string) => void): EndRecords {
  const failures = new Map<string, { readonly reason: string; readonly sinceMs: number }>();
  const late = new Set<string>();
  return {
    log(_, message, { executionArn } = {}) {
      if (typeof executionArn !== 'string') return;
      if (message === lateRecord) {
        late.add(executionArn);
        say(`${message}: ${sessionIn(executionArn)}`);
      } else if (message.startsWith(`${noRecord}: `)) {
        const reason = harmlessLine(message.slice(noRecord.length + 2));
        if (!failures.has(executionArn)) say(`${noRecord}: ${reason}`);
        failures.set(executionArn, { reason, sinceMs: failures.get(executionArn)?.sinceMs ?? Date.now() });
      }
    },
    failure: (executionArn) => failures.get(executionArn),
    isLate: (executionArn) => late.has(executionArn),
  };
}

const sessionIn = (executionArn: string) => /:session-([^:]+)-\d+$/.exec(executionArn)?.[1] ?? executionArn;

/** For commands that only read: says on stderr what opening the runtime has made good. */
export function tellingLateRecords({ terminal }: CommandContext): RuntimeLog {
  const { log } = hearEndRecords((text) => terminal.err.write(`${text}\n`));
  return log;
}
