/** `bunsui session rerun`: runs again what has failed, has changed or is chosen, or says how it would. */
import { existsSync } from 'node:fs';
import type { JsonSchema } from '../../ir/nodes.ts';
import type { SessionItem } from '../../sessions/items.ts';
import { planRerun, type RerunPlan, type RerunRequest } from '../../sessions/plan-rerun.ts';
import { type Rerun, rerunSession } from '../../sessions/rerun.ts';
import { isTerminal } from '../../sessions/status.ts';
import { type Attendance, onAnyPlatform } from '../attend.ts';
import { type AttendedOptions, type AttendedRun, attended, attendToEnd } from '../attended-run.ts';
import { loadDeployable } from '../checked-pipeline.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { artifactOf, openForSession, sessionNamed } from '../find-session.ts';
import { harmlessLine } from '../harmless.ts';
import { readInput } from '../input.ts';
import { untilItsTurn } from '../its-turn.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { hearEndRecords } from '../late-records.ts';
import { ensureOwnPlatform, type LocalPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { commandLine } from '../places.ts';
import { openPlatform, type Platform } from '../platform.ts';
import type { AwsTarget, LocalTarget } from '../platform-target.ts';
import { planLines, roadText } from '../rerun-page.ts';
import { deploy } from '../start.ts';
import type { FollowedSession } from '../screen/progress.ts';
import { startDepsOf } from '../start-deps.ts';
import { askerHere } from '../user-name.ts';

export interface RerunOptions extends PlatformOptions {
  readonly plan?: true;
  readonly wait?: true;
  readonly from?: readonly string[];
  readonly only?: readonly string[];
  readonly skip?: readonly string[];
  readonly failed?: true;
  readonly param?: readonly string[];
  readonly version?: 'latest' | 'same';
}

function showPlan({ terminal: { out } }: CommandContext, options: RerunOptions, plan: RerunPlan): void {
  const { session_id: session, pipeline_id: pipeline, created_at: _, ...rest } = plan;
  if (options.json) out.write(jsonLine('rerun.plan', { session, pipeline, ...rest }));
  else out.write(`${planLines(plan, out).join('\n')}\n`);
}

export function sayRerun(context: CommandContext, options: PlatformOptions, rerun: Rerun): void {
  const { out } = context.terminal;
  const { session_id: session, road, generation, runs, overlap } = rerun;
  if (options.json) {
    out.write(jsonLine('session.resumed', { at: isoTime(Date.now()), session, road, generation, runs, overlap }));
    return;
  }
  const watch = commandLine(context, `session watch ${session}`, options.target);
  out.write(`${planLines(rerun, out).join('\n')}\n\n  ${watch}  ${out.palette.dim('follow it to its end')}\n`);
}

/** What is shown of the way that a session goes on. */
export function roadOf({ road, reason, generation }: Rerun): NonNullable<FollowedSession['rerun']> {
  return { road, reason, generation };
}

/** What is asked for, with the parameters typed by the schema of the version that is to run. */
async function requestOf(platform: Platform, item: SessionItem, options: RerunOptions): Promise<RerunRequest> {
  const { from, only, skip, failed, param, version } = options;
  const chosen = {
    ...(from && { from }),
    ...(only && { only }),
    ...(skip && { skip }),
    ...(failed && { failed }),
    ...(version && { version }),
  };
  if (param === undefined) return { session: item.session_id, ...chosen };
  const deps = await startDepsOf(platform);
  const { pipelineToStart } = await import('../../sessions/deployed.ts');
  const pipeline = await pipelineToStart(
    deps,
    item.pipeline_id,
    version === 'same' ? item.pipeline_version : undefined,
  );
  const input = await readInput({ params: param }, JSON.parse(pipeline.input_schema) as JsonSchema, '.');
  return { session: item.session_id, ...chosen, input };
}

/**
 * On this machine what is to run is what stands in the file: it is deployed first, as a run does it.
 *
 * @returns false when it has mistakes, which are printed then
 */
async function deployFile(
  context: CommandContext,
  platform: LocalPlatform,
  item: SessionItem,
  options: RerunOptions,
  print: (text: string) => void,
): Promise<boolean> {
  if (options.version === 'same') return true;
  const { pipeline } = await artifactOf(platform, item);
  const { file } = pipeline.source;
  if (!existsSync(file)) {
    print(`${harmlessLine(file)}, which session ${item.session_id} ran, is not there: what was deployed last counts`);
    return true;
  }
  const compiled = await loadDeployable(context, file, { json: options.json ?? false, print });
  if (compiled === undefined) return false;
  if (compiled.artifact.pipeline.id === pipeline.id) await deploy(platform, compiled);
  return true;
}

export async function rerunCommand(context: CommandContext, name: string, options: RerunOptions): Promise<number> {
  const { target } = options;
  if (options.plan) return planOnly(context, name, options);
  return target.kind === 'aws'
    ? rerunOnAws(context, name, { ...options, target })
    : attended(context, { ...options, target }, (run) => rerunHere(context, name, { ...options, target }, run));
}

async function planOnly(context: CommandContext, name: string, options: RerunOptions): Promise<number> {
  const platform = await openForSession(context, options.target);
  try {
    const item = await sessionNamed(platform, name);
    const print = (text: string) => context.terminal.err.write(`${text}\n`);
    if (platform.kind === 'local' && !(await deployFile(context, platform, item, options, print)))
      return exitCodes.invalid;
    showPlan(context, options, await planRerun(await startDepsOf(platform), await requestOf(platform, item, options)));
    return exitCodes.ok;
  } finally {
    await platform.close();
  }
}

async function rerunOnAws(
  context: CommandContext,
  name: string,
  options: RerunOptions & { readonly target: AwsTarget },
): Promise<number> {
  const platform = await openPlatform(context, options.target);
  const item = await sessionNamed(platform, name);
  const { session_id: session } = item;
  const request = await requestOf(platform, item, options);
  const rerun = await rerunSession(await startDepsOf(platform), { ...request, by: askerHere() });
  if (!options.wait && rerun.overlap !== 'skipped') {
    sayRerun(context, options, rerun);
    return exitCodes.ok;
  }
  const { watchOnAws } = await import('../watch-on-aws.ts');
  return watchOnAws(context, options, platform, { session, origin: 'resumed', rerun: roadOf(rerun) });
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
  const asked = await sessionNamed(platform, name);
  await ensureOwnPlatform(platform);
  if (isTerminal(asked.status) && !(await deployFile(context, platform, asked, options, run.progress.note)))
    return exitCodes.invalid;
  const request = await requestOf(platform, asked, options);
  const rerun = await rerunSession(await startDepsOf(platform), { ...request, by: askerHere() });
  if (!platform.runtime.owner && !options.wait) {
    sayRerun(context, options, rerun);
    return exitCodes.ok;
  }
  return followRerun(context, options, run, attendance, rerun);
}

/** Follows a session on this machine that goes on. */
export async function followRerun(
  context: CommandContext,
  options: AttendedOptions,
  run: AttendedRun,
  attendance: Attendance,
  rerun: Rerun,
): Promise<number> {
  const { session_id: id } = rerun;
  await onAnyPlatform(attendance, (open) => untilItsTurn(open, rerun, run.progress.note));
  const { platform } = attendance;
  const item = await sessionNamed(platform, id);
  const session = {
    session: id,
    createdAt: rerun.created_at,
    executionArn: rerun.execution_arn,
    pipeline: rerun.pipeline_id,
    version: rerun.version,
    origin: 'resumed' as const,
    rerun: roadOf(rerun),
  };
  // As JSON it stands in the line of the session.
  if (!options.json) run.progress.note(roadText(rerun));
  return attendToEnd(context, options, run, attendance, session, await artifactOf(platform, item));
}
