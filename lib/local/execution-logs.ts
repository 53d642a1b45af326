/**
 * The logs of executions: the events of a machine that has a logging configuration, in the log group that it names, as
 * Step Functions delivers them. A stream for each execution. A hint, as it is on AWS: what is cut off is not made up for.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
 */
import type { HistoryEvent } from '../asl/history.ts';
import type { Executions } from './executions.ts';
import type { LogStore, LogStream } from './log-store.ts';
import type { Machine, MachineStore } from './machines.ts';
import type { RuntimeLog } from './runtime-log.ts';
import { historyEvent } from './step-functions-shapes.ts';

export interface ExecutionLogs {
  /** Writes down an execution to its end, or until the logs are closed. @param afterEvent up to which it is written */
  follow(executions: Executions, executionArn: string, afterEvent: number): void;
  /** Where the events of an EXPRESS execution go; `close` waits for what is being written. */
  express(machine: Machine, executionArn: string): ExpressLog;
  close(): Promise<void>;
}

export interface ExpressLog {
  write(events: readonly HistoryEvent[]): void;
  /** There are no more. */
  end(): void;
}

type Level = 'ALL' | 'ERROR' | 'FATAL';

interface Logging {
  readonly level: Level;
  readonly withData: boolean;
  readonly group: string;
}

export function openExecutionLogs(store: LogStore, machines: MachineStore, log: RuntimeLog): ExecutionLogs {
  const stopped = new AbortController();
  const atWork = new Set<Promise<void>>();
  const track = (work: Promise<void>, executionArn: string) => {
    const settled = work.catch((error: unknown) => log('warn', `${executionArn} is not logged: ${String(error)}`));
    atWork.add(settled);
    void settled.finally(() => atWork.delete(settled));
  };
  const writerFor = ({ level, withData, group }: Logging, executionArn: string) => {
    let stream: LogStream | undefined;
    return {
      async write(events: readonly HistoryEvent[]) {
        const logged = events.filter(({ type }) => isLogged(type, level));
        if (logged.length === 0) return;
        stream ??= store.newStream(group, logged[0]?.timestamp ?? 0);
        await stream.append(
          logged.map((event) => ({
            timestampMs: event.timestamp,
            message: messageOf(event, executionArn, withData),
          })),
        );
      },
      close: async () => stream?.close(),
    };
  };

  const run = async (executions: Executions, executionArn: string, afterEvent: number) => {
    const machine = await machines.find(executionArn.split(':')[6] ?? '');
    const logging = loggingOf(machine);
    if (logging === undefined) return;
    const writer = writerFor(logging, executionArn);
    try {
      for (let after = afterEvent; !stopped.signal.aborted; ) {
        const followed = await executions.follow(executionArn, after, stopped.signal);
        if (followed === undefined) return;
        after += followed.events.length;
        await writer.write(followed.events);
        if (followed.status !== 'RUNNING' || !followed.driven) return;
      }
    } finally {
      await writer.close();
    }
  };

  return {
    follow: (executions, executionArn, afterEvent) => track(run(executions, executionArn, afterEvent), executionArn),
    express(machine, executionArn) {
      const logging = loggingOf(machine);
      if (logging === undefined) return { write: () => {}, end: () => {} };
      const writer = writerFor(logging, executionArn);
      let last = Promise.resolve();
      const next = (work: () => Promise<void>) => {
        last = last.then(work);
        track(last, executionArn);
      };
      return { write: (events) => next(() => writer.write(events)), end: () => next(writer.close) };
    },
    async close() {
      stopped.abort();
      await Promise.all(atWork);
    },
  };
}

/** What of a machine's configuration counts; undefined when nothing is logged. */
function loggingOf(machine: Machine | undefined): Logging | undefined {
  const { level, includeExecutionData: withData = false, destinations } = machine?.loggingConfiguration ?? {};
  if (level === undefined || level === 'OFF') return undefined;
  // arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*
  const group = destinations?.[0]?.cloudWatchLogsLogGroup?.logGroupArn?.split(':')[6];
  return group === undefined ? undefined : { level, withData, group };
}

const fatal: ReadonlySet<string> = new Set(['ExecutionAborted', 'ExecutionFailed', 'ExecutionTimedOut']);

/**
 * Whether events of a type are logged at a level.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/cloudwatch-log-level.html
 */
export function isLogged(type: HistoryEvent['type'], level: Level): boolean {
  if (level === 'ALL' || fatal.has(type)) return true;
  return level === 'ERROR' && (type === 'FailStateEntered' || /(Failed|Aborted|TimedOut)$/.test(type));
}

function messageOf(event: HistoryEvent, executionArn: string, withData: boolean): string {
  const shown = Object.entries(historyEvent(event, withData)).find(([name]) => name.endsWith('EventDetails'));
  return JSON.stringify({
    id: String(event.id),
    type: event.type,
    details: shown?.[1] ?? {},
    previous_event_id: String(event.previousEventId),
    event_timestamp: String(event.timestamp),
    execution_arn: executionArn,
  });
}
