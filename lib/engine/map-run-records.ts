/**
 * Map runs as a journal tells of them: in go the records of an execution, out come its runs with their children and the
 * children's histories. By the same fold as the execution itself, so that nothing is kept twice.
 */
import type { HistoryEvent } from '../asl/history.ts';
import { childOf, type ExecutionIdentity, type Fan, newExecution, type Thread } from './execution.ts';
import { applyRecord } from './fold.ts';
import { runOf } from './fold-map-run.ts';
import type { ChildExecution, MapRun } from './map-run-state.ts';
import type { JournalRecord } from './ports.ts';

/** A child execution of a map run. Those that have not begun have neither name nor ARN, and are only counted. */
export type ChildRecord = Omit<ChildExecution, 'events'> & { readonly events: readonly HistoryEvent[] };

export interface MapRunRecord {
  readonly run: Omit<MapRun, 'status'>;
  readonly status: MapRun['status'] | 'ABORTED';
  /** The execution that has started it: a child itself, where runs are within runs. */
  readonly executionArn: string;
  readonly stateMachineArn: string;
  /** When it has ended, in milliseconds since the epoch. */
  readonly stoppedAtMs: number | undefined;
  /** Those that have begun, in the order of their items. */
  readonly children: readonly ChildRecord[];
  /** How many have not, and the items in these. */
  readonly pending: { readonly executions: number; readonly items: number };
}

interface Seen {
  readonly thread: Thread;
  readonly run: MapRun;
  readonly owner: ChildExecution | undefined;
  fan: Fan | undefined;
  /** Its Map failed by itself, or was given up, while it was under way. */
  left: { readonly status: 'FAILED' | 'ABORTED'; readonly atMs: number } | undefined;
}

/** The map runs of an execution, in the order in which they were started. */
export function mapRunsIn(identity: ExecutionIdentity, records: readonly JournalRecord[]): readonly MapRunRecord[] {
  const execution = newExecution(identity);
  const seen: Seen[] = [];
  const histories = new Map<ChildExecution, HistoryEvent[]>();
  const isAlive = ({ thread }: Seen) => execution.threads.get(thread.id) === thread;
  let nowMs = 0;
  for (const record of records) {
    const id = String(record.thread);
    const event = eventOf(record);
    nowMs = event?.timestamp ?? nowMs;
    const child = record.kind === 'event' ? undefined : childOf(execution.threads.get(id));
    applyRecord(execution, record);
    if (child !== undefined && event !== undefined) {
      const history = histories.get(child);
      if (history === undefined) histories.set(child, [event]);
      else history.push(event);
    }
    const thread = execution.threads.get(id);
    const run = thread === undefined || record.kind === 'event' ? undefined : runOf(thread);
    if (thread !== undefined && run !== undefined && record.kind === 'private') {
      if (record['type'] === 'run') {
        seen.push({ thread, run, owner: childOf(thread), fan: undefined, left: undefined });
      } else if (record['type'] === 'children' && thread.phase.kind === 'children') {
        const { fan } = thread.phase;
        for (const each of seen) if (each.run === run) each.fan = fan;
      }
    }
    for (const each of seen) {
      if (each.run.status !== 'RUNNING') continue;
      const isUnderWay = isAlive(each) && runOf(each.thread) === each.run;
      each.left = isUnderWay ? undefined : (each.left ?? { status: isAlive(each) ? 'FAILED' : 'ABORTED', atMs: nowMs });
    }
  }
  return seen.map((each) => {
    const { run, owner } = each;
    const left = run.status === 'RUNNING' ? each.left : undefined;
    const { executions = [], inputs = [] } = each.fan ?? {};
    const begun = executions.filter((child) => child !== undefined);
    const items = begun.reduce((sum, child) => sum + child.items, 0);
    return {
      run,
      status: left?.status ?? run.status,
      executionArn: owner?.executionArn ?? identity.executionArn,
      stateMachineArn: owner?.stateMachineArn ?? identity.stateMachineArn,
      stoppedAtMs: left?.atMs ?? run.stoppedAtMs,
      children: begun.map((child) => childRecord(child, histories.get(child) ?? [], left?.atMs)),
      pending: { executions: inputs.length - begun.length, items: run.items - items },
    };
  });
}

function eventOf(record: JournalRecord): HistoryEvent | undefined {
  if (record.kind === 'event') return record.event;
  return record['type'] === 'childEvent' ? (record['event'] as unknown as HistoryEvent) : undefined;
}

/** @param leftAtMs when its run was left, and the child with it, which no record says */
function childRecord(
  child: ChildExecution,
  events: readonly HistoryEvent[],
  leftAtMs: number | undefined,
): ChildRecord {
  if (leftAtMs === undefined || child.status === 'SUCCEEDED' || child.stoppedAtMs !== undefined) {
    return { ...child, events };
  }
  const last = events.at(-1)?.id ?? 0;
  const aborted: HistoryEvent = {
    id: last + 1,
    previousEventId: last,
    timestamp: leftAtMs,
    type: 'ExecutionAborted',
    executionAbortedEventDetails: {},
  };
  return { ...child, status: 'ABORTED', stoppedAtMs: leftAtMs, events: [...events, aborted] };
}
