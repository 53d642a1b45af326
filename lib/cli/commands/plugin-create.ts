/** `bunsui plugin create`: the package of a new plugin. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtInKinds } from '../../dsl/operations/built-in.ts';
import { BunsuiError } from '../../errors.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { ownVersion } from '../own-version.ts';
import { pluginFiles } from '../plugin-template.ts';

/** What names of packages may be that are in use today. @see https://docs.npmjs.com/cli/v11/configuring-npm/package-json#name */
const packageName = /^(?:@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/;

/** Words that no function can be called by, or that the new file has for something else. */
const taken =
  /^(break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|export|extends|false|finally|for|function|if|import|in|instanceof|let|new|null|return|static|super|switch|this|throw|true|try|typeof|var|void|while|with|yield|await|async|kind|handler|settings|plugin|pipeline|test|assert|text|sent|topic|z)$/;

/** `bunsui-plugin-send-notes` adds `sendNotes`. */
function kindOf(name: string): string {
  const last = (name.split('/').at(-1) ?? name).replace(/^bunsui-(plugin-)?/, '');
  const word = last
    .replaceAll(/[^a-zA-Z0-9]+([a-zA-Z0-9]?)/g, (_, letter: string) => letter.toUpperCase())
    .replace(/^[^a-zA-Z]+/, '')
    .slice(0, 32);
  const plain = word === '' ? 'own' : `${word.charAt(0).toLowerCase()}${word.slice(1)}`;
  return taken.test(plain) || builtInKinds.some(({ kind }) => kind === plain) ? `${plain}Kind` : plain;
}

/** @throws {BunsuiError} BS2001 for what no package can be named, BS2002 where there is something already. */
export async function createPlugin(context: CommandContext, name: string): Promise<number> {
  if (!packageName.test(name) || name.length > 214) {
    throw new BunsuiError('ConfigError', 'BS2001', `"${name.slice(0, 100)}" is no name for a package`, {
      hint: 'give lower-case letters, digits, - . and _: bunsui-plugin-notes, or @team/bunsui-plugin-notes',
    });
  }
  const folderName = name.split('/').at(-1) ?? name;
  const folder = join(context.cwd, folderName);
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new BunsuiError('ConfigError', 'BS2002', `${folder} is there already, and not empty`, {
      hint: 'give another name, or make the plugin in another folder',
    });
  }
  const kind = kindOf(name);
  const files = pluginFiles({ pluginName: name, kind, bunsui: `^${ownVersion()}` });
  mkdirSync(folder, { recursive: true });
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  const { out } = context.terminal;
  out.write(
    [
      `made ${folderName}: a plugin that adds operations of kind ${kind}`,
      '',
      `  cd ${folderName} && npm install && npm test`,
      `  ${context.commandName} plugin add ./${folderName}/index.ts    use it in the project here, as it is`,
      '',
    ].join('\n'),
  );
  return exitCodes.ok;
}
