/** `bunsui durations`: how long the jobs of a pipeline took, as the pipeline takes it (`durations`). */
import { listSessions } from '../../sessions/list-sessions.ts';
import { listJobRecords } from '../../sessions/store.ts';
import { BunsuiError } from '../../errors.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { readFromPlatform } from '../local-platform.ts';
import { openPlatform, type Platform } from '../platform.ts';
import type { PlatformTarget } from '../platform-target.ts';

export interface DurationsOptions {
  readonly target: PlatformTarget;
  readonly limit: number;
}

/** The node that a job's path ends with: `convert[17]/one` → `one`. */
const nodeOf = (path: string) => (path.split('/').at(-1) ?? path).replace(/\[\d+\]$/, '');

/** Mean seconds of the attempts that completed, by node in the order of names: the same records give the same text. */
async function meanSeconds(platform: Platform, pipeline: string, limit: number): Promise<ReadonlyMap<string, number>> {
  const clients = await platform.clients();
  const { sessions } = await listSessions(clients, { pipeline, status: 'completed', limit });
  const taken = new Map<string, { readonly sum: number; readonly count: number }>();
  for (const { session_id: id } of sessions) {
    const { attempts } = await listJobRecords(clients, id);
    for (const { job_id: job, job_status: status, duration_ms: ms } of attempts) {
      if (status !== 'completed' || ms === undefined) continue;
      const node = nodeOf(job);
      const { sum, count } = taken.get(node) ?? { sum: 0, count: 0 };
      taken.set(node, { sum: sum + ms, count: count + 1 });
    }
  }
  const byName = [...taken].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(byName.map(([node, { sum, count }]) => [node, Math.round(sum / count) / 1_000]));
}

export async function printDurations(
  context: CommandContext,
  pipeline: string,
  { target, limit }: DurationsOptions,
): Promise<number> {
  const durations = await readFromPlatform(
    () => openPlatform(context, target),
    (platform) => meanSeconds(platform, pipeline, limit),
  );
  if (durations.size === 0) {
    throw new BunsuiError(
      'SessionError',
      'BS3002',
      `no session of pipeline "${pipeline.slice(0, 100)}" has completed`,
      {
        hint: 'durations are those of completed sessions: run it first, or see bunsui session list',
      },
    );
  }
  context.terminal.out.write(`${JSON.stringify(Object.fromEntries(durations), null, 2)}\n`);
  return exitCodes.ok;
}
