/**
 * `bunsui schedule backfill`: a session for each time in a span at which a schedule was due, under the key that its
 * firing has. What was fired then, or by an earlier backfill that was interrupted, is not started again.
 */
import { BunsuiError } from '../../errors.ts';
import { readPolicy } from '../../ir/policy.ts';
import { dueTimesBetween, type Timing } from '../../schedules/schedule.ts';
import { pipelineToStart } from '../../sessions/deployed.ts';
import { isTerminal, type SessionStatus } from '../../sessions/status.ts';
import { getSession } from '../../sessions/store.ts';
import type { CommandContext } from '../context.ts';
import { dueRange } from '../due-range.ts';
import { exitCodes } from '../exit-codes.ts';
import { listenForInterruption } from '../interruption.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { ensureOwnPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { openPlatform, type Platform } from '../platform.ts';
import { schedulesThere } from '../schedules-there.ts';
import { startDepsOf } from '../start-deps.ts';
import { userName } from '../user-name.ts';
import { zonedTime } from '../zoned-times.ts';

export interface BackfillOptions extends PlatformOptions {
  readonly from: string;
  readonly to: string;
  /** Sessions at once. */
  readonly parallel: number;
  readonly schedule?: string;
}

/** More than this is a mistake in the dates. */
const maxSessions = 10_000;
/** A session's record is looked at this often until it has ended. */
const lookMs = { local: 250, aws: 3_000 };

interface Backfill {
  readonly context: CommandContext;
  readonly options: BackfillOptions;
  readonly platform: Platform;
  readonly pipeline: string;
  readonly schedule: string;
  readonly timezone: string;
  readonly stopping: AbortSignal;
}

interface Filled {
  readonly status: SessionStatus;
  readonly outcome: 'created' | 'exists';
}

export async function backfill(context: CommandContext, pipeline: string, options: BackfillOptions): Promise<number> {
  const { out, err } = context.terminal;
  const platform = await openPlatform(context, options.target);
  const stop = new AbortController();
  using interruption = listenForInterruption(
    () => stop.abort(),
    () => {},
  );
  try {
    if (platform.kind === 'local') await ensureOwnPlatform(platform);
    const { schedule, timing } = await scheduleOf(platform, pipeline, options);
    const { fromMs, untilMs } = dueRange(options.from, options.to, timing.timezone);
    const times = dueTimesBetween(timing, fromMs - 1, untilMs - 1, maxSessions);
    if (times === undefined) {
      throw new BunsuiError('ConfigError', 'BS2001', `there are more than ${maxSessions} due times in that span`, {
        hint: 'give a shorter one; the next one afterwards',
      });
    }
    const { timezone } = timing;
    const work = { context, options, platform, pipeline, schedule, timezone, stopping: stop.signal };
    if (!options.json) {
      const many = `${times.length} due ${times.length === 1 ? 'time' : 'times'}`;
      err.write(`${pipeline}.${schedule}: ${many}, ${options.parallel} at once\n`);
    }
    const filled = await fillAll(work, times);
    if (stop.signal.aborted) {
      err.write(`interrupted after ${filled.length} of ${times.length}; the same command goes on\n`);
      return await interruption.asked;
    }
    const count = (test: (one: Filled) => boolean) => filled.filter(test).length;
    const completed = count(({ status }) => status === 'completed');
    const existed = count(({ outcome }) => outcome === 'exists');
    const summary = { due: times.length, completed, not_completed: filled.length - completed, existed };
    if (options.json) out.write(jsonLine('backfill.ended', summary));
    else {
      const not = summary.not_completed === 0 ? '' : `, ${summary.not_completed} did not complete`;
      const was = existed === 0 ? '' : ` (${existed} had been started before)`;
      out.write(`${times.length} due, ${completed} completed${not}${was}\n`);
    }
    return summary.not_completed === 0 ? exitCodes.ok : exitCodes.pipelineFailed;
  } finally {
    await platform.close();
  }
}

/** The schedule that is meant, as the version that is deployed now has it. */
async function scheduleOf(
  platform: Platform,
  pipeline: string,
  options: BackfillOptions,
): Promise<{ readonly schedule: string; readonly timing: Timing }> {
  const { policy } = await pipelineToStart(await startDepsOf(platform), pipeline);
  const { schedules = [] } = readPolicy(policy);
  const wanted = schedules.filter(({ id }) => options.schedule === undefined || options.schedule === id);
  const [spec] = wanted;
  if (spec === undefined || wanted.length > 1) {
    const names = schedules.map(({ id }) => id).join(', ');
    const what = options.schedule === undefined ? '' : ` "${options.schedule.slice(0, 80)}"`;
    const found = wanted.length > 1 ? `${wanted.length} schedules` : `no schedule${what}`;
    throw new BunsuiError('PipelineError', 'BS3007', `pipeline "${pipeline}" has ${found}`, {
      hint:
        schedules.length === 0 ? 'give it one, or start sessions with `session start`' : `--schedule takes ${names}`,
    });
  }
  const { id, expression, timezone, start, end } = spec;
  // A rate counts from its creation, which only Scheduler knows.
  const needsCreation = expression.startsWith('rate') && start === undefined;
  const created = needsCreation
    ? (await schedulesThere(platform)).find((one) => one.pipeline === pipeline && one.schedule === id)
    : undefined;
  const bounds = { ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }) };
  return { schedule: id, timing: { expression, timezone, ...bounds, createdAtMs: created?.timing.createdAtMs ?? 0 } };
}

/** Starts a session for each time, in order, so many at once; no more when it is to stop. */
async function fillAll(work: Backfill, times: readonly number[]): Promise<readonly Filled[]> {
  const filled: Filled[] = [];
  const left = [...times];
  const worker = async () => {
    for (let at = left.shift(); at !== undefined && !work.stopping.aborted; at = left.shift()) {
      const one = await fillOne(work, at);
      if (one !== undefined) filled.push(one);
    }
  };
  await Promise.all(Array.from({ length: Math.min(work.options.parallel, times.length) }, worker));
  return filled;
}

async function fillOne(work: Backfill, at: number): Promise<Filled | undefined> {
  const { platform, pipeline, schedule, timezone, context, options } = work;
  const started = await platform.start({
    pipeline,
    firing: { kind: 'schedule', schedule, scheduledTime: isoTime(at) },
    user: userName(),
  });
  const { session_id: session, outcome, execution_arn: executionArn } = started;
  // An earlier process may have left it unfinished.
  if (outcome === 'exists' && platform.kind === 'local') await platform.runtime.resumeExecutions([executionArn]);
  const status = await untilEnded(work, session);
  if (status === undefined) return undefined;
  const { out } = context.terminal;
  if (options.json) out.write(jsonLine('backfill.session', { scheduled: isoTime(at), session, status, outcome }));
  else {
    const before = outcome === 'exists' ? '  started before' : '';
    out.write(`${zonedTime(at, timezone)}  ${session}  ${status}${before}\n`);
  }
  return { status, outcome };
}

/** @returns `undefined` when it is to stop before */
async function untilEnded({ platform, stopping }: Backfill, session: string): Promise<SessionStatus | undefined> {
  const clients = await platform.clients();
  for (;;) {
    const status = (await getSession(clients, session))?.status;
    if (status !== undefined && isTerminal(status)) return status;
    const waited = Promise.withResolvers<void>();
    const timer = setTimeout(waited.resolve, lookMs[platform.kind]);
    stopping.addEventListener('abort', () => waited.resolve(), { once: true });
    if (stopping.aborted) waited.resolve();
    await waited.promise;
    clearTimeout(timer);
    if (stopping.aborted) return undefined;
  }
}
