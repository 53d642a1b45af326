/**
 * Where the journals of executions lie: in `open/` what is unfinished or not announced yet, in `ended/` the others, with
 * a line each in `ended.jsonl`; in `damaged/` copies of what could not be read whole.
 */
import { readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  durableLines,
  errnoOf,
  makeFolder,
  readIfThere,
  safeFileName,
  storageError,
  syncFolder,
} from './durable-files.ts';
import type { BunsuiError } from '../errors.ts';
import { type ExecutionRecord, type ExecutionSummary, parseSummary, summaryOf } from './execution-records.ts';
import {
  isInJournal,
  type JournalContent,
  type JournalEvents,
  type JournalHeader,
  readEvents,
  readJournal,
} from './journal.ts';

type Named = Pick<JournalHeader, 'stateMachineName' | 'name'>;

/** The journal that was read last is kept so long, and only when it is not larger: a history is asked for page by page. */
const keptMs = 5_000;
const keptBytes = 64 * 1024 * 1024;

export interface ExecutionFolders {
  /** Where copies of damaged journals are kept. */
  readonly damaged: string;
  /** Where the journal of an unfinished execution lies. */
  openPath(header: Named): string;
  /** Journals of what is unfinished, or not announced. */
  openPaths(): Promise<readonly string[]>;
  /** The journal of an execution that has ended. @throws {BunsuiError} BS4003 when it is damaged */
  readEnded(executionArn: string): Promise<JournalContent | undefined>;
  /** Of it what the execution's history shows. @throws {BunsuiError} BS4003 when it is damaged */
  eventsOfEnded(executionArn: string): Promise<JournalEvents | undefined>;
  /** What has ended, the latest line of each; lines that a crash cut off are of journals that are still open. */
  ended(): Promise<ReadonlyMap<string, ExecutionSummary>>;
  /** Executions of a machine that have ended and in whose journal a text stands, the latest first. */
  endedWith(stateMachineName: string, text: string): AsyncGenerator<string>;
  /** Puts a journal among those of executions that have ended, and its line into the list. */
  putAway(path: string, record: ExecutionRecord): Promise<void>;
  /** Takes a journal out again, for a redrive; a line of its own need not be written until it ends anew. */
  takeOut(header: Named): Promise<void>;
  /** Undoes that. */
  putBack(header: Named): Promise<void>;
}

export async function openExecutionFolders(stateDir: string): Promise<ExecutionFolders> {
  const folder = join(stateDir, 'executions');
  const open = join(folder, 'open');
  const away = join(folder, 'ended');
  const index = join(folder, 'ended.jsonl');
  await makeFolder(open);
  await makeFolder(away);
  const lines = durableLines(index);
  const openPath = (header: Named) => join(open, fileOf(header));
  const endedPath = (header: Named) => join(away, fileOf(header));
  const whole = async <T extends { readonly damage?: BunsuiError }>(content: Promise<T | undefined>) => {
    const found = await content;
    if (found?.damage !== undefined) throw found.damage;
    return found;
  };
  const eventsAgain = keepingLast((path) => whole(readEvents(path)));
  const ifThere = async <T>(read: Promise<T>): Promise<T | undefined> => {
    try {
      return await read;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  };
  const ended = async (): Promise<ReadonlyMap<string, ExecutionSummary>> => {
    const summaries = ((await readIfThere(index)) ?? '').split('\n').flatMap((line) => parseSummary(line) ?? []);
    return new Map(summaries.map((summary) => [summary.executionArn, summary]));
  };
  return {
    damaged: join(folder, 'damaged'),
    openPath,
    async openPaths() {
      return (await readdir(open)).filter((name) => name.endsWith('.jsonl')).map((name) => join(open, name));
    },
    readEnded: (executionArn) => ifThere(whole(readJournal(endedPath(partsOf(executionArn))))),
    eventsOfEnded: (executionArn) => ifThere(eventsAgain(endedPath(partsOf(executionArn)))),
    ended,
    async *endedWith(stateMachineName, text) {
      const arns = [...(await ended()).keys()].filter((arn) => partsOf(arn).stateMachineName === stateMachineName);
      for (const arn of arns.reverse()) {
        if (await ifThere(isInJournal(endedPath(partsOf(arn)), text))) yield arn;
      }
    },
    async putAway(path, record) {
      // Before the move: what is in neither folder nor list would be in no list for ever.
      await lines.append(JSON.stringify(summaryOf(record)));
      await rename(path, endedPath(record.header));
    },
    async takeOut(header) {
      await rename(endedPath(header), openPath(header));
      // Before a record says that it runs: what runs and lies among what has ended is taken up by nobody.
      await syncFolder(open);
      await syncFolder(away);
    },
    putBack: (header) => rename(openPath(header), endedPath(header)),
  };
}

// `:` is in no name, so that nobody chooses the file of another machine's execution.
function fileOf({ stateMachineName, name }: Named): string {
  return `${safeFileName(`${stateMachineName}:${name}`)}.jsonl`;
}

function partsOf(executionArn: string): Named {
  const [stateMachineName = '', name = ''] = executionArn.split(':').slice(6);
  return { stateMachineName, name };
}

/** Reads a file anew when it is not the one that was read last, or is not as it was then. */
function keepingLast<T>(read: (path: string) => Promise<T>): (path: string) => Promise<T> {
  let last: { readonly path: string; readonly mark: string; readonly content: Promise<T> } | undefined;
  let timer: NodeJS.Timeout | undefined;
  const forget = () => {
    last = undefined;
  };
  return async (path) => {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true }).catch((cause: unknown) => {
      throw storageError(path, cause, 'read');
    });
    const mark = `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
    if (last?.path === path && last.mark === mark) return last.content;
    const content = read(path);
    if (size > keptBytes) return content;
    const kept = { path, mark, content };
    last = kept;
    clearTimeout(timer);
    timer = setTimeout(forget, keptMs).unref();
    content.catch(() => {
      if (last === kept) forget();
    });
    return content;
  };
}
