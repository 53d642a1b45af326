/** `bunsui session checkpoints`: what is kept of a session's jobs; shown, and taken away. */
import { BunsuiError } from '../../errors.ts';
import { type KeptCheckpoint, keepCheckpoint, listCheckpoints, pruneCheckpoints } from '../../sessions/checkpoints.ts';
import type { CommandContext } from '../context.ts';
import { localTime } from '../durations.ts';
import { exitCodes } from '../exit-codes.ts';
import { openForSession, sessionNamed } from '../find-session.ts';
import { jsonLine } from '../json-lines.ts';
import { readFromPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { recordedValue } from '../../sessions/recorded-value.ts';
import { table } from '../table.ts';
import { userName } from '../user-name.ts';

export interface CheckpointsOptions extends PlatformOptions {
  readonly job?: string;
  readonly prune?: true;
  readonly all?: true;
  /** JSON text. */
  readonly set?: string;
  readonly milestone?: string;
}

export async function checkpointsCommand(
  context: CommandContext,
  name: string,
  options: CheckpointsOptions,
): Promise<number> {
  const { job, prune, all, target } = options;
  if (all && !prune) {
    throw new BunsuiError('ConfigError', 'BS2001', '--all says what --prune takes away', { hint: 'give both' });
  }
  if (options.set !== undefined) return keepByHand(context, name, { ...options, set: options.set });
  if (options.milestone !== undefined) {
    throw new BunsuiError('ConfigError', 'BS2001', '--milestone names what --set keeps', { hint: 'give both' });
  }
  const { session, kept } = await readFromPlatform(
    () => openForSession(context, target),
    async (platform) => {
      const { session_id: id } = await sessionNamed(platform, name);
      const clients = await platform.clients();
      const found = prune
        ? await pruneCheckpoints(clients, { session: id, ...(all && { all }) })
        : await listCheckpoints(clients, id);
      return { session: id, kept: found.filter((one) => job === undefined || one.job === job) };
    },
  );
  const { out, err } = context.terminal;
  if (options.json) for (const one of kept) out.write(recordLine(session, one, prune));
  else if (job !== undefined && !prune) for (const one of kept) out.write(`${one.value}\n`);
  else if (kept.length > 0) out.write(`${tableOf(context, kept).join('\n')}\n`);
  if (!options.json && (kept.length === 0 || prune)) err.write(`${kept.length} ${prune ? 'deleted' : 'kept'}\n`);
  return exitCodes.ok;
}

/** Keeps a value for a job, which its next try is given. */
async function keepByHand(
  context: CommandContext,
  name: string,
  { job, set: value, milestone, target, json, prune }: CheckpointsOptions & { readonly set: string },
): Promise<number> {
  if (job === undefined || prune) {
    throw new BunsuiError('ConfigError', 'BS2001', '--set keeps a value for one job', {
      hint: 'say which: --job JOB, without --prune',
    });
  }
  const { session, kept } = await readFromPlatform(
    () => openForSession(context, target),
    async (platform) => {
      const { session_id } = await sessionNamed(platform, name);
      const by = { kind: 'manual', user: userName() } as const;
      const request = { session: session_id, job, value, by, ...(milestone === undefined ? {} : { milestone }) };
      return {
        session: session_id,
        kept: await keepCheckpoint({ ...(await platform.clients()), now: Date.now }, request),
      };
    },
  );
  const { out } = context.terminal;
  if (json) out.write(recordLine(session, kept, undefined));
  else out.write(`${job}: kept for its next try in generation ${kept.generation} of session ${session}\n`);
  return exitCodes.ok;
}

function recordLine(session: string, { value, ...one }: KeptCheckpoint, prune: true | undefined): string {
  if (prune) return jsonLine('checkpoint.deleted', { session, ...one });
  return jsonLine('checkpoint', { session, ...one, value: recordedValue(value) });
}

function tableOf({ terminal: { out } }: CommandContext, kept: readonly KeptCheckpoint[]): readonly string[] {
  const cells = kept.map((one) => [
    one.job,
    one.milestone === undefined ? one.kind : `${one.kind} ${one.milestone}`,
    String(one.generation),
    one.reused_from === undefined ? '' : String(one.reused_from),
    String(one.bytes),
    localTime(one.at),
  ]);
  return table(
    [
      { title: 'JOB', atLeast: 12 },
      { title: 'KIND' },
      { title: 'GENERATION', align: 'right' },
      { title: 'FROM', align: 'right' },
      { title: 'BYTES', align: 'right' },
      { title: 'AT' },
    ],
    cells,
    out.live ? out.size().columns - 1 : Number.POSITIVE_INFINITY,
    out.palette.dim,
  );
}
