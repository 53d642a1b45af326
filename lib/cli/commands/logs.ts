/** `bunsui logs tail` and `filter`: what the handlers of a session wrote, and what they write. */
import { setTimeout as wait } from 'node:timers/promises';
import { BunsuiError } from '../../errors.ts';
import { followLogs } from '../../sessions/follow-logs.ts';
import type { SessionItem } from '../../sessions/items.ts';
import type { Batches } from '../../sessions/log-merge.ts';
import type { LogQuery } from '../../sessions/log-query.ts';
import { sessionLines } from '../../sessions/logs.ts';
import type { LogLine } from '../../sessions/report-data.ts';
import { isTerminal } from '../../sessions/status.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { interruptedAmong, openForSession, sessionNamed } from '../find-session.ts';
import { listenForInterruption } from '../interruption.ts';
import { readFromPlatform } from '../local-platform.ts';
import { type LogFormat, type LogWriter, logWriter } from '../log-formats.ts';
import { type LogOptions, queryOf, readLogOf, requireJobsOf, requireThere } from '../log-request.ts';
import { commandLine } from '../places.ts';
import type { Platform } from '../platform.ts';

export interface TailOptions extends LogOptions {
  readonly lines?: number;
  readonly follow?: true;
}

/** How often a session that runs is looked at; on AWS, where each look is a call that is counted, less often. */
const lookMs = 250;
const lookOnAwsMs = 1_000;
/** One look in so many looks whether somebody works on the session; on AWS it reads again more of what was read before. */
const longEvery = 8;
/** On AWS lines come some seconds late: so many looks must bring nothing before a session that has ended has told all. */
const quietLooks = { local: 1, aws: 4 } as const;

/** The reader has gone away: `| head`. */
class ReaderGone extends Error {
  override readonly name = 'ReaderGone';
}

/** Writes to standard output, no faster than that is read. */
function printer({ terminal: { out } }: CommandContext, writer: LogWriter) {
  let count = 0;
  const put = async (text: string) => {
    if (text !== '') out.write(text);
    if ((await out.drained()) === 'gone') throw new ReaderGone();
  };
  return {
    begin: () => put(writer.begin()),
    async lines(lines: readonly LogLine[]): Promise<void> {
      count += lines.length;
      await put(writer.lines(lines));
    },
    end: () => put(writer.end()),
    count: () => count,
  };
}
type Printer = ReturnType<typeof printer>;

/** Prints lines, or only the last so many. */
async function printLast(lines: Batches<LogLine>, most: number | undefined, print: Printer): Promise<void> {
  let last: LogLine[] = [];
  for await (const batch of lines) {
    if (most === undefined) await print.lines(batch);
    else last = [...last, ...batch].slice(-most);
  }
  if (last.length > 0) await print.lines(last);
}

export function formatOf({ format, json }: LogOptions): LogFormat {
  return format ?? (json ? 'jsonl' : 'text');
}

/** `bunsui logs SESSION`, `logs tail`, `logs filter`. */
export async function printLogs(context: CommandContext, name: string, options: TailOptions): Promise<number> {
  const { follow, until } = options;
  if (follow && until !== undefined) {
    throw new BunsuiError('ConfigError', 'BS2001', '--follow and --until do not go together', {
      hint: 'what is followed has no end yet; leave one of them out',
    });
  }
  const query = queryOf(options, Date.now());
  const print = printer(context, logWriter(formatOf(options), context.terminal.out));
  try {
    return await (follow
      ? followed(context, name, options, query, print)
      : printed(context, name, options, query, print));
  } catch (thrown) {
    if (thrown instanceof ReaderGone) return exitCodes.ok;
    throw thrown;
  }
}

async function printed(
  context: CommandContext,
  name: string,
  options: TailOptions,
  query: LogQuery,
  print: Printer,
): Promise<number> {
  const { err } = context.terminal;
  const { job, lines: most } = options;
  await print.begin();
  await readLogOf(context, name, options, async (platform, item) => {
    // Where it is begun again, what is printed is printed.
    const lines = sessionLines(await platform.clients(), item, query, Date.now());
    await printLast(without(lines, print.count()), most, print);
    if (print.count() === 0) await requireThere(platform, item, job);
  });
  await print.end();
  if (print.count() === 0) err.write(`${nothingWritten(options)}\n`);
  return exitCodes.ok;
}

async function* without(lines: Batches<LogLine>, count: number): Batches<LogLine> {
  let skip = count;
  for await (const batch of lines) {
    const left = batch.slice(skip);
    skip -= batch.length - left.length;
    if (left.length > 0) yield left;
  }
}

function nothingWritten({ job, level, grep, since, until }: LogOptions): string {
  if ([level, grep, since, until].some((one) => one !== undefined)) return 'no line fits';
  return `${job === undefined ? 'the session' : job.map((one) => `job "${one}"`).join(', ')} wrote nothing`;
}

/** @throws {BunsuiError} BS3005 when no process works on it, so that it would be followed in vain */
async function requireDriven(
  context: CommandContext,
  platform: Platform,
  item: SessionItem,
  { target }: TailOptions,
): Promise<void> {
  if (platform.kind === 'aws' || !(await interruptedAmong(platform, [item])).has(item.session_id)) return;
  throw new BunsuiError('SessionError', 'BS3005', `no process works on session ${item.session_id}`, {
    hint: `go on with it: ${commandLine(context, `session resume ${item.session_id}`, target)}`,
  });
}

async function followed(
  context: CommandContext,
  name: string,
  options: TailOptions,
  query: LogQuery,
  print: Printer,
): Promise<number> {
  let current: Platform | undefined;
  using interruption = listenForInterruption(
    () => {},
    () => {},
  );
  const work = toItsEnd(context, name, options, query, print, (platform) => {
    current = platform;
  });
  return Promise.race([
    work,
    interruption.asked.then(async (code) => {
      work.catch(() => {});
      await current?.close().catch(() => {});
      // A request of ours may still wait for an answer that nobody wants now.
      process.exit(code);
    }),
  ]);
}

async function toItsEnd(
  context: CommandContext,
  name: string,
  options: TailOptions,
  query: LogQuery,
  print: Printer,
  onOpen: (platform: Platform) => void,
): Promise<number> {
  const { err } = context.terminal;
  const follower = followLogs(query);
  let session = name;
  let looks = 0;
  let quiet = 0;
  await print.begin();
  const open = async () => {
    const platform = await openForSession(context, options.target);
    onOpen(platform);
    return platform;
  };
  const end = await readFromPlatform(open, async (platform) => {
    const clients = await platform.clients();
    for (;;) {
      const item = await sessionNamed(platform, session);
      session = item.session_id;
      if (looks === 0) await requireJobsOf(platform, item, options.job);
      const hasEnded = isTerminal(item.status);
      // On this machine a line is there as soon as it is printed.
      const isLong = hasEnded || (platform.kind === 'aws' && looks % longEvery === 0);
      const before = print.count();
      await printLast(follower.look(clients, item, isLong), looks === 0 ? options.lines : undefined, print);
      quiet = hasEnded && print.count() === before ? quiet + 1 : 0;
      if (quiet >= quietLooks[platform.kind]) return item;
      if (!hasEnded && looks % longEvery === 0) await requireDriven(context, platform, item, options);
      looks += 1;
      await wait(platform.kind === 'aws' ? lookOnAwsMs : lookMs);
    }
  });
  await print.end();
  err.write(`session ${end.session_id} ${end.status === 'timeout' ? 'has timed out' : `is ${end.status}`}\n`);
  return exitCodes.ok;
}
