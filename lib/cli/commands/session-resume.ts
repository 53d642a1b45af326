/** `bunsui session resume`: goes on with a session that an interrupted or killed process left unfinished. */
import { BunsuiError } from '../../errors.ts';
import type { SessionItem } from '../../sessions/items.ts';
import { isTerminal } from '../../sessions/status.ts';
import { type AttendedOptions, type AttendedRun, attended, attendToEnd } from '../attended-run.ts';
import type { CommandContext } from '../context.ts';
import { unfinishedExecutions } from '../execution-feed.ts';
import { artifactOf, openForSession, sessionNamed } from '../find-session.ts';
import type { LocalPlatform } from '../local-platform.ts';
import { ensureOwnPlatform } from '../local-platform.ts';
import { runAgain } from '../run-again.ts';

export async function resumeSession(
  context: CommandContext,
  name: string | undefined,
  options: AttendedOptions,
): Promise<number> {
  return attended(context, options, (run) => work(context, name, options, run));
}

/** The newest session without an end. @throws {BunsuiError} BS3002 when there is none. */
async function newestUnfinished(platform: LocalPlatform, context: CommandContext): Promise<SessionItem> {
  const unfinished = await unfinishedExecutions(platform.local);
  // Session ids begin with their time.
  const newest = unfinished
    .map(({ session }) => session)
    .toSorted()
    .at(-1);
  if (newest !== undefined) return sessionNamed(platform, newest);
  throw new BunsuiError('SessionError', 'BS3002', 'there is no unfinished session', {
    hint: `see ${context.commandName} session list`,
  });
}

/** Says how the session ended, and how its pipeline is run again. */
async function hasEnded(platform: LocalPlatform, item: SessionItem, context: CommandContext): Promise<BunsuiError> {
  const { session_id: session, status } = item;
  // Without the pipeline's version the file is not known; that it has ended is.
  const artifact = await artifactOf(platform, item).catch((thrown: unknown) => {
    if (thrown instanceof BunsuiError) return undefined;
    throw thrown;
  });
  const again = runAgain(context, artifact?.pipeline, item.input);
  return new BunsuiError(
    'SessionError',
    'BS3005',
    `session ${session} has ended as ${status}; only an interrupted session can be resumed`,
    { hint: `run the pipeline again: ${again}`, context: { session, status } },
  );
}

async function work(
  context: CommandContext,
  name: string | undefined,
  options: AttendedOptions,
  run: AttendedRun,
): Promise<number> {
  run.progress.preparing('starting the runtime');
  const platform = await openForSession(context, options.stateDir);
  const attendance = { platform, stateDir: options.stateDir, cwd: context.cwd };
  run.attendance = attendance;
  const item = await (name === undefined ? newestUnfinished(platform, context) : sessionNamed(platform, name));
  if (item.execution_arn === undefined) {
    throw new BunsuiError('SessionError', 'BS3002', `session ${item.session_id} was never started`, {
      hint: 'the process ended before its execution began: run the pipeline again',
    });
  }
  if (isTerminal(item.status)) throw await hasEnded(platform, item, context);
  // The record of an end that was not written in time is written by our own function, in its newest form.
  const [artifact] = await Promise.all([artifactOf(platform, item), ensureOwnPlatform(platform)]);
  await platform.runtime.resumeExecutions([item.execution_arn]);
  const session = {
    session: item.session_id,
    createdAt: item.created_at,
    executionArn: item.execution_arn,
    pipeline: item.pipeline_id,
    version: item.pipeline_version,
    origin: 'resumed' as const,
  };
  return attendToEnd(context, options, run, attendance, session, artifact);
}
