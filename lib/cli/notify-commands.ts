/** `bunsui notify`: its commands and their help. */
import type { Command } from 'commander';
import type { CommandContext } from './context.ts';
import type { HelpPage } from './help.ts';
import { jsonOption, onPlatform, type PlatformOptions, type Run } from './options.ts';

const channelNote =
  'Channels are declared in "channels": on this machine in bunsui.json, in this folder or one above; on AWS by the Platform.';

export const notifyPages: { readonly [command: string]: HelpPage } = {
  notify: {
    examples: [
      ['bunsui notify list', 'who is told of what'],
      ['bunsui notify test ops', 'send a notice to a channel'],
    ],
    notes: [channelNote],
  },
  'notify list': {
    examples: [
      ['bunsui notify list', 'channels, what they hear, what waits in them'],
      ['bunsui notify list --platform bunsui --json | jq .dead', 'for a monitor'],
    ],
    notes: [channelNote],
  },
  'notify test': {
    examples: [['bunsui notify test ops', 'does it arrive?']],
    notes: ['Exit codes: 0 delivered, 3 a channel is not as it should be, 5 no such channel, 7 it was not delivered.'],
  },
  'notify dead': {
    examples: [
      ['bunsui notify dead', 'what could not be delivered, and why'],
      ['bunsui notify dead ops --json | jq .notice', 'the notices themselves'],
    ],
    notes: ['Looking changes nothing. At most 100 notices of a channel are shown. On AWS they are kept for 14 days.'],
  },
  'notify redrive': {
    examples: [['bunsui notify redrive ops', 'try again what ops did not take']],
    notes: ['Receivers know a notice that they have seen by its delivery id.'],
  },
};

export function addNotify(program: Command, context: CommandContext, run: Run): void {
  const notify = program.command('notify').description('Lists and tests channels; shows what they did not take.');
  onPlatform(notify.command('list'), context)
    .summary('channels, what they hear, what waits in them')
    .description('Lists channels, what they hear, and what waits in them.')
    .addOption(jsonOption('print them as JSON Lines'))
    .action((options: PlatformOptions) =>
      run(async () => (await import('./commands/notify-list.ts')).listChannels(context, options)),
    );
  onPlatform(notify.command('test'), context)
    .summary('send a notice to a channel')
    .description('Sends a notice to a channel, the whole way, and says whether it was taken.')
    .argument('CHANNEL', 'its name')
    .addOption(jsonOption('print what came of it as JSON'))
    .action((channel: string, options: PlatformOptions) =>
      run(async () => (await import('./commands/notify-test.ts')).testChannel(context, channel, options)),
    );
  onPlatform(notify.command('dead'), context)
    .summary('notices that could not be delivered, and why')
    .description('Shows the notices that could not be delivered, and why.')
    .argument('[CHANNEL]', 'its name; without it all')
    .addOption(jsonOption('print them as JSON Lines'))
    .action((channel: string | undefined, options: PlatformOptions) =>
      run(async () => (await import('./commands/notify-dead.ts')).showDead(context, channel, options)),
    );
  onPlatform(notify.command('redrive'), context)
    .summary('try these notices again')
    .description('Sends the notices that a channel did not take back into its queue.')
    .argument('CHANNEL', 'its name')
    .addOption(jsonOption('print how many as JSON'))
    .action((channel: string, options: PlatformOptions) =>
      run(async () => (await import('./commands/notify-dead.ts')).redriveChannel(context, channel, options)),
    );
}
