/** `bunsui session resume`: goes on with a session that is paused, or that an interrupted or killed process left unfinished. */
import { BunsuiError } from '../../errors.ts';
import type { PipelineArtifact } from '../../ir/artifact.ts';
import type { SessionItem } from '../../sessions/items.ts';
import { pauseSession } from '../../sessions/pause.ts';
import { resumeSession } from '../../sessions/rerun.ts';
import { isTerminal } from '../../sessions/status.ts';
import { type AttendedOptions, type AttendedRun, attended, attendToEnd } from '../attended-run.ts';
import type { CommandContext } from '../context.ts';
import { artifactOf, historyOf, openForSession, sessionNamed, unfinishedSessions } from '../find-session.ts';
import { hearEndRecords } from '../late-records.ts';
import type { LocalPlatform } from '../local-platform.ts';
import { ensureOwnPlatform } from '../local-platform.ts';
import { exitCodes } from '../exit-codes.ts';
import type { PlatformOptions } from '../options.ts';
import { openPlatform } from '../platform.ts';
import type { AwsTarget } from '../platform-target.ts';
import { untilPaused } from '../paused.ts';
import { runAgain } from '../run-again.ts';
import { startDepsOf } from '../start-deps.ts';
import { askerHere } from '../user-name.ts';
import { deploy } from '../start.ts';
import { followRerun, roadOf, sayRerun } from './session-rerun.ts';

export interface ResumeOptions extends PlatformOptions {
  readonly wait?: true;
}

export async function resumeCommand(
  context: CommandContext,
  name: string | undefined,
  options: ResumeOptions,
): Promise<number> {
  const { target } = options;
  return target.kind === 'aws'
    ? resumeOnAws(context, name ?? 'latest', { ...options, target })
    : attended(context, { ...options, target }, (run) => work(context, name, { ...options, target }, run));
}

/** On AWS nothing is interrupted: only what is paused goes on. */
async function resumeOnAws(
  context: CommandContext,
  name: string,
  options: ResumeOptions & { readonly target: AwsTarget },
): Promise<number> {
  const platform = await openPlatform(context, options.target);
  const { session_id: session } = await sessionNamed(platform, name);
  const resumed = await resumeSession(await startDepsOf(platform), { session, by: askerHere() });
  if (!options.wait) {
    sayRerun(context, options, resumed);
    return exitCodes.ok;
  }
  const { watchOnAws } = await import('../watch-on-aws.ts');
  return watchOnAws(context, options, platform, { session, origin: 'resumed', rerun: roadOf(resumed) });
}

/** The newest session without an end. @throws {BunsuiError} BS3002 when there is none. */
async function newestUnfinished(platform: LocalPlatform, context: CommandContext): Promise<SessionItem> {
  const newest = (await unfinishedSessions(platform)).at(-1);
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

/** Starts a session whose start was cut off, as far as it had not come. @returns the execution's ARN. */
async function startAgain(platform: LocalPlatform, item: SessionItem, artifact: PipelineArtifact): Promise<string> {
  // Another version may have been deployed since; an execution that is there keeps its own.
  if ((await historyOf(platform, item)) === undefined) await deploy(platform, { artifact });
  const [{ startQueued }, { requirePipeline }, clients] = await Promise.all([
    import('../../sessions/start-queued.ts'),
    import('../../sessions/pipelines.ts'),
    platform.clients(),
  ]);
  const { state_machine_arn: machine } = await requirePipeline(clients, item.pipeline_id, item.pipeline_version);
  return startQueued({ ...clients, now: Date.now }, item, machine);
}

async function work(
  context: CommandContext,
  name: string | undefined,
  options: AttendedOptions & { readonly wait?: true },
  run: AttendedRun,
): Promise<number> {
  run.progress.preparing('starting the runtime');
  const ends = hearEndRecords(run.progress.note);
  const platform = await openForSession(context, options.target, ends.log);
  const attendance = { platform, ends, stateDir: options.target.stateDir, cwd: context.cwd };
  run.attendance = attendance;
  const named = await (name === undefined ? newestUnfinished(platform, context) : sessionNamed(platform, name));
  // The functions that were to finish went with the process that ran them.
  if (named.pausing !== undefined && platform.runtime.owner)
    await pauseSession(
      { ...(await platform.clients()), now: Date.now },
      { session: named.session_id, by: askerHere(), now: true },
    );
  const item = named.pausing === undefined ? named : ((await untilPaused(platform, named.session_id)) ?? named);
  if (item.status === 'paused') {
    await ensureOwnPlatform(platform);
    const resumed = await resumeSession(await startDepsOf(platform), { session: item.session_id, by: askerHere() });
    if (platform.runtime.owner || options.wait) return followRerun(context, options, run, attendance, resumed);
    sayRerun(context, options, resumed);
    return exitCodes.ok;
  }
  // An end that only the opening of the runtime has recorded is shown as if it had come now.
  if (isTerminal(item.status) && !ends.isLate(item.execution_arn ?? '')) throw await hasEnded(platform, item, context);
  // The record of an end that was not written in time is written by our own function, in its newest form.
  const [artifact] = await Promise.all([artifactOf(platform, item), ensureOwnPlatform(platform)]);
  const executionArn =
    item.execution_arn === undefined || item.status === 'queued'
      ? await startAgain(platform, item, artifact)
      : item.execution_arn;
  await platform.runtime.resumeExecutions([executionArn]);
  const session = {
    session: item.session_id,
    createdAt: item.created_at,
    executionArn,
    pipeline: item.pipeline_id,
    version: item.pipeline_version,
    origin: 'resumed' as const,
  };
  return attendToEnd(context, options, run, attendance, session, artifact);
}
