/** What a cut journal is checked for. */
import { expect } from 'vitest';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { newExecution } from '../../lib/engine/execution.ts';
import { applyRecord } from '../../lib/engine/fold.ts';
import type { JournalRecord, MapObjects, TaskRequest } from '../../lib/engine/ports.ts';
import { type Answer, definitionOf, identityOf, type Run, resume, run } from './machine.ts';

/** Events with their threads, those of child executions too; `history` tells whose ids they have. */
function placedEvents(records: readonly JournalRecord[]): readonly {
  readonly event: HistoryEvent;
  readonly thread: string;
  readonly history: string;
}[] {
  const children: string[] = [];
  return records.flatMap((record) => {
    if (record.kind === 'event') return [{ event: record.event, thread: record.thread, history: '' }];
    if (record['type'] !== 'childEvent') return [];
    const [thread, event] = [String(record['thread']), record['event'] as unknown as HistoryEvent];
    if (event.type === 'ExecutionStarted') children.push(thread);
    const history = children.filter((child) => thread === child || thread.startsWith(`${child}/`)).at(-1) ?? '';
    return [{ event, thread, history }];
  });
}

/** The ends of tries in the records, each as the thread and the arguments (which hold the number of the try). */
function endsByThread(records: readonly JournalRecord[]): readonly string[] {
  const ends = placedEvents(records).flatMap(({ event, thread }) =>
    /^Task(Succeeded|Failed|TimedOut)$/.test(event.type) ? [thread] : [],
  );
  return endedTasks(records).map((parameters, index) => `${ends[index]} ${parameters}`);
}

/** The arguments of the tries whose end stands in the records, once per end. */
function endedTasks(records: readonly JournalRecord[]): readonly string[] {
  const parameters = new Map<string, string>();
  return placedEvents(records).flatMap(({ event, history }) => {
    const keyOf = (id: number) => `${history} ${id}`;
    const before = parameters.get(keyOf(event.previousEventId)) ?? '';
    if (event.type === 'TaskScheduled') parameters.set(keyOf(event.id), event.taskScheduledEventDetails.parameters);
    // A start refers to its scheduling, or to the start before it; an end to its start.
    if (event.type === 'TaskStarted') parameters.set(keyOf(event.id), before);
    const isEnd = event.type === 'TaskSucceeded' || event.type === 'TaskFailed' || event.type === 'TaskTimedOut';
    return isEnd ? [before] : [];
  });
}

/** What is in `taken` and no longer there once `left` has been taken out of `all`. */
function beyond(all: readonly string[], left: readonly string[], taken: readonly string[]): readonly string[] {
  const rest = [...all];
  for (const key of left) rest.splice(rest.indexOf(key), 1);
  return taken.filter((key) => {
    const at = rest.indexOf(key);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}

/** Folds a whole journal. @returns the status at its end. */
export function foldWhole(machine: object, records: readonly JournalRecord[]): string {
  const execution = newExecution(identityOf(definitionOf(machine)));
  for (const record of records) applyRecord(execution, record);
  return execution.outcome.status;
}

/** Ids of the starts that repeat another one. */
export function restartIds(records: readonly JournalRecord[]): ReadonlySet<number> {
  const starts = records.flatMap((record) =>
    record.kind === 'event' && record.event.type === 'TaskStarted' ? [record.event] : [],
  );
  const ids = new Set(starts.map(({ id }) => id));
  return new Set(starts.filter(({ previousEventId }) => ids.has(previousEventId)).map(({ id }) => id));
}

/** How many tasks have been started, and nothing has followed. */
function inFlight(records: readonly JournalRecord[]): number {
  const events = records.flatMap((record) => (record.kind === 'event' ? [record.event] : []));
  const followed = new Set(events.map(({ previousEventId }) => previousEventId));
  return events.filter(({ type, id }) => type === 'TaskStarted' && !followed.has(id)).length;
}

/** Events without ids and times, sorted: what happened, whatever the order between branches; restarts left out. */
export const happened = (records: readonly JournalRecord[]) => {
  const restarts = restartIds(records);
  return records
    .flatMap((record) => {
      if (record.kind !== 'event' || restarts.has(record.event.id)) return [];
      const { id: _, previousEventId: __, timestamp: ___, ...rest } = record.event;
      return [JSON.stringify(rest)];
    })
    .sort();
};

/**
 * Cuts the journal of a run after every record and resumes it with the same answers: the end is the same, and no try
 * ends twice. `steady`: no task fails for good, so that what happens is the same as well, event for event.
 */
export async function checkEveryCut(
  machine: object,
  input: unknown,
  answer: Answer,
  steady: boolean,
  objects?: MapObjects,
): Promise<Run> {
  const whole = await run(machine, input, answer, objects);
  const argumentsOf = (tasks: readonly TaskRequest[]) => tasks.map((request) => JSON.stringify(request.arguments));
  for (let cut = 1; cut <= whole.records.length; cut += 1) {
    const kept = whole.records.slice(0, cut);
    const rest = await resume(machine, kept, answer, objects);
    const joined = [...kept, ...rest.records];
    expect({
      cut,
      outcome: rest.outcome,
      status: foldWhole(machine, joined),
      // Which branch fails first is a race, so that a resumed run may get to tries the whole one never started.
      repeated: steady ? beyond(argumentsOf(whole.tasks), endedTasks(kept), argumentsOf(rest.tasks)) : [],
      endedTwice: endsByThread(joined).filter((end, index, all) => all.indexOf(end) !== index),
      happened: steady ? happened(joined) : [],
      restarts: steady ? restartIds(joined).size : 0,
    }).toStrictEqual({
      cut,
      outcome: whole.outcome,
      status: whole.outcome.status,
      repeated: [],
      endedTwice: [],
      happened: steady ? happened(whole.records) : [],
      restarts: steady ? inFlight(kept) : 0,
    });
  }
  return whole;
}
