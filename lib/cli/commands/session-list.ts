/** `bunsui session list`: sessions, the latest first, as a table or as records. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { listSessions, type SessionFilter } from '../../sessions/list-sessions.ts';
import type { SessionItem } from '../../sessions/items.ts';
import type { SessionStatus } from '../../sessions/status.ts';
import type { CommandContext } from '../context.ts';
import type { PlatformTarget } from '../platform-target.ts';
import { ago, duration, localTime, shortTime } from '../durations.ts';
import { exitCodes } from '../exit-codes.ts';
import { interruptedAmong } from '../find-session.ts';
import { tellingLateRecords } from '../late-records.ts';
import { harmlessLine } from '../harmless.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { pastMoment } from '../past-moment.ts';
import { yamlDocument } from '../yaml.ts';
import { isUnusedFolder, readFromPlatform } from '../local-platform.ts';
import { openPlatform } from '../platform.ts';
import { commandLine, hintWith } from '../places.ts';
import { recordedValue } from '../../sessions/recorded-value.ts';
import { wholeItem } from '../whole-values.ts';
import { paintOf, type ShownStatus, symbolOf } from '../screen/symbols.ts';
import { type Column, table } from '../table.ts';
import { cut, textWidth } from '../text-width.ts';

export interface ListOptions {
  readonly target: PlatformTarget;
  readonly json?: true;
  readonly format?: 'table' | 'json' | 'yaml';
  readonly pipeline?: string;
  readonly status?: string;
  readonly since?: string;
  readonly until?: string;
  readonly tag?: readonly string[];
  readonly error?: string;
  readonly cursor?: string;
  readonly limit: number;
}

/** Sessions that no process works on, though they have not ended: by id, when their newest event happened. */
type Interrupted = ReadonlyMap<string, number>;

function tookText(item: SessionItem, nowMs: number, interrupted: Interrupted): string {
  if (item.started_at === undefined) return '';
  const lastMs = interrupted.get(item.session_id) ?? nowMs;
  const endMs = item.completed_at === undefined ? lastMs : Date.parse(item.completed_at);
  return duration(endMs - Date.parse(item.started_at));
}

const errorText = ({ error_code: code, error_message: message }: SessionItem) =>
  harmlessLine([code, message].filter((part) => part !== undefined).join(': '));

interface ListColumn extends Column {
  readonly cellOf: (item: SessionItem) => string;
  /** Columns of a terminal without room go away by this, the lowest first; those without it stay. */
  readonly dropped?: number;
}

/** The columns of which each finds room: names may be cut, statuses, ids and times not. */
function fitting(columns: readonly ListColumn[], items: readonly SessionItem[], available: number) {
  const least = ({ title, cellOf, atLeast }: ListColumn) =>
    Math.min(atLeast ?? 8, Math.max(textWidth(title), ...items.map((item) => textWidth(cellOf(item)))));
  const shown = [...columns];
  const needed = () => shown.reduce((sum, column) => sum + least(column) + 2, -2);
  for (const next of columns.filter(({ dropped }) => dropped !== undefined).toSorted(byDropped)) {
    if (needed() <= available) break;
    shown.splice(shown.indexOf(next), 1);
  }
  return shown;
}

const byDropped = (a: ListColumn, b: ListColumn) => (a.dropped ?? 0) - (b.dropped ?? 0);

/**
 * The table of sessions. On a terminal a failed one has its error on a line of its own, and columns that find no room
 * are left out; in a pipe, where a session is one line of any length, the error is a column.
 */
export function sessionTable(
  items: readonly SessionItem[],
  { terminal }: Pick<CommandContext, 'terminal'>,
  nowMs: number,
  interrupted: Interrupted = new Map(),
): readonly string[] {
  const { palette, live } = terminal.out;
  const available = live ? terminal.out.size().columns - 1 : Number.POSITIVE_INFINITY;
  const statusOf = ({ session_id: id, status, pausing }: SessionItem): ShownStatus => {
    if (status === 'running' && pausing !== undefined) return 'pausing';
    return interrupted.has(id) ? 'interrupted' : status;
  };
  const paintStatus = (cell: string, row: number) => {
    const item = items[row];
    return item === undefined ? cell : paintOf(statusOf(item), palette)(cell);
  };
  const all: readonly ListColumn[] = [
    {
      title: 'STATUS',
      atLeast: 13,
      cellOf: (item) => `${symbolOf(statusOf(item), terminal.unicode)} ${statusOf(item)}`,
      paint: paintStatus,
    },
    { title: 'SESSION', atLeast: 26, cellOf: ({ session_id: id }) => id },
    { title: 'PIPELINE', atLeast: 8, cellOf: ({ pipeline_name: name }) => harmlessLine(name), dropped: 2 },
    {
      title: 'STARTED',
      atLeast: 11,
      cellOf: ({ created_at: created }) => ago(nowMs - Date.parse(created)),
      dropped: 3,
    },
    {
      title: '',
      atLeast: 11,
      cellOf: ({ created_at: created }) => (live ? shortTime(created) : localTime(created)),
      dropped: 1,
      paint: palette.dim,
    },
    { title: 'TIME', align: 'right', cellOf: (item) => tookText(item, nowMs, interrupted), dropped: 4 },
    ...(live ? [] : [{ title: 'ERROR', cellOf: errorText }]),
  ];
  const columns = fitting(all, items, available);
  const cells = items.map((item) => columns.map(({ cellOf }) => cellOf(item)));
  const [titles = '', ...rows] = table(columns, cells, available, palette.dim);
  const errorRow = (item: SessionItem | undefined) =>
    !live || item === undefined || errorText(item) === ''
      ? []
      : [palette.dim(cut(`${' '.repeat(13)}${errorText(item)}`, available))];
  return [titles, ...rows.flatMap((row, index) => [row, ...errorRow(items[index])])];
}

interface Found {
  /** Asks for the next page; absent on the last. */
  readonly cursor?: string;
  readonly items: readonly SessionItem[];
  readonly interrupted: Interrupted;
}

/** A record for a program: input and output as values, as `session show` gives them, and whether it was interrupted. */
function recordOf(item: SessionItem, interrupted: Interrupted): { readonly [field: string]: unknown } {
  return {
    ...item,
    interrupted: interrupted.has(item.session_id),
    input: recordedValue(item.input),
    ...(item.output === undefined ? {} : { output: recordedValue(item.output) }),
  };
}

/** `key`, or `key=value`. */
function tagOf(typed: string): { readonly key: string; readonly value?: string } {
  const at = typed.indexOf('=');
  return at < 0 ? { key: typed } : { key: typed.slice(0, at), value: typed.slice(at + 1) };
}

/** What is asked for, as `listSessions` takes it. */
function filterOf(options: ListOptions, nowMs: number): SessionFilter {
  const { pipeline, status, since, until, tag, error, cursor, limit } = options;
  return {
    limit,
    ...(pipeline === undefined ? {} : { pipeline }),
    ...(status === undefined ? {} : { status: status as SessionStatus }),
    ...(since === undefined ? {} : { from: isoTime(pastMoment('--since', since, nowMs)) }),
    ...(until === undefined ? {} : { to: isoTime(pastMoment('--until', until, nowMs)) }),
    ...(tag === undefined ? {} : { tags: tag.map(tagOf) }),
    ...(error === undefined ? {} : { error }),
    ...(cursor === undefined ? {} : { cursor }),
  };
}

const isFiltered = ({ pipeline, status, since, until, tag, error, cursor }: ListOptions) =>
  [pipeline, status, since, until, tag, error, cursor].some((one) => one !== undefined);

/** The file that a hint names: the example where it is there. */
function fileToRun(cwd: string): string {
  const example = 'pipelines/flights/pipeline.ts';
  return existsSync(join(cwd, example)) ? example : 'FILE';
}

export async function listSessionsCommand(context: CommandContext, options: ListOptions): Promise<number> {
  const { out, err } = context.terminal;
  const { items, interrupted, cursor } = await read(context, options);
  const format = options.json ? 'json' : (options.format ?? 'table');
  if (format === 'json') {
    for (const item of items) out.write(jsonLine('session', recordOf(item, interrupted)));
    if (cursor !== undefined) out.write(jsonLine('page', { cursor }));
    return exitCodes.ok;
  }
  if (format === 'yaml') {
    const sessions = items.map((item) => recordOf(item, interrupted));
    out.write(yamlDocument({ sessions, cursor }));
    return exitCodes.ok;
  }
  if (items.length === 0) {
    const start =
      options.target.kind === 'local'
        ? `${context.commandName} run ${fileToRun(context.cwd)}`
        : commandLine(context, 'session start PIPELINE', options.target);
    err.write(isFiltered(options) ? 'no session fits\n' : `no sessions yet. Start one: ${start}\n`);
    return exitCodes.ok;
  }
  out.write(`${sessionTable(items, context, Date.now(), interrupted).join('\n')}\n`);
  for (const item of items.filter(({ session_id: id }) => interrupted.has(id))) {
    const resume = commandLine(context, `session resume ${item.session_id}`, options.target);
    err.write(`\n${hintWith(err, `no process works on ${item.session_id}. Go on with it:`, resume)}\n`);
  }
  if (cursor !== undefined) err.write(`\nthere are more: give --limit, or for the next ones --cursor ${cursor}\n`);
  return exitCodes.ok;
}

async function read(context: CommandContext, options: ListOptions): Promise<Found> {
  const { target } = options;
  if (target.kind === 'local' && isUnusedFolder(target.stateDir, context.cwd)) {
    return { items: [], interrupted: new Map() };
  }
  const open = () => openPlatform(context, target, tellingLateRecords(context));
  return readFromPlatform(open, async (platform) => {
    const clients = await platform.clients();
    const { sessions, cursor } = await listSessions(clients, filterOf(options, Date.now()));
    const isWhole = options.json === true || (options.format ?? 'table') !== 'table';
    const items = isWhole ? await Promise.all(sessions.map((item) => wholeItem(clients, item))) : sessions;
    const interrupted = await interruptedAmong(platform, items);
    return { items, interrupted, ...(cursor === undefined ? {} : { cursor }) };
  });
}
