/** The channels of a project on this machine: from `bunsui.json` to the queues of the runtime. */
import { resolve } from 'node:path';
import type { LocalClient } from '../local/client.ts';
import type { NoticeRoutes } from '../local/notices.ts';
import type { Runtime } from '../local/runtime.ts';
import {
  type ChannelConfig,
  type Channels,
  channelDeadLettersName,
  channelQueue,
  channelQueueName,
  readLaptopChannels,
  secretsOf,
} from '../notify/channels.ts';
import { environment } from '../storage-layout.ts';
import type { ProjectFile } from './project-file.ts';
import { usualPlatform } from './platform-target.ts';

const topicName = 'bunsui-notices';

/** ARN of the topic on this machine. */
export function localTopic(region: string, accountId: string): string {
  return `arn:aws:sns:${region}:${accountId}:${topicName}`;
}

/** Names of the functions that have to do with channels. */
export interface ChannelFunctions {
  readonly notify: string;
  readonly recordEvents: string;
  readonly reconcile: string;
}

export interface LocalChannels {
  readonly channels: Channels;
  /** Names of channels that `bunsui.json` has for AWS. */
  readonly onAwsOnly: readonly string[];
  /** For functions that publish, and the one that delivers. */
  readonly environment: Readonly<Record<string, string>>;
  /** Makes topic and queues, and hands what is in them to the function. */
  connect(local: LocalClient, functions: ChannelFunctions): Promise<void>;
}

/**
 * The channels that a project's file declares.
 *
 * @throws {BunsuiError} BS2004 when they are not as they should be.
 */
export function localChannels(runtime: Runtime, { path, folder, fields }: ProjectFile): LocalChannels {
  const { channels: here, onAwsOnly } = readLaptopChannels(fields['channels'] ?? {}, path);
  const channels = withAbsolutePaths(here, folder);
  const topicArn = localTopic(runtime.region, runtime.accountId);
  return {
    channels,
    onAwsOnly,
    environment: { [environment.topic]: topicArn, [environment.channels]: JSON.stringify(channels) },
    async connect(local, functions) {
      const form = new URLSearchParams({ Action: 'CreateTopic', Version: '2010-03-31', Name: topicName });
      await local.send('sns', 'POST', '/', form.toString());
      await local.private('PUT', 'notices', routesOf(channels, topicArn, functions));
    },
  };
}

function routesOf(channels: Channels, topicArn: string, functions: ChannelFunctions): NoticeRoutes {
  const queues = Object.entries(channels).flatMap(([channel, config]) =>
    config.kind === 'mail'
      ? []
      : [
          {
            channel,
            queue: channelQueueName(usualPlatform, channel),
            deadLetters: channelDeadLettersName(usualPlatform, channel),
            maxReceives: config.attempts ?? channelQueue.defaultAttempts,
            visibilityTimeoutSeconds: channelQueue.visibilityTimeoutSeconds,
          },
        ],
  );
  return {
    topicArn,
    functionName: functions.notify,
    recordFunctionName: functions.recordEvents,
    deadlineFunctionName: functions.reconcile,
    queues,
    secrets: Object.values(channels).flatMap(secretsOf),
  };
}

/** Paths of secrets are relative to the file that names them. */
function withAbsolutePaths(channels: Channels, folder: string): Channels {
  const absolute = (name: string) => (name.startsWith('file:') ? `file:${resolve(folder, name.slice(5))}` : name);
  const change = (channel: ChannelConfig): ChannelConfig => {
    if (channel.kind === 'slack') return { ...channel, secret: absolute(channel.secret) };
    if (channel.kind === 'post') {
      const { address, secret } = channel;
      return {
        ...channel,
        ...(address && { address: absolute(address) }),
        ...(secret && { secret: absolute(secret) }),
      };
    }
    if (channel.kind !== 'webhook' || channel.secret === undefined) return channel;
    return {
      ...channel,
      secret: typeof channel.secret === 'string' ? absolute(channel.secret) : channel.secret.map(absolute),
    };
  };
  return Object.fromEntries(Object.entries(channels).map(([name, channel]) => [name, change(channel)]));
}
