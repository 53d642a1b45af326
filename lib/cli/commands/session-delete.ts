/** `bunsui session delete` and `session purge`: take away sessions that have ended, with all that is kept of them. */
import { deleteSession, sessionsToPurge } from '../../sessions/delete-session.ts';
import type { SessionItem } from '../../sessions/items.ts';
import type { SessionStatus } from '../../sessions/status.ts';
import { ask } from '../ask.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { openForSession, sessionNamed } from '../find-session.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { readFromPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { pastMoment } from '../past-moment.ts';
import { sessionTable } from './session-list.ts';

export interface DeleteOptions extends PlatformOptions {
  readonly yes?: true;
}
export interface PurgeOptions extends DeleteOptions {
  readonly olderThan: string;
  readonly pipeline?: string;
  readonly status?: string;
  readonly limit: number;
  readonly plan?: true;
}

export async function deleteCommand(
  context: CommandContext,
  names: readonly string[],
  options: DeleteOptions,
): Promise<number> {
  const items = await readFromPlatform(
    () => openForSession(context, options.target),
    async (platform) => Promise.all(names.map((name) => sessionNamed(platform, name))),
  );
  return deleteAll(context, items, options);
}

export async function purgeCommand(context: CommandContext, options: PurgeOptions): Promise<number> {
  const { olderThan, pipeline, status, limit } = options;
  const before = isoTime(pastMoment('--older-than', olderThan, Date.now()));
  const items = await readFromPlatform(
    () => openForSession(context, options.target),
    async (platform) =>
      sessionsToPurge(await platform.clients(), {
        before,
        limit,
        ...(pipeline === undefined ? {} : { pipeline }),
        ...(status === undefined ? {} : { status: status as SessionStatus }),
      }),
  );
  const { out, err } = context.terminal;
  if (options.plan) {
    if (options.json) for (const item of items) out.write(lineOf('session.purgeable', item));
    else if (items.length > 0) out.write(`${sessionTable(items, context, Date.now()).join('\n')}\n`);
    if (!options.json) err.write(`${items.length} would be deleted\n`);
    return exitCodes.ok;
  }
  return deleteAll(context, items, options);
}

const lineOf = (type: string, { session_id: session, pipeline_id: pipeline, status, created_at }: SessionItem) =>
  jsonLine(type, { session, pipeline, status, created_at });

async function deleteAll(
  context: CommandContext,
  items: readonly SessionItem[],
  options: DeleteOptions,
): Promise<number> {
  const { out, err } = context.terminal;
  if (items.length === 0) {
    err.write('no session fits\n');
    return exitCodes.ok;
  }
  const what = items.length === 1 ? `session ${items[0]?.session_id ?? ''}` : `${items.length} sessions`;
  if (!options.yes) {
    const answer = await ask(context, `Delete ${what} with records, logs and reports, for good? [y/N] `, '--yes');
    if (!/^y(es)?$/i.test(answer)) {
      err.write('nothing was deleted\n');
      return exitCodes.ok;
    }
  }
  await readFromPlatform(
    () => openForSession(context, options.target),
    async (platform) => {
      const deps = { ...(await platform.clients()), now: Date.now };
      for (const { session_id: id } of items) {
        const deleted = await deleteSession(deps, id);
        out.write(options.json ? lineOf('session.deleted', deleted) : `deleted ${id}\n`);
      }
    },
  );
  return exitCodes.ok;
}
