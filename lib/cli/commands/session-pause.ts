/** `bunsui session pause`: stops a session for a time, on this machine or on AWS. */
import { pauseSession } from '../../sessions/pause.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { openForSession, sessionNamed } from '../find-session.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { readFromPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { untilPaused } from '../paused.ts';
import { commandLine } from '../places.ts';
import { askerHere } from '../user-name.ts';

export interface PauseOptions extends PlatformOptions {
  readonly reason?: string;
  readonly now?: true;
  readonly wait?: true;
}

export async function pauseCommand(context: CommandContext, name: string, options: PauseOptions): Promise<number> {
  const { reason, now, target } = options;
  const { terminal } = context;
  // On this machine nobody else finds out that the last job has ended.
  const isWaiting = options.wait === true || target.kind === 'local';
  /** The session that was asked to pause; the process that has the runtime may end with it, and another is asked then. */
  let asked: string | undefined;
  const paused = await readFromPlatform(
    () => openForSession(context, target),
    async (platform) => {
      const isAgain = asked !== undefined;
      const session = asked ?? (await sessionNamed(platform, name)).session_id;
      const deps = { ...(await platform.clients()), now: Date.now };
      const request = { session, by: askerHere(), ...(reason === undefined ? {} : { reason }), ...(now && { now }) };
      const { status, outcome } = await pauseSession(deps, request);
      if (outcome === 'exists') return { session, status, outcome: isAgain ? 'paused' : outcome };
      if (!isWaiting) return { session, status, outcome };
      asked = session;
      if (!options.json && !isAgain) terminal.err.write(`session ${session} is pausing: no job starts any more\n`);
      const item = await untilPaused(platform, session);
      return { session, status: item?.status ?? status, outcome: item?.status === 'paused' ? 'paused' : outcome };
    },
  );
  const { session, status, outcome } = paused;
  const { out } = terminal;
  if (options.json) out.write(jsonLine('session.paused', { at: isoTime(Date.now()), session, status, outcome }));
  else {
    const said = {
      paused: 'is paused',
      exists: 'was paused before',
      pausing: 'is pausing: jobs that run finish first',
    };
    const what =
      status === 'paused' || status === 'running' ? said[outcome as keyof typeof said] : `has ended as ${status}`;
    const resume = commandLine(context, `session resume ${session}`, target);
    out.write(
      `session ${session} ${what}\n${status === 'paused' ? `\n  ${resume}  ${out.palette.dim('go on with it')}\n` : ''}`,
    );
  }
  return exitCodes.ok;
}
