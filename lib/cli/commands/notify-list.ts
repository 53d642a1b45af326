/** `bunsui notify list`: channels, what they hear, and what waits in them. */
import { type ChannelConfig, eventsOf } from '../../notify/channels.ts';
import { channelCounts } from '../../notify/dead-letters.ts';
import { type ChannelsThere, channelsThere, forAws, noChannels } from '../channels-there.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { harmlessLine } from '../harmless.ts';
import { jsonLine } from '../json-lines.ts';
import { readFromPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { commandLine, hintWith } from '../places.ts';
import { openPlatform } from '../platform.ts';
import { table } from '../table.ts';

interface ListedChannel {
  readonly channel: string;
  /** Of a plugin, where it was written as one of its kinds. */
  readonly kind: string;
  readonly to: string;
  readonly events: readonly string[];
  /** Channels without a queue have no counts. */
  readonly waiting?: number;
  readonly dead?: number;
}

/** Where a channel leads, without what is secret of it. */
function destination(channel: ChannelConfig): string {
  if (channel.kind === 'slack') return `secret ${channel.secret}`;
  if (channel.kind === 'post' && channel.url === undefined) return `secret ${channel.address}`;
  // Its query may hold a token.
  if (channel.kind === 'webhook' || channel.kind === 'post') return (channel.url ?? '').replace(/\?.*$/s, '?…');
  return channel.to.join(', ');
}

async function listed(there: ChannelsThere): Promise<readonly ListedChannel[]> {
  const all = Object.entries(there.channels).map(async ([name, config]) => ({
    channel: name,
    kind: config.kind === 'post' ? (config.writtenAs ?? config.kind) : config.kind,
    to: destination(config),
    events: eventsOf(config),
    ...(config.kind === 'mail' ? {} : await channelCounts(there, name)),
  }));
  return Promise.all(all);
}

export async function listChannels(context: CommandContext, options: PlatformOptions): Promise<number> {
  const { out, err } = context.terminal;
  const { target } = options;
  const { channels, elsewhere } = await readFromPlatform(
    () => openPlatform(context, target),
    async (platform) => {
      const there = await channelsThere(platform);
      return { channels: await listed(there), elsewhere: there.elsewhere };
    },
  );
  if (options.json) {
    for (const channel of channels) out.write(jsonLine('channel', { ...channel }));
    return exitCodes.ok;
  }
  if (elsewhere.length > 0) err.write(`not on this machine: ${elsewhere.join(', ')} (${forAws})\n`);
  if (channels.length === 0) {
    if (elsewhere.length === 0) err.write(`${noChannels}\n`);
    return exitCodes.ok;
  }
  const columns = [
    { title: 'CHANNEL', atLeast: 24 },
    { title: 'KIND' },
    { title: 'TO' },
    { title: 'HEARS' },
    { title: 'WAITING', align: 'right' as const },
    { title: 'DEAD', align: 'right' as const },
  ];
  const rows = channels.map(({ channel, kind, to, events, waiting, dead }) => [
    channel,
    kind,
    harmlessLine(to),
    events.length === 0 ? 'what pipelines say' : events.join(', '),
    String(waiting ?? ''),
    String(dead ?? ''),
  ]);
  const available = out.live ? out.size().columns - 1 : Number.POSITIVE_INFINITY;
  out.write(`${table(columns, rows, available, out.palette.dim).join('\n')}\n`);
  const withDead = channels.find(({ dead = 0 }) => dead > 0);
  if (withDead !== undefined) {
    const look = commandLine(context, `notify dead ${withDead.channel}`, target);
    err.write(`\n${hintWith(err, 'notices could not be delivered. See why:', look)}\n`);
  }
  return exitCodes.ok;
}
