/** `bunsui session list`: sessions, the latest first, as a table or as records. */
import { listSessions } from '../../sessions/list-sessions.ts';
import type { SessionItem } from '../../sessions/items.ts';
import type { SessionStatus } from '../../sessions/status.ts';
import type { CommandContext } from '../context.ts';
import { ago, duration, localTime, shortTime } from '../durations.ts';
import { unfinishedExecutions } from '../execution-feed.ts';
import { exitCodes } from '../exit-codes.ts';
import { harmlessLine } from '../harmless.ts';
import { jsonLine } from '../json-lines.ts';
import { isUnusedFolder, openLocalPlatform, readFromPlatform } from '../local-platform.ts';
import { commandLine } from '../places.ts';
import { paintOf, symbolOf } from '../screen/symbols.ts';
import { table } from '../table.ts';
import { cut } from '../text-width.ts';

export interface ListOptions {
  readonly stateDir: string;
  readonly json?: true;
  readonly pipeline?: string;
  readonly status?: string;
  readonly limit: number;
}

function tookText(item: SessionItem, nowMs: number): string {
  if (item.started_at === undefined) return '';
  const endMs = item.completed_at === undefined ? nowMs : Date.parse(item.completed_at);
  return duration(endMs - Date.parse(item.started_at));
}

const errorText = ({ error_code: code, error_message: message }: SessionItem) =>
  harmlessLine([code, message].filter((part) => part !== undefined).join(': '));

/**
 * The table of sessions. On a terminal a failed one has its error on a line of its own; in a pipe, where a session is
 * one line of any length, in a column.
 */
export function sessionTable(
  items: readonly SessionItem[],
  { terminal }: Pick<CommandContext, 'terminal'>,
  nowMs: number,
): readonly string[] {
  const { palette, live } = terminal.out;
  const available = live ? terminal.out.size().columns - 1 : Number.POSITIVE_INFINITY;
  const paintStatus = (cell: string, row: number) => {
    const item = items[row];
    return item === undefined ? cell : paintOf(item.status, palette)(cell);
  };
  const columns = [
    { title: 'STATUS', paint: paintStatus, atLeast: 11 },
    { title: 'SESSION', atLeast: 26 },
    { title: 'PIPELINE', atLeast: 7 },
    { title: 'STARTED', atLeast: 9 },
    { title: '', atLeast: 11, paint: palette.dim },
    { title: 'TIME', align: 'right' as const },
    ...(live ? [] : [{ title: 'ERROR' }]),
  ];
  const cells = items.map((item) => [
    `${symbolOf(item.status, terminal.unicode)} ${item.status}`,
    item.session_id,
    harmlessLine(item.pipeline_name),
    ago(nowMs - Date.parse(item.created_at)),
    live ? shortTime(item.created_at) : localTime(item.created_at),
    tookText(item, nowMs),
    ...(live ? [] : [errorText(item)]),
  ]);
  const [titles = '', ...rows] = table(columns, cells, available, palette.dim);
  const errorRow = (item: SessionItem | undefined) =>
    !live || item === undefined || errorText(item) === ''
      ? []
      : [palette.dim(cut(`${' '.repeat(13)}${errorText(item)}`, available))];
  return [titles, ...rows.flatMap((row, index) => [row, ...errorRow(items[index])])];
}

interface Found {
  readonly items: readonly SessionItem[];
  /** Ids of sessions that are unfinished and that no process works on. */
  readonly interrupted: readonly string[];
}

export async function listSessionsCommand(context: CommandContext, options: ListOptions): Promise<number> {
  const { out, err } = context.terminal;
  const { items, interrupted } = await read(context, options);
  if (options.json) {
    for (const item of items) out.write(jsonLine('session', { ...item }));
    return exitCodes.ok;
  }
  if (items.length === 0) {
    const isFiltered = options.pipeline !== undefined || options.status !== undefined;
    const start = `${context.commandName} run pipelines/flights/pipeline.ts`;
    err.write(isFiltered ? 'no session fits\n' : `no sessions yet. Start one: ${start}\n`);
    return exitCodes.ok;
  }
  out.write(`${sessionTable(items, context, Date.now()).join('\n')}\n`);
  for (const item of items.filter(({ session_id: id }) => interrupted.includes(id))) {
    const resume = commandLine(context, `session resume ${item.session_id}`, options.stateDir);
    err.write(`\nno process works on ${item.session_id}. Go on with it: ${resume}\n`);
  }
  return exitCodes.ok;
}

async function read(context: CommandContext, options: ListOptions): Promise<Found> {
  if (isUnusedFolder(options.stateDir, context.cwd)) return { items: [], interrupted: [] };
  const open = () => openLocalPlatform(options.stateDir, context.cwd);
  return readFromPlatform(open, async (platform) => {
    const { sessions: items } = await listSessions(await platform.clients(), {
      limit: options.limit,
      ...(options.pipeline === undefined ? {} : { pipeline: options.pipeline }),
      ...(options.status === undefined ? {} : { status: options.status as SessionStatus }),
    });
    // A runtime that was opened for this very question works on nothing.
    const unfinished = platform.runtime.owner ? await unfinishedExecutions(platform.local) : [];
    return { items, interrupted: unfinished.map(({ session }) => session) };
  });
}
