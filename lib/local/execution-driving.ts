/**
 * What drives executions and puts them away when they have ended: which are open, who works for them, and that an end is
 * told before it is filed. `executions.ts` begins them and goes on with them, `execution-redrive.ts` redrives them.
 */
import { randomUUID } from 'node:crypto';
import type { HistoryEvent } from '../asl/history.ts';
import {
  ceasedToWork,
  type Clock,
  type EnginePorts,
  type Journal,
  type MapObjects,
  type TaskRunner,
} from '../engine/ports.ts';
import type { ExecutionHandle } from '../engine/run.ts';
import { errnoOf } from './durable-files.ts';
import { type Entry, wake } from './execution-entry.ts';
import type { ExecutionFolders } from './execution-folders.ts';
import { type ExecutionRecord, recordOf } from './execution-records.ts';
import {
  cutJournal,
  type JournalContent,
  type JournalFile,
  type JournalHeader,
  readEvents,
  readJournal,
} from './journal.ts';
import type { MachineStore } from './machines.ts';
import type { RuntimeLog } from './runtime-log.ts';

export interface ExecutionsOptions {
  readonly stateDir: string;
  readonly machines: MachineStore;
  readonly clock: Clock;
  readonly tasks: TaskRunner;
  /** What distributed Maps read. */
  readonly objects?: MapObjects;
  readonly log: RuntimeLog;
  /** Rejects with BS4003 when a function of that name is not whole on the disk. */
  readonly checkFunctions: (names: readonly string[]) => Promise<void>;
  /** Tells the world that an execution has ended; resolves when that has succeeded, rejects when the runtime closes. */
  readonly announce: (record: ExecutionRecord) => Promise<void>;
  /** Hears of each execution that begins to run here, or goes on after an event that was told before. */
  readonly onDriven: (executionArn: string, afterEvent: number) => void;
}

export interface Driving {
  readonly options: ExecutionsOptions;
  readonly folders: ExecutionFolders;
  /** The open ones, by ARN. */
  readonly entries: Map<string, Entry>;
  recordNow(header: JournalHeader, events: readonly HistoryEvent[]): ExecutionRecord;
  /** The open one of that ARN, once it has begun. @throws {BunsuiError} BS4003 when its journal is damaged */
  open(executionArn: string): Promise<Entry | undefined>;
  eventsOf(entry: Entry): Promise<readonly HistoryEvent[]>;
  /** What is durable of an execution, open or ended. */
  journalOf(executionArn: string): Promise<JournalContent | undefined>;
  /** Sees an execution through to its end, or to where it halts. */
  drive(entry: Entry, handle: ExecutionHandle, journal: JournalFile): void;
  /** Tells of an end and puts the journal away. */
  settled(entry: Entry, record: ExecutionRecord): void;
  /** Ends that a full disk, say, has kept from being put away are put away with the next one. */
  settleLeft(): void;
  /** Has the runtime wait for some work before it closes. */
  track(work: Promise<void>): void;
  closing(): boolean;
  close(): void;
  /** Resolves when nothing is being written any more. */
  idle(): Promise<void>;
}

export function drivingOf(options: ExecutionsOptions, folders: ExecutionFolders): Driving {
  const { log, clock } = options;
  const recordNow = (header: JournalHeader, events: readonly HistoryEvent[]) => recordOf(header, events, clock.now());
  const entries = new Map<string, Entry>();
  let closing = false;
  // What is still being written when the runtime closes.
  const atWork = new Set<Promise<void>>();
  const track = (work: Promise<void>) => {
    atWork.add(work);
    void work.finally(() => atWork.delete(work));
  };

  const settle = async (entry: Entry, record: ExecutionRecord) => {
    entry.ended = record;
    wake(entry);
    if (entry.announced === undefined) await options.announce(record);
    entry.announced = true;
    if (entry.cutTo !== undefined) await cutJournal(entry.path, entry.cutTo);
    await folders.putAway(entry.path, record);
    entries.delete(record.header.executionArn);
  };
  const settled = (entry: Entry, record: ExecutionRecord) => {
    const work = settle(entry, record)
      .catch((error: unknown) => {
        entry.unsettled = error;
        const what = entry.announced ? 'put among what has ended' : 'announced';
        if (!closing) log('error', `the end of ${entry.header.executionArn} is not ${what}: ${String(error)}`);
      })
      .finally(() => {
        entry.settling = undefined;
      });
    entry.settling = work;
    track(work);
  };
  const settleLeft = () => {
    for (const entry of entries.values()) {
      if (entry.ended !== undefined && entry.settling === undefined) settled(entry, entry.ended);
    }
  };

  const seen = async (entry: Entry, handle: ExecutionHandle, journal: JournalFile) => {
    entry.handle = handle;
    const before = handle.events.length;
    handle.onEvents(() => wake(entry));
    wake(entry);
    try {
      const outcome = await handle.done;
      if (outcome.status === 'RUNNING') return;
      settled(entry, recordNow(entry.header, handle.events));
      settleLeft();
    } catch (error) {
      // Of a start or a redrive that is refused there is nothing to resume.
      if (entry.starting === undefined || handle.events.length > before)
        log('error', `${entry.header.executionArn} halts, and can be resumed: ${String(error)}`);
    } finally {
      entry.handle = undefined;
      await journal.close().catch(() => {});
      wake(entry);
    }
  };

  const open = async (executionArn: string): Promise<Entry | undefined> => {
    await entries.get(executionArn)?.starting?.catch(() => {});
    const entry = entries.get(executionArn);
    if (entry?.damage !== undefined) throw entry.damage;
    return entry;
  };
  /** It may be put away while it is being looked for. */
  const openOrEnded = <T>(entry: Entry, isOpen: (path: string) => Promise<T>, ended: (arn: string) => Promise<T>) =>
    isOpen(entry.path).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return ended(entry.header.executionArn);
      throw error;
    });

  return {
    options,
    folders,
    entries,
    recordNow,
    open,
    async eventsOf(entry) {
      return entry.handle?.events ?? (await openOrEnded(entry, readEvents, folders.eventsOfEnded))?.events ?? [];
    },
    async journalOf(executionArn) {
      const entry = await open(executionArn);
      return entry === undefined ? folders.readEnded(executionArn) : openOrEnded(entry, readJournal, folders.readEnded);
    },
    drive: (entry, handle, journal) => track(seen(entry, handle, journal)),
    settled,
    settleLeft,
    track,
    closing: () => closing,
    close: () => {
      closing = true;
    },
    async idle() {
      while (atWork.size > 0) await Promise.all(atWork);
    },
  };
}

export function portsOf({ clock, tasks, objects }: ExecutionsOptions, journal: Journal, entry: Entry): EnginePorts {
  return {
    clock,
    random: Math.random,
    uuid: randomUUID,
    tasks: lettingFinish(tasks, entry),
    journal,
    ...(objects === undefined ? {} : { objects }),
  };
}

/** Tasks whose functions are not ended when their execution is stopped for a pause. */
function lettingFinish(tasks: TaskRunner, entry: Entry): TaskRunner {
  return {
    ...tasks,
    run(task, signal, progress) {
      if (!task.resource.endsWith(':lambda:invoke')) return tasks.run(task, signal, progress);
      const own = new AbortController();
      const abort = () => {
        if (!entry.letsFinish || signal.reason === ceasedToWork) own.abort(signal.reason);
      };
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
      return tasks.run(task, own.signal, progress).finally(() => signal.removeEventListener('abort', abort));
    },
  };
}

export function identityOf(header: JournalHeader) {
  const { executionArn, name, stateMachineArn, stateMachineName, roleArn } = header;
  return { executionArn, name, stateMachineArn, stateMachineName, roleArn };
}

/** Names of the functions that a definition calls by their ARN. */
export function functionsIn(definition: string): readonly string[] {
  const arns = definition.matchAll(/arn:aws:lambda:[a-z0-9-]+:\d{12}:function:([\w-]+)/g);
  return [...arns].flatMap(([, name]) => name ?? []);
}
