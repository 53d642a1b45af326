/** The channels of a platform as commands use them: what they are, their queues, and the topic. */
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { BunsuiError } from '../errors.ts';
import { localAccountId, localRegion } from '../local/runtime.ts';
import { type ChannelConfig, type Channels, channelsFromEnvironment } from '../notify/channels.ts';
import type { QueueDeps } from '../notify/dead-letters.ts';
import type { Notice } from '../sessions/notice.ts';
import { noticeMessage } from '../sessions/notice-message.ts';
import { localTopic } from './local-channels.ts';
import { ensureOwnPlatform } from './local-platform.ts';
import type { Platform } from './platform.ts';
import { usualPlatform } from './platform-target.ts';

export interface ChannelsThere extends QueueDeps {
  readonly channels: Channels;
  /** Names of channels that are declared, and not for this place. */
  readonly elsewhere: readonly string[];
  publish(notice: Notice): Promise<void>;
}

/**
 * The channels of a platform. On this machine they are set up as `bunsui.json` has them now.
 *
 * @throws {BunsuiError} BS2002, BS2004 for a `bunsui.json` that is not as it should be.
 */
export async function channelsThere(platform: Platform): Promise<ChannelsThere> {
  const { clientConfig } = platform;
  const isElsewhere = clientConfig.endpoint !== undefined || process.env['AWS_ENDPOINT_URL'] !== undefined;
  // The address of a queue names a host that is not there where the endpoint is another one.
  const sqs = new SQSClient({ ...clientConfig, useQueueUrlAsEndpoint: !isElsewhere });
  const publishTo = (topicArn: string) => async (notice: Notice) => {
    await new SNSClient(clientConfig).send(new PublishCommand(noticeMessage(topicArn, notice)));
  };
  if (platform.kind === 'local') {
    const { channels = {}, onAwsOnly = [] } = (await ensureOwnPlatform(platform)) ?? {};
    return {
      sqs,
      prefix: usualPlatform,
      channels,
      elsewhere: onAwsOnly,
      publish: publishTo(localTopic(localRegion, localAccountId)),
    };
  }
  return {
    sqs,
    prefix: platform.name,
    channels: channelsFromEnvironment(platform.parameter('channels')),
    elsewhere: [],
    publish: publishTo(platform.parameter('topic')),
  };
}

/** A channel by its name. @throws {BunsuiError} BS3009 when there is none. */
export function channelNamed({ channels, elsewhere }: ChannelsThere, name: string): ChannelConfig {
  const channel = Object.hasOwn(channels, name) ? channels[name] : undefined;
  if (channel !== undefined) return channel;
  const names = Object.keys(channels);
  if (elsewhere.includes(name)) {
    throw new BunsuiError('ConfigError', 'BS3009', `the channel "${name}" is for AWS`, { hint: forAws });
  }
  throw new BunsuiError('ConfigError', 'BS3009', `there is no channel "${name.slice(0, 60)}"`, {
    hint: names.length === 0 ? noChannels : `there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`,
  });
}

/** Why a channel of `bunsui.json` is not there. */
export const forAws =
  'on this machine a channel has its secrets in env:NAME or file:PATH, and mail goes by kind email, into a file';
export const noChannels =
  'no channel is declared: on this machine "channels" in bunsui.json has them, on AWS the "channels" of the Platform';
