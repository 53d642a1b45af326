/** `bunsui notify dead` and `notify redrive`: what could not be delivered and why, and its second chance. */
import { setTimeout as pause } from 'node:timers/promises';
import { type DeadLetter, deadLetters, redriveDeadLetters } from '../../notify/dead-letters.ts';
import { channelNamed, channelsThere } from '../channels-there.ts';
import type { CommandContext } from '../context.ts';
import { ago } from '../durations.ts';
import { exitCodes } from '../exit-codes.ts';
import { harmlessLine } from '../harmless.ts';
import { jsonLine } from '../json-lines.ts';
import { readFromPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { commandLine, hintWith } from '../places.ts';
import { openPlatform } from '../platform.ts';
import { table } from '../table.ts';

/** Most letters of one channel that are shown. */
const maxShown = 100;

type ShownLetter = DeadLetter & { readonly channel: string };

export async function showDead(
  context: CommandContext,
  name: string | undefined,
  options: PlatformOptions,
): Promise<number> {
  const { out, err } = context.terminal;
  const { target } = options;
  const letters = await readFromPlatform(
    () => openPlatform(context, target),
    async (platform): Promise<readonly ShownLetter[]> => {
      const there = await channelsThere(platform);
      if (name !== undefined) channelNamed(there, name);
      const queued = Object.entries(there.channels).filter(
        ([channel, { kind }]) => kind !== 'mail' && (name === undefined || channel === name),
      );
      const read = queued.map(async ([channel]) =>
        (await deadLetters(there, channel, maxShown)).map((letter) => ({ channel, ...letter })),
      );
      return (await Promise.all(read)).flat();
    },
  );
  if (options.json) {
    for (const letter of letters) out.write(jsonLine('notice.dead', { ...letter }));
    return exitCodes.ok;
  }
  if (letters.length === 0) {
    err.write('every notice was delivered, or is still tried\n');
    return exitCodes.ok;
  }
  const columns = [
    { title: 'CHANNEL' },
    { title: 'SINCE' },
    { title: 'PIPELINE' },
    { title: 'EVENT' },
    { title: 'SESSION', atLeast: 26 },
    { title: 'REASON' },
  ];
  const rows = letters.map(({ channel, since, notice, reason = 'not known' }) => [
    channel,
    ago(Date.now() - Date.parse(since)),
    notice?.pipeline_id ?? '?',
    notice?.event ?? '?',
    notice?.session_id ?? '?',
    harmlessLine(reason),
  ]);
  const available = out.live ? out.size().columns - 1 : Number.POSITIVE_INFINITY;
  out.write(`${table(columns, rows, available, out.palette.dim).join('\n')}\n`);
  const again = commandLine(context, `notify redrive ${letters[0]?.channel}`, target);
  err.write(`\n${hintWith(err, 'when the cause is gone, try again:', again)}\n`);
  return exitCodes.ok;
}

export async function redriveChannel(context: CommandContext, name: string, options: PlatformOptions): Promise<number> {
  const { out } = context.terminal;
  const moved = await readFromPlatform(
    () => openPlatform(context, options.target),
    async (platform) => {
      const there = await channelsThere(platform);
      return channelNamed(there, name).kind === 'mail' ? 0 : redriveDeadLetters(there, name, (ms) => pause(ms));
    },
  );
  if (options.json) out.write(jsonLine('notices.redriven', { channel: name, count: moved }));
  else if (moved === 0) out.write(`${name} has no dead letters\n`);
  else out.write(`${moved} ${moved === 1 ? 'notice is' : 'notices are'} tried again\n`);
  return exitCodes.ok;
}
