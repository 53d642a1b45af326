/**
 * The executions of a state folder (`execution-folders.ts` says where their journals lie): begins them, goes on with
 * them, redrives and stops them, tells of their ends. Opening a folder looks at what is unfinished only, however much
 * has ended.
 */
import { rm } from 'node:fs/promises';
import type { ExecutionStatus, HistoryEvent } from '../asl/history.ts';
import { type ExecutionHandle, resumeExecution, startExecution } from '../engine/run.ts';
import { BunsuiError, pausedErrors } from '../errors.ts';
import { errnoOf } from './durable-files.ts';
import { drivingOf, type ExecutionsOptions, functionsIn, identityOf, portsOf } from './execution-driving.ts';
import { type Entry, firstEvents, nextNews, wake } from './execution-entry.ts';
import { openExecutionFolders } from './execution-folders.ts';
import { type ExecutionRecord, type ExecutionSummary, eventsIn, redrivesIn, summaryOf } from './execution-records.ts';
import { redrive } from './execution-redrive.ts';
import {
  createJournal,
  type ExecutionOrigin,
  isInJournal,
  type JournalContent,
  type JournalHeader,
  openJournal,
  readJournal,
} from './journal.ts';
import type { Machine } from './machines.ts';
import { keyedTurns } from './object-store.ts';

export interface Executions {
  /**
   * Starts an execution.
   *
   * @param parent the ARN of the execution whose task it is: it does not outlast that
   * @returns `'exists'` when the name was used, unless it runs with the same input: then that one is given.
   */
  start(
    machine: Machine,
    name: string,
    input: string,
    origin?: ExecutionOrigin,
    parent?: string,
  ): Promise<JournalHeader | 'exists'>;
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
  /** What is durable of an execution. */
  journal(executionArn: string): Promise<Pick<JournalContent, 'header' | 'records'> | undefined>;
  /** Executions of a machine in whose journal a text stands: those that are open, then those that have ended, the latest first. */
  mentioning(stateMachineName: string, text: string): AsyncGenerator<string>;
  /** What drives an unfinished execution; one that waits to be resumed is. @returns undefined when it has ended */
  driven(executionArn: string): Promise<ExecutionHandle | undefined>;
  /** Ceases to work and records nothing: all that runs can be resumed. */
  suspend(): Promise<void>;
}

export interface Followed {
  readonly status: ExecutionStatus;
  readonly driven: boolean;
  readonly events: readonly HistoryEvent[];
}

/** Opens the executions of a state folder. Ends that were not announced are announced again. */
export async function openExecutions(options: ExecutionsOptions): Promise<Executions> {
  const { machines, log, clock } = options;
  const folders = await openExecutionFolders(options.stateDir);
  const driving = drivingOf(options, folders);
  const { entries, recordNow, open, eventsOf, drive, settled, settleLeft, track } = driving;
  const turns = keyedTurns();

  const resumeEntry = async (entry: Entry, stopped: Stop | undefined) => {
    const definition = await machines.definition(entry.header.definition);
    const { content, journal, kept } = await openJournal(entry.path, folders.damaged);
    if (driving.closing()) return journal.close();
    entry.damage = undefined;
    if (kept !== undefined) {
      const { executionArn } = entry.header;
      const whole = eventsIn(content.records).length;
      log('warn', `${executionArn} goes on from its first ${whole} events; the damaged journal is kept as ${kept}`);
    }
    const ports = portsOf(options, journal, entry);
    const identity = { ...identityOf(entry.header), definition };
    const { input, startedAtMs } = entry.header;
    // Of a damaged journal there may be left no more than what execution it is of.
    const handle =
      content.records.length === 0
        ? startExecution(ports, { ...identity, input, startedAtMs })
        : resumeExecution(ports, identity, content.records);
    // Before its first turn: what is stopped starts no task again.
    if (stopped !== undefined) void handle.stop(stopped.error, stopped.cause).catch(() => {});
    drive(entry, handle, journal);
    options.onDriven(entry.header.executionArn, eventsIn(content.records).length);
  };
  const resumed = (entry: Entry, stopped?: Stop): Promise<void> => {
    if (entry.ended !== undefined || entry.handle !== undefined) return Promise.resolve();
    entry.resuming ??= resumeEntry(entry, stopped).finally(() => {
      entry.resuming = undefined;
    });
    return entry.resuming;
  };

  /** Journals of starts that were refused, by execution: nobody was told of them. A disk that fails may keep them from going. */
  const refused = new Map<string, string>();
  const begin = async (entry: Entry, machine: Machine) => {
    const definition = await machines.definition(machine.definition);
    const journal = await createJournal(entry.path, entry.header).catch((error: unknown) => {
      // A file that was there is not ours to remove: it may be the damaged journal of an earlier execution.
      if (!(error instanceof BunsuiError && error.context['errno'] === 'EEXIST'))
        refused.set(entry.header.executionArn, entry.path);
      throw error;
    });
    const { input, startedAtMs, origin = {} } = entry.header;
    const start = { ...identityOf(entry.header), definition, input, startedAtMs, origin };
    try {
      const handle = startExecution(portsOf(options, journal, entry), start);
      const begun = firstEvents(handle);
      drive(entry, handle, journal);
      await begun;
      options.onDriven(entry.header.executionArn, 0);
    } catch (error) {
      await journal.close().catch(() => {});
      refused.set(entry.header.executionArn, entry.path);
      throw error;
    }
  };

  const removeRefused = async (executionArn: string) => {
    const path = refused.get(executionArn);
    if (path === undefined) return;
    await rm(path, { force: true }).then(
      () => refused.delete(executionArn),
      () => {},
    );
  };
  /** Each in its turn: a removal that comes late must not take the journal of another start of that name. */
  const removeAllRefused = () =>
    Promise.all([...refused.keys()].map((executionArn) => turns(executionArn, () => removeRefused(executionArn))));

  const start = async (wanted: {
    readonly machine: Machine;
    readonly executionArn: string;
    readonly name: string;
    readonly input: string;
    readonly origin: ExecutionOrigin;
    readonly parent: string | undefined;
  }): Promise<JournalHeader | 'exists'> => {
    const { machine, executionArn, name, input, origin, parent } = wanted;
    const known = await open(executionArn);
    if (driving.closing()) throw new Error('the runtime is closing');
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
      ...(parent !== undefined && { parent }),
      startedAtMs: clock.now(),
    };
    const entry: Entry = { header, path: folders.openPath(header), listeners: new Set() };
    // Before anything is awaited: whoever asks for it meanwhile waits for the start.
    entries.set(executionArn, entry);
    let usedBefore = false;
    entry.starting = (async () => {
      usedBefore = (await folders.eventsOfEnded(executionArn)) !== undefined;
      if (usedBefore) return;
      await removeRefused(executionArn);
      track(removeAllRefused().then(() => {}));
      await begin(entry, machine);
    })();
    try {
      await entry.starting;
      if (usedBefore) entries.delete(executionArn);
      return usedBefore ? 'exists' : header;
    } catch (error) {
      await removeRefused(executionArn);
      entries.delete(executionArn);
      throw error;
    } finally {
      entry.starting = undefined;
    }
  };

  const find = async (executionArn: string): Promise<ExecutionRecord | undefined> => {
    const entry = await open(executionArn);
    if (entry?.ended !== undefined) return entry.ended;
    if (entry !== undefined) return recordNow(entry.header, await eventsOf(entry));
    const content = await folders.eventsOfEnded(executionArn);
    return content && recordNow(content.header, content.events);
  };
  const stop = async (executionArn: string, error?: string, cause?: string): Promise<number | undefined> => {
    const entry = await open(executionArn);
    if (entry === undefined) {
      const content = await folders.eventsOfEnded(executionArn);
      return content && recordNow(content.header, content.events).stoppedAtMs;
    }
    if (entry.ended !== undefined) return entry.ended.stoppedAtMs;
    entry.letsFinish = error === pausedErrors.wait;
    await resumed(entry, { error, cause });
    const { handle } = entry;
    await handle?.stop(error, cause);
    return recordNow(entry.header, handle?.events ?? (await eventsOf(entry))).stoppedAtMs;
  };
  /** Stops what waits to be resumed and is the task of an execution that has ended: that was cut off while stopping it. */
  const stopOrphans = async (): Promise<void> => {
    let again = false;
    for (const entry of [...entries.values()]) {
      const { header, ended, handle, damage } = entry;
      const { executionArn, parent } = header;
      if (parent === undefined || ended !== undefined || handle !== undefined || damage !== undefined) continue;
      try {
        const { status = 'RUNNING' } = (await find(parent)) ?? {};
        if (status !== 'RUNNING') await stop(executionArn);
      } catch (error) {
        log('error', `${executionArn} outlasts ${parent}, and is not stopped: ${String(error)}`);
      }
      again ||= entry.ended !== undefined;
    }
    // What has been stopped may have had tasks of that kind itself.
    if (again) await stopOrphans();
  };

  for (const path of await folders.openPaths()) {
    try {
      const content = await readJournal(path);
      if (content === undefined || (content.records.length === 0 && content.damage === undefined)) {
        // A crash came before anybody was told that this execution exists.
        await rm(path, { force: true });
        continue;
      }
      const redriven = redrivesIn(eventsIn(content.records));
      const entry: Entry = { header: content.header, path, listeners: new Set(), redriven };
      entries.set(entry.header.executionArn, entry);
      if (content.damage !== undefined) log('error', content.damage.message, { path, hint: content.damage.hint });
      // What may be the end of an append that nobody was told of is given up; what was acted on, only when asked to.
      if (content.damagedWithin) {
        entry.damage = content.damage;
        continue;
      }
      const record = recordNow(content.header, eventsIn(content.records));
      if (record.status !== 'RUNNING') settled(entry, record);
    } catch (error) {
      if (!(error instanceof BunsuiError)) throw error;
      // Nobody can tell what execution it was of; the file stays for who can.
      log('error', error.message, { path, hint: error.hint });
    }
  }
  await stopOrphans();

  return {
    start(machine, name, input, origin = {}, parent = undefined) {
      const executionArn = executionArnOf(machine, name);
      // A redrive of what the name was used for has entries of its own.
      return turns(executionArn, () => start({ machine, executionArn, name, input, origin, parent }));
    },

    find,

    async history(executionArn) {
      const entry = await open(executionArn);
      if (entry !== undefined) return eventsOf(entry);
      const content = await folders.eventsOfEnded(executionArn);
      return content?.events;
    },

    async list() {
      const summaries = new Map(await folders.ended());
      for (const { header, ended, redriven = { redriveCount: 0 } } of entries.values()) {
        const known = ended ?? { header, status: 'RUNNING', ...redriven };
        summaries.set(header.executionArn, summaryOf(known));
      }
      return [...summaries.values()];
    },

    async resume(executionArns) {
      settleLeft();
      if (executionArns === undefined) await stopOrphans();
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

    journal: driving.journalOf,

    async *mentioning(stateMachineName, text) {
      const ofMachine = ({ header }: Entry) => header.stateMachineName === stateMachineName;
      const open = [...entries.values()].filter(ofMachine).sort((a, b) => b.header.startedAtMs - a.header.startedAtMs);
      for (const { path, header } of open) {
        // It may be put away meanwhile, and is found there.
        const isIn = await isInJournal(path, text).catch((error: unknown) => {
          if (errnoOf(error) === 'ENOENT') return false;
          throw error;
        });
        if (isIn) yield header.executionArn;
      }
      yield* folders.endedWith(stateMachineName, text);
    },

    async driven(executionArn) {
      const entry = await open(executionArn);
      if (entry === undefined) return undefined;
      await resumed(entry);
      return entry.handle;
    },

    redrive: (executionArn, token) => turns(executionArn, () => redrive(driving, executionArn, token)),

    stop,

    async follow(executionArn, afterId, signal) {
      for (;;) {
        const entry = await open(executionArn);
        if (entry === undefined) {
          const content = await folders.eventsOfEnded(executionArn);
          if (content === undefined) return undefined;
          const { events } = content;
          const { status } = recordNow(content.header, events);
          return { status, driven: true, events: events.slice(afterId) };
        }
        // Listening begins before looking: what comes in between is not missed.
        const news = nextNews(entry, signal);
        const driven = entry.handle !== undefined || entry.ended !== undefined;
        // Event ids count from 1 without a gap.
        const events = (await eventsOf(entry)).slice(afterId);
        const status = entry.ended?.status ?? entry.handle?.status ?? 'RUNNING';
        if (events.length > 0 || status !== 'RUNNING' || signal.aborted) return { status, driven, events };
        await news;
      }
    },

    async suspend() {
      driving.close();
      await Promise.all(
        [...entries.values()].map(async (entry) => {
          await entry.starting?.catch(() => {});
          await entry.resuming?.catch(() => {});
          await entry.handle?.suspend();
          wake(entry);
        }),
      );
      await driving.idle();
      await removeAllRefused();
    },
  };
}

export function executionArnOf(machine: Pick<Machine, 'arn'>, name: string): string {
  return `${machine.arn.replace(':stateMachine:', ':execution:')}:${name}`;
}

/** With what an execution is stopped. */
interface Stop {
  readonly error: string | undefined;
  readonly cause: string | undefined;
}
