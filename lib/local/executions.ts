/**
 * The executions of a state folder. One that runs, or whose end has not been announced yet, has its journal in
 * `executions/open/`; afterwards the journal lies in `executions/ended/` and a line of `executions/ended.jsonl` says so.
 * So opening a folder looks at what is unfinished only, however much has ended.
 */
import { randomUUID } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionStatus, HistoryEvent } from '../asl/history.ts';
import type { Clock, EnginePorts, Journal, JournalRecord, ObjectSource, TaskRunner } from '../engine/ports.ts';
import { type ExecutionHandle, redriveExecution, resumeExecution, startExecution } from '../engine/run.ts';
import { BunsuiError } from '../errors.ts';
import { durableLines, errnoOf, makeFolder, readIfThere, safeFileName } from './durable-files.ts';
import {
  createJournal,
  type ExecutionOrigin,
  type JournalFile,
  type JournalHeader,
  openJournal,
  readJournal,
} from './journal.ts';
import type { Machine, MachineStore } from './machines.ts';
import { keyedTurns } from './object-store.ts';
import type { RuntimeLog } from './runtime-log.ts';

/** What is known of an execution. Times in milliseconds since the epoch; input and output are JSON text. */
export interface ExecutionRecord {
  readonly header: JournalHeader;
  readonly status: ExecutionStatus;
  readonly stoppedAtMs?: number;
  readonly output?: string;
  readonly error?: string;
  readonly cause?: string;
  /** How often it was redriven, and when last. */
  readonly redriveCount: number;
  readonly redrivenAtMs?: number;
  /** Why it cannot be redriven; absent when it can. */
  readonly notRedrivable?: string;
}

/** One line of a list of executions. */
export interface ExecutionSummary {
  readonly executionArn: string;
  readonly stateMachineArn: string;
  readonly name: string;
  readonly status: ExecutionStatus;
  readonly startedAtMs: number;
  readonly stoppedAtMs?: number;
  readonly redriveCount?: number;
  readonly redrivenAtMs?: number;
  readonly origin?: ExecutionOrigin;
}

export interface Executions {
  /**
   * Starts an execution.
   *
   * @returns `'exists'` when the name was used, unless it runs with the same input: then that one is given.
   */
  start(machine: Machine, name: string, input: string, origin?: ExecutionOrigin): Promise<JournalHeader | 'exists'>;
  find(executionArn: string): Promise<ExecutionRecord | undefined>;
  history(executionArn: string): Promise<readonly HistoryEvent[] | undefined>;
  list(): Promise<readonly ExecutionSummary[]>;
  /** Goes on with executions that an earlier process left unfinished: all, or those named. @returns which. */
  resume(executionArns?: readonly string[]): Promise<readonly string[]>;
  /**
   * Goes on with an execution that has ended without success, where it failed.
   *
   * @param token a second call with it does nothing
   * @returns when it was redriven, or why it cannot be; `undefined` when there is no such execution
   */
  redrive(
    executionArn: string,
    token?: string,
  ): Promise<{ readonly atMs: number } | { readonly refused: string } | undefined>;
  /** Aborts an execution. @returns when it stopped; `undefined` when there is no such execution. */
  stop(executionArn: string, error?: string, cause?: string): Promise<number | undefined>;
  /**
   * Durable events after `afterId`; waits for some when there are none and more may come.
   * `driven` is false while an unfinished execution waits to be resumed.
   */
  follow(executionArn: string, afterId: number, signal: AbortSignal): Promise<Followed | undefined>;
  /** Ceases to work and records nothing: all that runs can be resumed. */
  suspend(): Promise<void>;
  /** Whether that has begun. */
  closing(): boolean;
}

export interface Followed {
  readonly status: ExecutionStatus;
  readonly driven: boolean;
  readonly events: readonly HistoryEvent[];
}

export interface ExecutionsOptions {
  readonly stateDir: string;
  readonly machines: MachineStore;
  readonly clock: Clock;
  readonly tasks: TaskRunner;
  /** What distributed Maps read. */
  readonly objects?: ObjectSource;
  readonly log: RuntimeLog;
  /** Rejects with BS4003 when a function of that name is not whole on the disk. */
  readonly checkFunctions: (names: readonly string[]) => Promise<void>;
  /** Tells the world that an execution has ended; resolves when that has succeeded, rejects when the runtime closes. */
  readonly announce: (record: ExecutionRecord) => Promise<void>;
  /** Hears of each execution that begins to run here, or goes on after an event that was told before. */
  readonly onDriven: (executionArn: string, afterEvent: number) => void;
}

/** An execution whose journal is in `open/`. */
interface Entry {
  readonly header: JournalHeader;
  readonly path: string;
  handle?: ExecutionHandle | undefined;
  /** Resolves when the journal exists, or that has failed. */
  starting?: Promise<void> | undefined;
  resuming?: Promise<void> | undefined;
  /** What is waiting for news. */
  readonly listeners: Set<() => void>;
  ended?: ExecutionRecord;
  announced?: true;
  /** It is being announced and put among what has ended; resolves when that is done, or cannot be now. */
  settling?: Promise<void> | undefined;
  /** Its journal cannot be read whole: whoever asks is told why, and who resumes it by its name takes what is left. */
  damage?: BunsuiError | undefined;
}

/** Opens the executions of a state folder. Ends that were not announced are announced again. */
export async function openExecutions(options: ExecutionsOptions): Promise<Executions> {
  const { stateDir, machines, log } = options;
  const folder = join(stateDir, 'executions');
  const [openFolder, endedFolder, damagedFolder] = ['open', 'ended', 'damaged'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const index = join(folder, 'ended.jsonl');
  await makeFolder(openFolder);
  await makeFolder(endedFolder);
  const ended = durableLines(index);
  const entries = new Map<string, Entry>();
  const turns = keyedTurns();
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
    // Before the move: what is in neither folder nor list would be in no list for ever.
    await ended.append(JSON.stringify(summaryOf(record)));
    await rename(entry.path, join(endedFolder, fileOf(record.header)));
    entries.delete(record.header.executionArn);
  };
  const settled = (entry: Entry, record: ExecutionRecord) => {
    const work = settle(entry, record)
      .catch((error: unknown) => {
        const what = entry.announced ? 'put among what has ended' : 'announced';
        if (!closing) log('error', `the end of ${entry.header.executionArn} is not ${what}: ${String(error)}`);
      })
      .finally(() => {
        entry.settling = undefined;
      });
    entry.settling = work;
    track(work);
  };
  /** Ends that a full disk, say, has kept from being put away are put away with the next one. */
  const settleLeft = () => {
    for (const entry of entries.values()) {
      if (entry.ended !== undefined && entry.settling === undefined) settled(entry, entry.ended);
    }
  };

  const drive = async (entry: Entry, handle: ExecutionHandle, journal: JournalFile) => {
    entry.handle = handle;
    handle.onEvents(() => wake(entry));
    wake(entry);
    try {
      const outcome = await handle.done;
      if (outcome.status === 'RUNNING') return;
      settled(entry, recordOf(entry.header, handle.events));
      settleLeft();
    } catch (error) {
      log('error', `${entry.header.executionArn} halts, and can be resumed: ${String(error)}`);
    } finally {
      entry.handle = undefined;
      await journal.close().catch(() => {});
      wake(entry);
    }
  };

  const resumeEntry = async (entry: Entry) => {
    const definition = await machines.definition(entry.header.definition);
    const { content, journal, kept } = await openJournal(entry.path, damagedFolder);
    if (closing) return journal.close();
    entry.damage = undefined;
    if (kept !== undefined) {
      const { executionArn } = entry.header;
      const whole = eventsIn(content.records).length;
      log('warn', `${executionArn} goes on from its first ${whole} events; the damaged journal is kept as ${kept}`);
    }
    const ports = portsOf(options, journal);
    const identity = { ...identityOf(entry.header), definition };
    const { input, startedAtMs } = entry.header;
    // Of a damaged journal there may be left no more than what execution it is of.
    const handle =
      content.records.length === 0
        ? startExecution(ports, { ...identity, input, startedAtMs })
        : resumeExecution(ports, identity, content.records);
    track(drive(entry, handle, journal));
    options.onDriven(entry.header.executionArn, eventsIn(content.records).length);
  };
  const resumed = (entry: Entry): Promise<void> => {
    if (entry.ended !== undefined || entry.handle !== undefined) return Promise.resolve();
    entry.resuming ??= resumeEntry(entry).finally(() => {
      entry.resuming = undefined;
    });
    return entry.resuming;
  };

  /** Journals of starts that were refused: nobody was told of them. A disk that fails may keep them from going. */
  const refused = new Set<string>();
  const begin = async (entry: Entry, machine: Machine) => {
    const definition = await machines.definition(machine.definition);
    const journal = await createJournal(entry.path, entry.header).catch((error: unknown) => {
      // A file that was there is not ours to remove: it may be the damaged journal of an earlier execution.
      if (!(error instanceof BunsuiError && error.context['errno'] === 'EEXIST')) refused.add(entry.path);
      throw error;
    });
    const { input, startedAtMs, origin = {} } = entry.header;
    const start = { ...identityOf(entry.header), definition, input, startedAtMs, origin };
    try {
      const handle = startExecution(portsOf(options, journal), start);
      const begun = firstEvents(handle);
      track(drive(entry, handle, journal));
      await begun;
      options.onDriven(entry.header.executionArn, 0);
    } catch (error) {
      await journal.close().catch(() => {});
      refused.add(entry.path);
      throw error;
    }
  };

  const removeRefused = async () => {
    for (const path of refused) {
      await rm(path, { force: true }).then(
        () => refused.delete(path),
        () => {},
      );
    }
  };

  const redrive = async (executionArn: string, token: string | undefined) => {
    for (let entry = await open(executionArn); entry !== undefined; entry = await open(executionArn)) {
      if (entry.ended === undefined) {
        const content = await readJournal(entry.path);
        const atMs = content && redrivenBy(content.records, token);
        return atMs === undefined ? { refused: 'Execution is RUNNING and cannot be redriven' } : { atMs };
      }
      await entry.settling;
      if (closing || entries.get(executionArn) === entry)
        throw new Error('the end of the execution is not announced yet');
    }
    const content = await readEnded(executionArn);
    if (content === undefined) return undefined;
    const { header, records } = content;
    const before = redrivenBy(records, token);
    if (before !== undefined) return { atMs: before };
    const events = eventsIn(records);
    const why = notRedrivable(header, events);
    if (why !== undefined) return { refused: why };
    const entry: Entry = { header, path: join(openFolder, fileOf(header)), listeners: new Set() };
    entries.set(executionArn, entry);
    entry.starting = (async () => {
      const definition = await machines.definition(header.definition);
      await options.checkFunctions(functionsIn(await machines.definitionText(header.definition)));
      // After a crash between this and the first record it has ended as before, and is put back.
      await rename(join(endedFolder, fileOf(header)), entry.path);
      const { journal } = await openJournal(entry.path, damagedFolder);
      const ports = portsOf(options, journal);
      const handle = redriveExecution(ports, { ...identityOf(header), definition }, records, token);
      const begun = firstEvents(handle);
      track(drive(entry, handle, journal));
      await begun;
      options.onDriven(executionArn, events.length);
    })();
    try {
      await entry.starting;
    } catch (error) {
      entries.delete(executionArn);
      await rename(entry.path, join(endedFolder, fileOf(header))).catch(() => {});
      throw error;
    } finally {
      entry.starting = undefined;
    }
    const now = (await eventsOfEntry(entry)).findLast(({ type }) => type === 'ExecutionRedriven');
    return { atMs: now?.timestamp ?? Date.now() };
  };

  const readEnded = async (executionArn: string) => {
    const path = join(endedFolder, fileOf(partsOf(executionArn)));
    try {
      const content = await readJournal(path);
      if (content?.damage !== undefined) throw content.damage;
      return content;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  };
  const open = async (executionArn: string): Promise<Entry | undefined> => {
    await entries.get(executionArn)?.starting?.catch(() => {});
    const entry = entries.get(executionArn);
    if (entry?.damage !== undefined) throw entry.damage;
    return entry;
  };
  const eventsOfEntry = async (entry: Entry): Promise<readonly HistoryEvent[]> => {
    if (entry.handle !== undefined) return entry.handle.events;
    const content = await readJournal(entry.path).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return readEnded(entry.header.executionArn);
      throw error;
    });
    return eventsIn(content?.records ?? []);
  };

  for (const file of (await readdir(openFolder)).filter((name) => name.endsWith('.jsonl'))) {
    const path = join(openFolder, file);
    try {
      const content = await readJournal(path);
      if (content === undefined || (content.records.length === 0 && content.damage === undefined)) {
        // A crash came before anybody was told that this execution exists.
        await rm(path, { force: true });
        continue;
      }
      const entry: Entry = { header: content.header, path, listeners: new Set() };
      entries.set(entry.header.executionArn, entry);
      if (content.damage !== undefined) log('error', content.damage.message, { path, hint: content.damage.hint });
      // What may be the end of an append that nobody was told of is given up; what was acted on, only when asked to.
      if (content.damagedWithin) {
        entry.damage = content.damage;
        continue;
      }
      const record = recordOf(content.header, eventsIn(content.records));
      if (record.status !== 'RUNNING') settled(entry, record);
    } catch (error) {
      if (!(error instanceof BunsuiError)) throw error;
      // Nobody can tell what execution it was of; the file stays for who can.
      log('error', error.message, { path, hint: error.hint });
    }
  }

  return {
    async start(machine, name, input, origin = {}) {
      if (closing) throw new Error('the runtime is closing');
      const executionArn = `${machine.arn.replace(':stateMachine:', ':execution:')}:${name}`;
      const known = await open(executionArn);
      if (known !== undefined) {
        return known.ended === undefined && known.header.input === input ? known.header : 'exists';
      }
      const header: JournalHeader = {
        journalVersion: 1,
        executionArn,
        name,
        stateMachineArn: machine.arn,
        stateMachineName: machine.name,
        roleArn: machine.roleArn,
        definition: machine.definition,
        input,
        ...(origin.stateMachineVersionArn !== undefined && { origin }),
        startedAtMs: options.clock.now(),
      };
      const entry: Entry = { header, path: join(openFolder, fileOf(header)), listeners: new Set() };
      // Taken before anything is awaited: a second call of this name waits for the first.
      entries.set(executionArn, entry);
      let usedBefore = false;
      entry.starting = (async () => {
        usedBefore = (await readEnded(executionArn)) !== undefined;
        if (usedBefore) return;
        await removeRefused();
        await begin(entry, machine);
      })();
      try {
        await entry.starting;
        if (usedBefore) entries.delete(executionArn);
        return usedBefore ? 'exists' : header;
      } catch (error) {
        await removeRefused();
        entries.delete(executionArn);
        throw error;
      } finally {
        entry.starting = undefined;
      }
    },

    async find(executionArn) {
      const entry = await open(executionArn);
      if (entry?.ended !== undefined) return entry.ended;
      if (entry !== undefined) return recordOf(entry.header, await eventsOfEntry(entry));
      const content = await readEnded(executionArn);
      return content && recordOf(content.header, eventsIn(content.records));
    },

    async history(executionArn) {
      const entry = await open(executionArn);
      if (entry !== undefined) return eventsOfEntry(entry);
      const content = await readEnded(executionArn);
      return content && eventsIn(content.records);
    },

    async list() {
      const summaries = new Map<string, ExecutionSummary>();
      for (const line of ((await readIfThere(index)) ?? '').split('\n')) {
        // A line that a crash cut off belongs to a journal that is still in `open/`.
        const summary = parseSummary(line);
        if (summary !== undefined) summaries.set(summary.executionArn, summary);
      }
      for (const { header, ended } of entries.values()) {
        const known = ended ?? { header, status: 'RUNNING', redriveCount: 0 };
        summaries.set(header.executionArn, summaryOf(known));
      }
      return [...summaries.values()];
    },

    async resume(executionArns) {
      settleLeft();
      const wanted = [...entries.values()].filter(
        ({ header, ended, handle, starting, damage }) =>
          ended === undefined &&
          handle === undefined &&
          starting === undefined &&
          // Going on without records that were acted on is for somebody to ask for.
          (executionArns?.includes(header.executionArn) ?? damage === undefined),
      );
      const done = wanted.map(async (entry) => {
        const { executionArn, definition } = entry.header;
        try {
          // A task would fail for good on a function that is cut off; an execution that waits can be resumed later.
          await options.checkFunctions(functionsIn(await machines.definitionText(definition)));
          await resumed(entry);
          return [executionArn];
        } catch (error) {
          if (executionArns !== undefined || !(error instanceof BunsuiError)) throw error;
          log('error', `${executionArn} is not resumed: ${error.code} ${error.message}`, { hint: error.hint });
          return [];
        }
      });
      return (await Promise.all(done)).flat();
    },

    redrive: (executionArn, token) => turns(executionArn, () => redrive(executionArn, token)),

    async stop(executionArn, error, cause) {
      const entry = await open(executionArn);
      if (entry === undefined) {
        const content = await readEnded(executionArn);
        return content && recordOf(content.header, eventsIn(content.records)).stoppedAtMs;
      }
      if (entry.ended !== undefined) return entry.ended.stoppedAtMs;
      await resumed(entry);
      const { handle } = entry;
      await handle?.stop(error, cause);
      return handle && recordOf(entry.header, handle.events).stoppedAtMs;
    },

    async follow(executionArn, afterId, signal) {
      for (;;) {
        const entry = await open(executionArn);
        if (entry === undefined) {
          const content = await readEnded(executionArn);
          if (content === undefined) return undefined;
          const events = eventsIn(content.records);
          const { status } = recordOf(content.header, events);
          return { status, driven: true, events: events.slice(afterId) };
        }
        // Listening begins before looking: what comes in between is not missed.
        const news = nextNews(entry, signal);
        const driven = entry.handle !== undefined || entry.ended !== undefined;
        // Event ids count from 1 without a gap.
        const events = (await eventsOfEntry(entry)).slice(afterId);
        const status = entry.ended?.status ?? entry.handle?.status ?? 'RUNNING';
        if (events.length > 0 || status !== 'RUNNING' || signal.aborted) return { status, driven, events };
        await news;
      }
    },

    closing: () => closing,

    async suspend() {
      closing = true;
      await Promise.all(
        [...entries.values()].map(async (entry) => {
          await entry.starting?.catch(() => {});
          await entry.resuming?.catch(() => {});
          await entry.handle?.suspend();
          wake(entry);
        }),
      );
      while (atWork.size > 0) await Promise.all(atWork);
      await removeRefused();
    },
  };
}

/** Resolves when the first events are durable, rejects when that fails. */
function firstEvents(handle: ExecutionHandle): Promise<void> {
  return new Promise((resolve, reject) => {
    const forget = handle.onEvents(() => {
      forget();
      resolve();
    });
    handle.done.then(() => resolve(), reject);
  });
}

function wake(entry: Entry): void {
  const waiting = [...entry.listeners];
  entry.listeners.clear();
  for (const listener of waiting) listener();
}

function nextNews(entry: Entry, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const heard = () => {
      signal.removeEventListener('abort', heard);
      entry.listeners.delete(heard);
      resolve();
    };
    entry.listeners.add(heard);
    signal.addEventListener('abort', heard, { once: true });
  });
}

function portsOf({ clock, tasks, objects }: ExecutionsOptions, journal: Journal): EnginePorts {
  return {
    clock,
    random: Math.random,
    uuid: randomUUID,
    tasks,
    journal,
    ...(objects === undefined ? {} : { objects }),
  };
}

function identityOf(header: JournalHeader) {
  const { executionArn, name, stateMachineArn, stateMachineName, roleArn } = header;
  return { executionArn, name, stateMachineArn, stateMachineName, roleArn };
}

// `:` is in no name, so that nobody chooses the file of another machine's execution.
function fileOf({ stateMachineName, name }: Pick<JournalHeader, 'stateMachineName' | 'name'>): string {
  return `${safeFileName(`${stateMachineName}:${name}`)}.jsonl`;
}

function partsOf(executionArn: string): Pick<JournalHeader, 'stateMachineName' | 'name'> {
  const [stateMachineName = '', name = ''] = executionArn.split(':').slice(6);
  return { stateMachineName, name };
}

function eventsIn(records: readonly JournalRecord[]): readonly HistoryEvent[] {
  return records.flatMap((record) => (record.kind === 'event' ? [record.event] : []));
}

function recordOf(header: JournalHeader, events: readonly HistoryEvent[]): ExecutionRecord {
  const redrives = events.filter(({ type }) => type === 'ExecutionRedriven');
  const redrivenAtMs = redrives.at(-1)?.timestamp;
  const refused = notRedrivable(header, events);
  return {
    header,
    ...endOf(events),
    redriveCount: redrives.length,
    ...(redrivenAtMs !== undefined && { redrivenAtMs }),
    ...(refused !== undefined && { notRedrivable: refused }),
  };
}

function endOf(
  events: readonly HistoryEvent[],
): Pick<ExecutionRecord, 'status' | 'stoppedAtMs' | 'output' | 'error' | 'cause'> {
  const last = events.at(-1);
  switch (last?.type) {
    case 'ExecutionSucceeded': {
      const { output } = last.executionSucceededEventDetails;
      return { status: 'SUCCEEDED', stoppedAtMs: last.timestamp, output };
    }
    case 'ExecutionFailed':
      return { status: 'FAILED', stoppedAtMs: last.timestamp, ...last.executionFailedEventDetails };
    case 'ExecutionTimedOut':
      return { status: 'TIMED_OUT', stoppedAtMs: last.timestamp, ...last.executionTimedOutEventDetails };
    case 'ExecutionAborted':
      return { status: 'ABORTED', stoppedAtMs: last.timestamp, ...last.executionAbortedEventDetails };
    default:
      return { status: 'RUNNING' };
  }
}

/** @see https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html (eligibility) */
const redrivableDays = 14;
const maxRedrivableEvents = 24_999;

/** Why an execution cannot be redriven, in AWS's words. */
function notRedrivable(header: JournalHeader, events: readonly HistoryEvent[]): string | undefined {
  const { status, stoppedAtMs = 0 } = endOf(events);
  if (status === 'RUNNING' || status === 'SUCCEEDED') return `Execution is ${status} and cannot be redriven`;
  if (Date.now() - stoppedAtMs > redrivableDays * 86_400_000) {
    return `Execution ${header.name} ended more than ${redrivableDays} days ago and cannot be redriven`;
  }
  return events.length > maxRedrivableEvents
    ? 'Execution history event limit is reached and it cannot be redriven'
    : undefined;
}

/** When the redrive with that token was made. */
function redrivenBy(records: readonly JournalRecord[], token: string | undefined): number | undefined {
  let atMs: number | undefined;
  for (const record of records) {
    if (record.kind === 'event') atMs = record.event.type === 'ExecutionRedriven' ? record.event.timestamp : atMs;
    else if (record['type'] === 'redriveToken' && record['token'] === token) return atMs;
  }
  return undefined;
}

function summaryOf({ header, status, stoppedAtMs, redriveCount, redrivenAtMs }: ExecutionRecord): ExecutionSummary {
  const { executionArn, stateMachineArn, name, startedAtMs, origin } = header;
  return {
    ...(origin !== undefined && { origin }),
    executionArn,
    stateMachineArn,
    name,
    status,
    startedAtMs,
    ...(stoppedAtMs !== undefined && { stoppedAtMs }),
    ...(redriveCount > 0 && { redriveCount }),
    ...(redrivenAtMs !== undefined && { redrivenAtMs }),
  };
}

function functionsIn(definition: string): readonly string[] {
  const arns = definition.matchAll(/arn:aws:lambda:[a-z0-9-]+:\d{12}:function:([\w-]+)/g);
  return [...arns].flatMap(([, name]) => name ?? []);
}

function parseSummary(line: string): ExecutionSummary | undefined {
  try {
    return line === '' ? undefined : (JSON.parse(line) as ExecutionSummary);
  } catch {
    return undefined;
  }
}
