/** `bunsui session cancel`: stops a session that waits or runs, on this machine or on AWS. */
import { cancelSession } from '../../sessions/cancel.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { openForSession, sessionNamed } from '../find-session.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { readFromPlatform } from '../local-platform.ts';
import { noticeDepsOf } from '../notice-deps.ts';
import type { PlatformOptions } from '../options.ts';
import { userName } from '../user-name.ts';

export interface CancelOptions extends PlatformOptions {
  readonly reason?: string;
}

export async function cancelCommand(context: CommandContext, name: string, options: CancelOptions): Promise<number> {
  const { reason, target } = options;
  const cancelled = await readFromPlatform(
    () => openForSession(context, target),
    async (platform) => {
      const { session_id: session } = await sessionNamed(platform, name);
      const request = { session, user: userName(), ...(reason === undefined ? {} : { reason }) };
      const notices = await noticeDepsOf(platform);
      return cancelSession({ ...(await platform.clients()), ...notices, now: Date.now }, request);
    },
  );
  const { out } = context.terminal;
  const { session_id: session, outcome, status } = cancelled;
  const said = {
    cancelled: `session ${session} is cancelled`,
    stopping: `session ${session} is being stopped`,
    exists: `session ${session} was cancelled before`,
  };
  if (options.json) out.write(jsonLine('session.cancelled', { at: isoTime(Date.now()), session, outcome, status }));
  else out.write(`${said[outcome]}\n`);
  return exitCodes.ok;
}
