/** `bunsui notify test`: a notice that goes the whole way, so that a channel is known to work before it is needed. */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { channelCounts, deadLetters } from '../../notify/dead-letters.ts';
import type { Notice } from '../../sessions/notice.ts';
import { sessionIdOf } from '../../storage-layout.ts';
import { channelNamed, type ChannelsThere, channelsThere } from '../channels-there.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { harmlessLine } from '../harmless.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { readFromPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { commandLine, hintWith } from '../places.ts';
import { openPlatform } from '../platform.ts';
import { userName } from '../user-name.ts';

type Outcome =
  | { readonly outcome: 'delivered' | 'published' | 'waiting' }
  | { readonly outcome: 'dead'; readonly reason: string };

const lookEveryMs = 250;
/** SQS counts late: an empty queue is believed when it was empty so often in a row. */
const emptyLooks = 4;
const maxLooks = 60;

function testNotice(channel: string, region: string, nowMs: number): Notice {
  const at = isoTime(nowMs);
  const session = sessionIdOf(nowMs, BigInt(`0x${randomBytes(10).toString('hex')}`));
  return {
    noticeVersion: 1,
    delivery_id: `test/${session}`,
    event: 'succeeded',
    at,
    channels: [channel],
    session_id: session,
    created_at: at,
    pipeline_id: 'notify-test',
    pipeline_version: 'test',
    status: 'completed',
    trigger: { kind: 'manual', detail: `bunsui notify test, by ${userName()}` },
    region,
    total_jobs: 0,
    completed_jobs: 0,
    failed_jobs: 0,
  };
}

/** Publishes, and looks until the notice has left the queue, for the receiver or for the dead letters. */
async function sendTest(there: ChannelsThere, channel: string, notice: Notice): Promise<Outcome> {
  const before = await channelCounts(there, channel);
  await there.publish(notice);
  for (let looks = 0, empty = 0; looks < maxLooks; looks += 1) {
    await pause(lookEveryMs);
    const { waiting, dead } = await channelCounts(there, channel);
    if (dead > before.dead) {
      const letters = await deadLetters(there, channel, 1_000);
      const ours = letters.find((letter) => letter.notice?.delivery_id === notice.delivery_id);
      if (ours !== undefined) return { outcome: 'dead', reason: ours.reason ?? 'not known' };
    }
    empty = waiting <= before.waiting ? empty + 1 : 0;
    if (empty === emptyLooks) return { outcome: 'delivered' };
  }
  return { outcome: 'waiting' };
}

export async function testChannel(context: CommandContext, name: string, options: PlatformOptions): Promise<number> {
  const { out } = context.terminal;
  const { target } = options;
  const result = await readFromPlatform(
    () => openPlatform(context, target),
    async (platform): Promise<Outcome & { readonly delivery_id: string }> => {
      const there = await channelsThere(platform);
      const { kind } = channelNamed(there, name);
      const notice = testNotice(name, platform.region, Date.now());
      const { delivery_id } = notice;
      if (kind !== 'mail') return { delivery_id, ...(await sendTest(there, name, notice)) };
      await there.publish(notice);
      return { delivery_id, outcome: 'published' };
    },
  );
  if (options.json) out.write(jsonLine('notice.test', { channel: name, ...result }));
  else out.write(`${wordsOf(context, name, options, result)}\n`);
  return result.outcome === 'dead' || result.outcome === 'waiting' ? exitCodes.runtime : exitCodes.ok;
}

function wordsOf(context: CommandContext, name: string, { target }: PlatformOptions, result: Outcome): string {
  const { out } = context.terminal;
  switch (result.outcome) {
    case 'delivered':
      return `${name} has taken the notice`;
    case 'published':
      return `the notice is published: the topic sends it to the addresses of ${name} that are confirmed`;
    case 'waiting':
      return hintWith(
        out,
        `${name} has not taken the notice yet; it is tried again. If it is given up:`,
        commandLine(context, `notify dead ${name}`, target),
      );
    case 'dead':
      return `${name} did not take the notice: ${harmlessLine(result.reason)}`;
  }
}
