/** `bunsui session wait`: says nothing until a session has ended, for scripts. */
import { setTimeout as wait } from 'node:timers/promises';
import { BunsuiError } from '../../errors.ts';
import type { SessionItem } from '../../sessions/items.ts';
import { isTerminal } from '../../sessions/status.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { interruptedAmong, openForSession, sessionNamed } from '../find-session.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { readFromPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { lengthOfTime } from '../past-moment.ts';
import { commandLine } from '../places.ts';
import { paintOf, symbolOf } from '../screen/symbols.ts';

export interface WaitOptions extends PlatformOptions {
  readonly timeout?: string;
}

const lookMs = 500;

/** The session now. @throws {BunsuiError} BS3005 when nobody works on it, so that it would be waited for in vain */
function look(context: CommandContext, name: string, { target }: WaitOptions): Promise<SessionItem> {
  return readFromPlatform(
    () => openForSession(context, target),
    async (platform) => {
      const item = await sessionNamed(platform, name);
      if (isTerminal(item.status)) return item;
      const interrupted = await interruptedAmong(platform, [item]);
      if (!interrupted.has(item.session_id)) return item;
      throw new BunsuiError('SessionError', 'BS3005', `no process works on session ${item.session_id}`, {
        hint: `go on with it: ${commandLine(context, `session resume ${item.session_id}`, target)}`,
      });
    },
  );
}

export async function waitCommand(context: CommandContext, name: string, options: WaitOptions): Promise<number> {
  const { timeout } = options;
  const untilMs = timeout === undefined ? Number.POSITIVE_INFINITY : Date.now() + lengthOfTime('--timeout', timeout);
  let item = await look(context, name, options);
  const { session_id: id } = item;
  while (!isTerminal(item.status)) {
    if (Date.now() >= untilMs) {
      throw new BunsuiError('SessionError', 'BS3017', `session ${id} is ${item.status} after ${timeout ?? ''}`, {
        context: { session: id, status: item.status },
        hint: 'it goes on; wait again, or watch it',
      });
    }
    await wait(Math.min(lookMs, Math.max(1, untilMs - Date.now())));
    item = await look(context, id, options);
  }
  const { out, unicode } = context.terminal;
  const { status, error_code: code, error_message: message } = item;
  if (options.json) {
    const error = code === undefined ? {} : { error: { name: code, message: message ?? '' } };
    out.write(
      jsonLine('session.ended', { at: item.completed_at ?? isoTime(Date.now()), session: id, status, ...error }),
    );
  } else out.write(`${paintOf(status, out.palette)(`${symbolOf(status, unicode)} ${status}`)}  ${id}\n`);
  return status === 'completed' ? exitCodes.ok : exitCodes.pipelineFailed;
}
