/** `bunsui notify test`: a notice that goes the whole way, so that a channel is known to work before it is needed. */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { testDeliveryId, testedOf } from '../../notify/test-notice.ts';
import type { Notice } from '../../sessions/notice.ts';
import { sessionIdOf } from '../../storage-layout.ts';
import { type ChannelsThere, channelNamed, channelsThere } from '../channels-there.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { harmlessLine } from '../harmless.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { readFromPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { commandLine, hintWith } from '../places.ts';
import { openPlatform, type Platform } from '../platform.ts';
import { userName } from '../user-name.ts';

type Outcome =
  | { readonly outcome: 'delivered' | 'published' }
  /** Nobody has tried yet; or it is tried again after the reason. */
  | { readonly outcome: 'waiting'; readonly reason?: string; readonly after_seconds?: number }
  | { readonly outcome: 'dead'; readonly reason: string };

const lookEveryMs = 250;
/** Longer than topic, queue and function take, cold and all. */
const maxLooks = 120;

function testNotice(channel: string, platform: Platform, nowMs: number): Notice {
  const at = isoTime(nowMs);
  const session = sessionIdOf(nowMs, BigInt(`0x${randomBytes(10).toString('hex')}`));
  return {
    noticeVersion: 1,
    delivery_id: testDeliveryId(session),
    event: 'succeeded',
    at,
    channels: [channel],
    session_id: session,
    created_at: at,
    pipeline_id: 'notify-test',
    pipeline_version: 'test',
    status: 'completed',
    trigger: { kind: 'manual', detail: `bunsui notify test, by ${userName()}` },
    ...(platform.kind === 'aws' ? { platform: platform.name } : {}),
    region: platform.region,
    total_jobs: 0,
    completed_jobs: 0,
    failed_jobs: 0,
  };
}

/** Publishes, and waits until somebody has tried to deliver it. */
async function sendTest(platform: Platform, there: ChannelsThere, channel: string, notice: Notice): Promise<Outcome> {
  const { db, names } = await platform.clients();
  const deps = { db, sessionsTable: names.sessionsTable };
  await there.publish(notice);
  for (let looks = 0; looks < maxLooks; looks += 1) {
    await pause(lookEveryMs);
    const tested = await testedOf(deps, channel, notice.delivery_id);
    if (tested === undefined) continue;
    const { outcome, reason = 'not known', after_seconds } = tested;
    if (outcome === 'delivered') return { outcome };
    if (outcome === 'dead') return { outcome, reason };
    return { outcome: 'waiting', reason, ...(after_seconds === undefined ? {} : { after_seconds }) };
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
      const notice = testNotice(name, platform, Date.now());
      const { delivery_id } = notice;
      if (kind !== 'mail') return { delivery_id, ...(await sendTest(platform, there, name, notice)) };
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
      return hintWith(out, waitingText(name, result), commandLine(context, `notify dead ${name}`, target));
    case 'dead':
      return `${name} did not take the notice: ${harmlessLine(result.reason)}`;
  }
}

function waitingText(
  name: string,
  { reason, after_seconds }: Extract<Outcome, { readonly outcome: 'waiting' }>,
): string {
  if (reason === undefined) return `it is not known yet whether ${name} has taken the notice. If it is given up:`;
  const again = after_seconds === undefined ? '' : ` in ${after_seconds} s`;
  return `${name} has not taken the notice: ${harmlessLine(reason)}; it is tried again${again}. If it is given up:`;
}
