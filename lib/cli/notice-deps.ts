/** What it takes to tell a platform's channels of something that a command has done. */
import { dirname } from 'node:path';
import { SNSClient } from '@aws-sdk/client-sns';
import { channelEventsFrom } from '../sessions/notice-rules.ts';
import type { NoticeDeps } from '../sessions/notices.ts';
import { environment } from '../storage-layout.ts';
import { localChannels } from './local-channels.ts';
import type { Platform } from './platform.ts';
import { readProjectFile } from './project-file.ts';

/** @returns nothing where no channel is declared. @throws {BunsuiError} BS2002, BS2004 for a `bunsui.json` with mistakes */
export async function noticeDepsOf(platform: Platform): Promise<{ readonly notices?: NoticeDeps }> {
  const sns = new SNSClient(platform.clientConfig);
  if (platform.kind === 'aws') {
    const channels = channelEventsFrom(platform.parameter('channels'));
    return { notices: { sns, topic: platform.parameter('topic'), channels, platform: platform.name } };
  }
  const project = await readProjectFile(platform.cwd, dirname(platform.runtime.stateDir));
  if (project?.fields['channels'] === undefined) return {};
  const { environment: variables } = localChannels(platform.runtime, project);
  const channels = channelEventsFrom(variables[environment.channels]);
  return { notices: { sns, topic: variables[environment.topic] ?? '', channels } };
}
