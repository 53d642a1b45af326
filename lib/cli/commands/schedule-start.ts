/**
 * `bunsui schedule start`: deploys pipelines to this machine and stays, firing their schedules and hearing events, until
 * it is interrupted. One line for each firing, and one for the end of each session that it started.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { PipelineArtifact } from '../../ir/artifact.ts';
import { fired, notFired } from '../../local/firings.ts';
import type { RuntimeLog } from '../../local/runtime-log.ts';
import { nextDueTimes } from '../../schedules/schedule.ts';
import { sweepTurns } from '../../sessions/overlap.ts';
import { isTerminal } from '../../sessions/status.ts';
import { getSession } from '../../sessions/store.ts';
import { loadDeployable } from '../checked-pipeline.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { harmlessLine } from '../harmless.ts';
import { listenForInterruption } from '../interruption.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { type LocalPlatform, openLocalPlatform } from '../local-platform.ts';
import type { LocalOptions } from '../options.ts';
import { schedulesThere } from '../schedules-there.ts';
import { type Deployable, deploy } from '../start.ts';
import { zonedTime } from '../zoned-times.ts';

/** How often the end of a session is looked for, and whether another process has let go of the state folder. */
const lookMs = 300;

interface Foreground {
  readonly context: CommandContext;
  readonly options: LocalOptions;
  readonly stopping: AbortSignal;
  /** Sessions that run, and what has started them. */
  readonly open: Map<string, string>;
}

export async function startSchedules(
  context: CommandContext,
  files: readonly string[],
  options: LocalOptions,
): Promise<number> {
  const found: Deployable[] = [];
  for (const file of files) {
    const deployable = await loadDeployable(context, file, { json: options.json ?? false });
    if (deployable !== undefined) found.push(deployable);
  }
  if (found.length < files.length) return exitCodes.invalid;
  const artifacts = found.map(({ artifact }) => artifact);
  const stop = new AbortController();
  using interruption = listenForInterruption(
    () => stop.abort(),
    () => {},
  );
  const work: Foreground = { context, options, stopping: stop.signal, open: new Map() };
  const platform = await ownPlatform(work);
  if (platform === undefined) return interruption.asked;
  try {
    for (const deployable of found) await deploy(platform, deployable);
    await sayWhatComes(work, platform, artifacts);
    await goOn(work, platform);
    platform.runtime.startFiring();
    await tellEnds(work, platform);
    const code = await interruption.asked;
    context.terminal.err.write('\nstopping …\n');
    return code;
  } finally {
    await platform.close();
  }
}

/** The runtime in this process: while another process owns it, it is waited for. `undefined` when it is to stop. */
async function ownPlatform(work: Foreground): Promise<LocalPlatform | undefined> {
  const { context, options, stopping } = work;
  for (let told = false; !stopping.aborted; ) {
    const platform = await openLocalPlatform(options.target.stateDir, context.cwd, listener(work));
    if (platform.runtime.owner) return platform;
    const { pid } = platform.runtime;
    await platform.close();
    if (!told)
      context.terminal.err.write(`process ${pid} works with ${options.target.stateDir}; waiting for its end …\n`);
    told = true;
    await pause(stopping);
  }
  return undefined;
}

async function pause(stopping: AbortSignal): Promise<void> {
  await wait(lookMs, undefined, { signal: stopping }).catch(() => {});
}

const clock = () => new Date().toTimeString().slice(0, 8);

/** Turns what the runtime says of firings into lines. */
function listener({ context, options, open }: Foreground): RuntimeLog {
  const { out, err } = context.terminal;
  return (level, message, fields = {}) => {
    const { pipeline, schedule, trigger, scheduledTime, session_id: session, outcome, overlap, error } = fields;
    const what = harmlessLine(
      `${pipeline === undefined ? '' : `${String(pipeline)}.`}${String(schedule ?? trigger ?? '')}`,
    );
    const due = scheduledTime === undefined ? '' : ` due ${String(scheduledTime)}`;
    if (message === fired) {
      if (outcome === 'created' && overlap !== 'skipped') open.set(String(session), what);
      if (options.json)
        out.write(
          jsonLine('firing', {
            at: isoTime(Date.now()),
            firing: what,
            scheduled: scheduledTime,
            session,
            outcome,
            overlap,
          }),
        );
      else out.write(`${clock()} ${what}${due}  session ${String(session)} ${sayOutcome(outcome, overlap)}\n`);
    } else if (message.startsWith(notFired)) {
      const why = harmlessLine(message.slice(notFired.length + 2));
      if (options.json)
        out.write(
          jsonLine('firing.failed', {
            at: isoTime(Date.now()),
            firing: what,
            scheduled: scheduledTime,
            error,
            message: why,
          }),
        );
      else err.write(`${clock()} ${what}${due}  started no session: ${why}\n`);
    } else if (level !== 'info') err.write(`${clock()} ${harmlessLine(message)}\n`);
  };
}

function sayOutcome(outcome: unknown, overlap: unknown): string {
  if (overlap === 'skipped') return 'dropped: another one runs';
  if (overlap === 'waiting') return 'waits for another one';
  return outcome === 'exists' ? 'was started before' : 'started';
}

async function sayWhatComes(
  { context, options }: Foreground,
  platform: LocalPlatform,
  artifacts: readonly PipelineArtifact[],
): Promise<void> {
  const { out, err } = context.terminal;
  const nowMs = Date.now();
  const schedules = (await schedulesThere(platform)).map(({ id, timing, enabled }) => {
    const [next] = enabled ? nextDueTimes(timing, nowMs, 1) : [];
    return { id, timing, enabled, next };
  });
  if (options.json) {
    const times = schedules.map(({ id, enabled, next }) => ({
      id,
      enabled,
      ...(next === undefined ? {} : { next: isoTime(next) }),
    }));
    out.write(jsonLine('schedules.firing', { at: isoTime(nowMs), schedules: times }));
    return;
  }
  for (const { id, timing, enabled, next } of schedules) {
    const when = !enabled ? 'disabled' : next === undefined ? 'never again' : zonedTime(next, timing.timezone);
    err.write(`${id}  ${timing.expression}  next ${when}\n`);
  }
  for (const { pipeline } of artifacts) {
    for (const trigger of pipeline.triggers ?? []) err.write(`${pipeline.id}.${trigger.id}  waits for events\n`);
  }
  err.write('Ctrl-C ends it\n');
}

/**
 * Goes on with what an earlier process left unfinished, as a deployed platform's reconciler does: where a pipeline never
 * runs twice at once, what was interrupted would hold up every firing to come.
 */
async function goOn({ context, options, open }: Foreground, platform: LocalPlatform): Promise<void> {
  const { out, err } = context.terminal;
  for (const executionArn of await platform.runtime.resumeExecutions()) {
    const [pipeline = '', name = ''] = executionArn.split(':').slice(-2);
    const session = /^session-(\w{26})-\d+$/.exec(name)?.[1];
    if (session === undefined) continue;
    open.set(session, pipeline);
    if (options.json) out.write(jsonLine('session.resumed', { at: isoTime(Date.now()), session, pipeline }));
    else err.write(`session ${session} of ${pipeline} was interrupted and goes on\n`);
  }
  await sweepTurns({ ...(await platform.clients()), now: Date.now });
}

/** Says how sessions have ended, until it is to stop. */
async function tellEnds({ context, options, stopping, open }: Foreground, platform: LocalPlatform): Promise<void> {
  const { out } = context.terminal;
  const clients = await platform.clients();
  while (!stopping.aborted) {
    for (const [session, what] of open) {
      const item = await getSession(clients, session);
      if (item === undefined || !isTerminal(item.status)) continue;
      open.delete(session);
      const { status, error_code: error, error_message: message } = item;
      if (options.json)
        out.write(
          jsonLine('session.ended', { at: isoTime(Date.now()), session, firing: what, status, error, message }),
        );
      else {
        const why = error === undefined ? '' : `: ${harmlessLine(`${error} ${message ?? ''}`).slice(0, 200)}`;
        out.write(`${clock()} ${what}  session ${session} ${status}${why}\n`);
      }
    }
    await pause(stopping);
  }
}
