/** `bunsui session tag`: sets and takes away tags of a session, or prints them. */
import { tagSession } from '../../sessions/tags.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { openForSession, sessionNamed } from '../find-session.ts';
import { jsonLine } from '../json-lines.ts';
import { readFromPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { tagsTyped } from '../tags.ts';

export interface TagOptions extends PlatformOptions {
  readonly remove?: readonly string[];
}

export async function tagCommand(
  context: CommandContext,
  name: string,
  typed: readonly string[],
  options: TagOptions,
): Promise<number> {
  const set = tagsTyped(typed);
  const { remove = [], target } = options;
  const tagged = await readFromPlatform(
    () => openForSession(context, target),
    async (platform) => {
      const { session_id: session, tags = {} } = await sessionNamed(platform, name);
      const isChange = Object.keys(set).length > 0 || remove.length > 0;
      return { session, tags: isChange ? await tagSession(await platform.clients(), { session, set, remove }) : tags };
    },
  );
  const { out } = context.terminal;
  if (options.json) out.write(jsonLine('session.tags', tagged));
  else for (const [key, value] of Object.entries(tagged.tags).toSorted()) out.write(`${key}=${value}\n`);
  return exitCodes.ok;
}
