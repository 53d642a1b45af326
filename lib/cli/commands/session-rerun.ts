/** `bunsui session rerun`: goes on from where a session failed, or says how it would. */
import { planRerun, type RerunPlan } from '../../sessions/plan-rerun.ts';
import { type Rerun, rerunSession } from '../../sessions/rerun.ts';
import { type AttendedRun, attended, attendToEnd } from '../attended-run.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { artifactOf, openForSession, sessionNamed } from '../find-session.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { hearEndRecords } from '../late-records.ts';
import { ensureOwnPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { commandLine } from '../places.ts';
import { openPlatform } from '../platform.ts';
import type { AwsTarget, LocalTarget } from '../platform-target.ts';
import { startDepsOf } from '../start-deps.ts';

export interface RerunOptions extends PlatformOptions {
  readonly plan?: true;
  readonly wait?: true;
}

const roads = { redrive: 'by redrive', 'new-execution': 'by a new execution' } as const;

/** The plan, or what was done, in words. */
function planText({ session_id: session, pipeline_id: pipeline, road, reason, version, runs, keeps }: RerunPlan) {
  return [
    `session ${session} of ${pipeline} ${version}, ${roads[road]}: ${reason}`,
    `  runs   ${runs.length === 0 ? 'nothing' : runs.join(', ')}`,
    `  keeps  ${keeps.length === 0 ? 'nothing' : keeps.join(', ')}`,
    '',
  ].join('\n');
}

function showPlan({ terminal: { out } }: CommandContext, options: RerunOptions, plan: RerunPlan): void {
  const { session_id: session, pipeline_id: pipeline, road, reason, version, runs, keeps } = plan;
  if (options.json) out.write(jsonLine('rerun.plan', { session, pipeline, version, road, reason, runs, keeps }));
  else out.write(planText(plan));
}

function sayRerun(context: CommandContext, options: RerunOptions, rerun: Rerun): void {
  const { out } = context.terminal;
  const { session_id: session, road, generation, runs } = rerun;
  if (options.json) {
    out.write(jsonLine('session.resumed', { at: isoTime(Date.now()), session, road, generation, runs }));
    return;
  }
  const watch = commandLine(context, `session watch ${session}`, options.target);
  out.write(`${planText(rerun)}\n  ${watch}  ${out.palette.dim('follow it to its end')}\n`);
}

export async function rerunCommand(context: CommandContext, name: string, options: RerunOptions): Promise<number> {
  const { target } = options;
  if (options.plan) {
    const platform = await openForSession(context, target);
    try {
      const { session_id: session } = await sessionNamed(platform, name);
      showPlan(context, options, await planRerun(await startDepsOf(platform), { session }));
      return exitCodes.ok;
    } finally {
      await platform.close();
    }
  }
  return target.kind === 'aws'
    ? rerunOnAws(context, name, { ...options, target })
    : attended(context, { ...options, target }, (run) => rerunHere(context, name, { ...options, target }, run));
}

async function rerunOnAws(
  context: CommandContext,
  name: string,
  options: RerunOptions & { readonly target: AwsTarget },
): Promise<number> {
  const platform = await openPlatform(context, options.target);
  const { session_id: session } = await sessionNamed(platform, name);
  const rerun = await rerunSession(await startDepsOf(platform), { session });
  if (!options.wait) {
    sayRerun(context, options, rerun);
    return exitCodes.ok;
  }
  const { watchOnAws } = await import('../watch-on-aws.ts');
  return watchOnAws(context, options, platform, { session, origin: 'resumed' });
}

/** On this machine it runs in the process that owns the state folder; if there is none in this one, which follows it. */
async function rerunHere(
  context: CommandContext,
  name: string,
  options: RerunOptions & { readonly target: LocalTarget },
  run: AttendedRun,
): Promise<number> {
  const { target } = options;
  const ends = hearEndRecords(run.progress.note);
  const platform = await openForSession(context, target, ends.log);
  const attendance = { platform, ends, stateDir: target.stateDir, cwd: context.cwd };
  run.attendance = attendance;
  const { session_id: id } = await sessionNamed(platform, name);
  await ensureOwnPlatform(platform);
  const rerun = await rerunSession(await startDepsOf(platform), { session: id });
  if (!platform.runtime.owner && !options.wait) {
    sayRerun(context, options, rerun);
    return exitCodes.ok;
  }
  const item = await sessionNamed(platform, id);
  const session = {
    session: id,
    createdAt: rerun.created_at,
    executionArn: rerun.execution_arn,
    pipeline: rerun.pipeline_id,
    version: rerun.version,
    origin: 'resumed' as const,
  };
  return attendToEnd(context, options, run, attendance, session, await artifactOf(platform, item));
}
