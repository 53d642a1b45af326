/**
 * What `run` and `session resume` share: progress in the form wanted, a clean stop when interrupted, the summary, and
 * a runtime that is closed at the end.
 */
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { type Attendance, attend, onAnyPlatform, stayForOthers } from './attend.ts';
import type { CommandContext } from './context.ts';
import { noRecord } from '../local/status-events.ts';
import { type AttendedSession, failureLogs, progressFor, showEnd } from './ended-session.ts';
import { isTerminal } from '../sessions/status.ts';
import { unfinishedSessions } from './find-session.ts';
import { exitCodes } from './exit-codes.ts';
import { listenForInterruption } from './interruption.ts';
import { isoTime, jsonLine } from './json-lines.ts';
import { commandLine, hintWith } from './places.ts';
import type { LocalTarget } from './platform-target.ts';
import type { Progress } from './screen/progress.ts';
import { wholeToShow } from './whole-values.ts';
import { withRecordRows } from './record-rows.ts';

export interface AttendedOptions {
  readonly target: LocalTarget;
  readonly json?: true;
}

/** A run as far as it has come; what an interruption has to end. */
export interface AttendedRun {
  readonly progress: Progress;
  attendance?: Attendance;
  session?: AttendedSession;
  /** The session has ended, others have not. */
  staying?: true;
}

/**
 * Runs a command that attends a session. `body` prepares and attends it; the first Ctrl-C or SIGTERM closes the
 * runtime, says how to go on, and ends with 130 or 143.
 */
export async function attended(
  context: CommandContext,
  options: AttendedOptions,
  body: (run: AttendedRun) => Promise<number>,
): Promise<number> {
  const run: AttendedRun = { progress: progressFor(context, options) };
  let stopping = false;
  using interruption = listenForInterruption(
    () => {
      stopping = true;
      run.progress.stop();
    },
    () => sayInterrupted(context, options, run),
  );
  const work = body(run)
    .finally(() => run.progress.stop())
    // What the closing runtime makes fail is no news.
    .catch((thrown: unknown) => (stopping ? new Promise<never>(() => {}) : Promise.reject(thrown)));
  let code: number;
  try {
    code = await Promise.race([work, interruption.asked.then((asked) => interrupted(context, options, run, asked))]);
  } catch (thrown) {
    // What went wrong first is what counts: a full disk makes closing fail too.
    await run.attendance?.platform.close().catch(() => {});
    throw thrown;
  }
  await run.attendance?.platform.close();
  return code;
}

async function interrupted(
  context: CommandContext,
  options: AttendedOptions,
  run: AttendedRun,
  code: 130 | 143,
): Promise<number> {
  const { attendance } = run;
  if (attendance?.platform.runtime.owner) context.terminal.err.write('\nstopping …\n');
  await attendance?.platform.close();
  sayInterrupted(context, options, run);
  // A request of ours may still wait for an answer that nobody wants now.
  process.exit(code);
}

/** What an interruption leaves behind, and how to go on with it. */
function sayInterrupted(context: CommandContext, options: AttendedOptions, run: AttendedRun): void {
  const { out, err } = context.terminal;
  const { attendance, session } = run;
  if (run.staying) {
    err.write(
      `${hintWith(err, 'interrupted. What still ran can be resumed:', commandLine(context, 'session resume', options.target))}\n`,
    );
  } else if (session === undefined) err.write('interrupted before a session was started\n');
  else {
    if (options.json) out.write(jsonLine('session.interrupted', { at: isoTime(Date.now()), session: session.session }));
    const resume = commandLine(context, `session resume ${session.session}`, options.target);
    const { owner = true, pid } = attendance?.platform.runtime ?? {};
    err.write(
      `${hintWith(err, owner ? 'interrupted. Go on with it:' : `it goes on in process ${pid}. Watch it:`, resume)}\n`,
    );
  }
}

/** Attends the session to its end, prints the summary, and stays while other sessions run in this process. */
export async function attendToEnd(
  context: CommandContext,
  options: AttendedOptions,
  run: AttendedRun,
  attendance: Attendance,
  session: AttendedSession,
  artifact: PipelineArtifact,
): Promise<number> {
  const { progress } = run;
  const { err } = context.terminal;
  run.attendance = attendance;
  run.session = session;
  const { view: folded, item } = await attend(attendance, session, artifact, progress);
  const isPaused = item?.status === 'paused';
  const isRecorded = item === undefined || isPaused || isTerminal(item.status);
  progress.stop();
  const of = { pipeline_id: session.pipeline, session_id: session.session, created_at: session.createdAt };
  const seen = await onAnyPlatform(attendance, (platform) =>
    withRecordRows(() => platform.clients(), artifact, folded, session.executionArn),
  );
  const view = await onAnyPlatform(attendance, (platform) => wholeToShow(() => platform.clients(), of, seen, options));
  const logs = await failureLogs(view, session, async (one) => {
    const { readSessionLogs } = await import('../sessions/logs.ts');
    return onAnyPlatform(attendance, async (platform) => readSessionLogs(await platform.clients(), one));
  });
  const places = attendance.platform.placesOf({ ...session, isRecorded });
  showEnd(context, options, { ...session, view, places, isRecorded, logsOf: (job) => logs.get(job) ?? [] });
  await stayForOthers(attendance, session.session, (count) => {
    run.staying = true;
    const what = count === 1 ? '1 other session runs' : `${count} other sessions run`;
    err.write(`${what} in this process, which stays until ${count === 1 ? 'it has' : 'they have'} ended\n`);
  });
  if (!isRecorded) throw notRecorded(context, options, attendance, session);
  if (isPaused) {
    const resume = commandLine(context, `session resume ${session.session}`, options.target);
    err.write(`\n${hintWith(err, 'it is paused. Go on with it:', resume)}\n`);
  }
  await hintAtInterrupted(context, options, attendance);
  return view.status === 'completed' ? exitCodes.ok : exitCodes.pipelineFailed;
}

/** The session has ended, and its record does not say so: what is missing is written when somebody opens the runtime. */
function notRecorded(
  context: CommandContext,
  options: AttendedOptions,
  { ends }: Attendance,
  { session, executionArn }: AttendedSession,
): BunsuiError {
  const { reason = 'see runtime.log in the state folder' } = ends.failure(executionArn) ?? {};
  const resume = commandLine(context, `session resume ${session}`, options.target);
  return new BunsuiError('SessionError', 'BS4001', `${noRecord}: ${reason}`, {
    context: { session },
    hint: `its jobs are kept; remove the cause (a full disk?), then: ${resume}`,
  });
}

/** One line about sessions that an earlier process left unfinished. */
async function hintAtInterrupted(context: CommandContext, options: AttendedOptions, attendance: Attendance) {
  const { platform } = attendance;
  if (!platform.runtime.owner) return;
  const left = await unfinishedSessions(platform);
  const [first] = left;
  if (first === undefined) return;
  const resume = commandLine(context, `session resume ${first}`, options.target);
  const what = left.length === 1 ? 'a session was interrupted' : `${left.length} sessions were interrupted`;
  const goOn = `${what} earlier. Go on with ${left.length === 1 ? 'it' : 'the first'}:`;
  context.terminal.err.write(`\n${hintWith(context.terminal.err, goOn, resume)}\n`);
}
