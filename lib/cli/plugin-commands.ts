/** `bunsui plugin`: its commands and their help. */
import type { Command } from 'commander';
import type { CommandContext } from './context.ts';
import type { HelpPage } from './help.ts';
import { jsonOption, type Run } from './options.ts';

const listNote =
  'Plugins stand in "plugins" of bunsui.config.ts, or of bunsui.json, in this folder or one above: packages by name, files of ' +
  'the project by a path that begins with ./';

export const pluginPages: { readonly [command: string]: HelpPage } = {
  plugin: {
    examples: [
      ['bunsui plugin list', 'all kinds of operations and channels there are'],
      ['bunsui plugin add bunsui-plugin-notes', 'install a package, and list it'],
    ],
    notes: [listNote],
  },
  'plugin list': {
    examples: [
      ['bunsui plugin list', 'kinds, and which plugin adds them'],
      ["bunsui plugin list --json | jq -r 'select(.plugin).kind'", 'those of plugins, for a script'],
    ],
    notes: [listNote],
  },
  'plugin show': {
    examples: [
      ['bunsui plugin show notes', 'what an operation of a kind is given'],
      ['bunsui plugin show bunsui-plugin-notes', 'all kinds of a plugin'],
    ],
  },
  'plugin add': {
    examples: [
      ['bunsui plugin add bunsui-plugin-notes', 'from the registry'],
      ['bunsui plugin add bunsui-plugin-notes@2', 'a version of it'],
      ['bunsui plugin add ./plugins/shout.ts', 'a file of the project'],
    ],
    notes: [
      'A package is installed by npm, or by the program whose lock file the project has (pnpm, yarn, bun). It is listed ' +
        'only when it can be loaded and was made for this version of the interface.',
    ],
  },
  'plugin remove': {
    examples: [['bunsui plugin remove bunsui-plugin-notes', 'off the list, and out of the project']],
    notes: ['Pipelines that import it do not load any more. What is deployed already needs no plugin.'],
  },
  'plugin create': {
    examples: [
      ['bunsui plugin create bunsui-plugin-notes', 'a package to begin with, in a folder of that name'],
      ['cd bunsui-plugin-notes && npm install && npm test', 'it passes its own test'],
    ],
  },
};

interface InstallOptions {
  readonly install: boolean;
}

export function addPlugins(program: Command, context: CommandContext, run: Run): void {
  const plugin = program
    .command('plugin')
    .description('Packages that add kinds of operations and kinds of channels: lists, adds, removes and makes them.');
  plugin
    .command('list')
    .summary('kinds of operations and channels, and where they come from')
    .description('Lists the kinds of operations and channels that a project can use, and which plugin adds them.')
    .addOption(jsonOption('print them as JSON Lines'))
    .action((options: { readonly json?: true }) =>
      run(async () => (await import('./commands/plugin-list.ts')).listKinds(context, options)),
    );
  plugin
    .command('show')
    .summary('what a kind is given')
    .description('Shows what operations or channels of a kind are given, as its plugin says it.')
    .argument('NAME', 'a kind, or a plugin')
    .action((name: string) => run(async () => (await import('./commands/plugin-list.ts')).showKinds(context, name)));
  plugin
    .command('add')
    .summary('install a plugin, and list it')
    .description('Installs a plugin into the project, checks it, and lists it.')
    .argument('PACKAGE', 'as npm is given it; or a file of the project, ./plugins/shout.ts')
    .option('--no-install', 'only list what is installed already')
    .action((spec: string, options: InstallOptions) =>
      run(async () => (await import('./commands/plugin-add.ts')).addPlugin(context, spec, options)),
    );
  plugin
    .command('remove')
    .summary('take a plugin off the list, and out of the project')
    .description('Takes a plugin off the list of the project, and its package out of it.')
    .argument('PLUGIN', 'as it is listed')
    .option('--no-install', 'leave the package installed')
    .action((name: string, options: InstallOptions) =>
      run(async () => (await import('./commands/plugin-add.ts')).removePlugin(context, name, options)),
    );
  plugin
    .command('create')
    .summary('make a package to begin with')
    .description('Makes the package of a plugin that adds a kind of operations, with a test that it passes.')
    .argument('NAME', 'name of the package: bunsui-plugin-notes')
    .action((name: string) =>
      run(async () => (await import('./commands/plugin-create.ts')).createPlugin(context, name)),
    );
}
