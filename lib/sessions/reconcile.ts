/**
 * The reconciler: what the books should say by what Step Functions says. Events of executions are best effort, and a
 * function may die between two steps; whatever was missed is found here, by asking:
 *
 *     sessions that have not ended  ×  executions that run or did of late  ×  notices that are not published
 *
 * Nothing here is done that somebody else may not be doing at the same moment; all of it can be done twice.
 */
import { ExecutionDoesNotExist } from '@aws-sdk/client-sfn';
import { BunsuiError } from '../errors.ts';
import { readPolicy } from '../ir/policy.ts';
import { sweepApprovals } from './approval-notices.ts';
import { iso } from './attempt-items.ts';
import { isOfNoCancelling } from './cancelled-notice.ts';
import { deadlineOf, tellDeadline } from './deadlines.ts';
import type { EndDeps } from './deps.ts';
import { type EndRequest, endSession, type OnEnded } from './end-session.ts';
import { isOfChildMachine } from './deployed.ts';
import { executionsOf, type ListedExecution, machinesOf } from './executions-of.ts';
import type { PipelineItem, SessionItem } from './items.ts';
import { findLiveSession } from './live-session.ts';
import { reopenSession } from './live-store.ts';
import { isPruningTime, pruneVersions } from './machine-versions.ts';
import type { Notice } from './notice.ts';
import { enterOutbox, isInOutbox, leaveOutbox, listOutbox, noticeOf, publishNotice } from './notices.ts';
import { readOpenSessions } from './open-sessions.ts';
import { sweepTurns } from './overlap.ts';
import { stopToPause } from './pause.ts';
import { requirePipeline } from './pipelines.ts';
import { continueStart } from './rerun.ts';
import { isTerminal } from './status.ts';
import { advanceSession } from './store.ts';

export interface ReconcileOptions {
  readonly renderReport: Parameters<typeof endSession>[2];
  readonly onEnded?: OnEnded;
  /** Milliseconds that are left; work that has not begun when there are few is left for the next run. */
  readonly remainingMs: () => number;
  /** What is younger may be in somebody else's hands, milliseconds. @default 60 seconds */
  readonly graceMs?: number;
}

export interface Problem {
  readonly session_id?: string;
  readonly execution_arn?: string;
  readonly error: unknown;
}

/** What was done, as ids of sessions. */
export interface Reconciled {
  readonly ended: readonly string[];
  readonly adopted: readonly string[];
  readonly reopened: readonly string[];
  readonly started: readonly string[];
  /** Can never run: what is to run it, or its execution, is not there any more. */
  readonly failed: readonly string[];
  readonly noticed: readonly string[];
  readonly deadlines: readonly string[];
  /** Had answers that Step Functions did not have. */
  readonly answered: readonly string[];
  readonly problems: readonly Problem[];
  /** There was time for all of it. */
  readonly complete: boolean;
}

/** The error of a session whose execution, or pipeline, is gone. */
export const lostError = 'Bunsui.ExecutionLost';

const defaultGraceMs = 60_000;
/** How far back executions are looked for that nobody has told of. */
const windowMs = 15 * 60_000;
/** Ending a session may take that long. */
const reserveMs = 20_000;
const maxPages = 10;

type Outcome = Exclude<keyof Reconciled, 'problems' | 'complete'>;

interface Sweep {
  readonly deps: EndDeps;
  readonly options: ReconcileOptions;
  readonly graceMs: number;
  readonly done: { readonly [outcome in Outcome]: string[] };
  readonly problems: Problem[];
  readonly policies: Map<string, Promise<PipelineItem>>;
}

/** Puts right whatever it finds, one thing after the other; what cannot be put right is told, and holds up nothing. */
export async function reconcile(deps: EndDeps, options: ReconcileOptions): Promise<Reconciled> {
  const done = {
    ended: [],
    adopted: [],
    reopened: [],
    started: [],
    failed: [],
    noticed: [],
    deadlines: [],
    answered: [],
  };
  const graceMs = options.graceMs ?? defaultGraceMs;
  const sweep: Sweep = { deps, options, graceMs, done, problems: [], policies: new Map() };
  const open = await readOpenSessions(deps, maxPages);
  const executions = await listExecutions(sweep);
  const byArn = new Map(open.map((session) => [session.execution_arn, session]));
  const work: (() => Promise<void>)[] = [
    ...open.map((session) => () => attempt(sweep, session, () => settle(sweep, session, executions))),
    ...[...executions.values()]
      .filter(({ executionArn }) => !byArn.has(executionArn))
      .map(
        (execution) => () => attempt(sweep, { execution_arn: execution.executionArn }, () => meet(sweep, execution)),
      ),
  ];
  // Begins somewhere else each time: what takes all the time there is does not keep the rest from its turn for ever.
  const turn = work.length === 0 ? 0 : Math.floor(deps.now() / 60_000) % work.length;
  let complete = true;
  const first = [
    () => emptyOutbox(sweep),
    () => attempt(sweep, {}, () => lookAtApprovals(sweep)),
    () => attempt(sweep, {}, async () => void (await sweepTurns(deps))),
  ];
  for (const task of [...first, ...work.slice(turn), ...work.slice(0, turn)]) {
    complete = options.remainingMs() > reserveMs;
    if (!complete) break;
    await task();
  }
  return { ...done, problems: sweep.problems, complete };
}

async function attempt(
  sweep: Sweep,
  about: Pick<SessionItem, 'execution_arn'> & { readonly session_id?: string },
  task: () => Promise<void>,
): Promise<void> {
  try {
    await task();
  } catch (error) {
    const { session_id, execution_arn } = about;
    sweep.problems.push({
      ...(session_id === undefined ? {} : { session_id }),
      ...(execution_arn === undefined ? {} : { execution_arn }),
      error,
    });
  }
}

/** By ARN. A machine whose executions cannot be listed is told of; sessions of it are looked at one by one. */
async function listExecutions(sweep: Sweep): Promise<ReadonlyMap<string, ListedExecution>> {
  const { deps, problems } = sweep;
  const found = new Map<string, ListedExecution>();
  const since = deps.now() - windowMs;
  try {
    for (const machine of await machinesOf(deps.sfn, deps.deployments?.machines ?? '')) {
      try {
        // Executions of child machines are no sessions.
        const own = isOfChildMachine(deps, { stateMachineArn: machine })
          ? []
          : await executionsOf(deps.sfn, machine, since, maxPages);
        for (const one of own) found.set(one.executionArn, one);
        if (deps.deployments !== undefined && isPruningTime(deps.now()))
          await pruneVersions(deps.sfn, machine, deps.now());
      } catch (error) {
        problems.push({ execution_arn: machine.replace(':stateMachine:', ':execution:'), error });
      }
    }
  } catch (error) {
    problems.push({ error });
  }
  return found;
}

/** A session that has not ended. */
async function settle(
  sweep: Sweep,
  session: SessionItem,
  executions: ReadonlyMap<string, ListedExecution>,
): Promise<void> {
  const { deps, graceMs } = sweep;
  if (session.status === 'created' || session.status === 'queued') {
    if (deps.now() - Date.parse(session.updated_at) >= graceMs) await startOne(sweep, session);
    return;
  }
  if (executions.get(session.execution_arn ?? '')?.running === true) {
    // Whoever was to pause it has died in between.
    if (session.pausing !== undefined) return stopToPause(deps, session);
    return checkDeadline(sweep, session);
  }
  // Paused is what somebody wants; where its execution is then is theirs to say.
  if (session.status === 'running') await endOne(sweep, session);
}

/** An execution that no open session has: one of an ended session as a rule. */
async function meet(sweep: Sweep, execution: ListedExecution): Promise<void> {
  const { executionArn, running, startedAt, stoppedAt, redriveCount } = execution;
  const { deps, done, graceMs } = sweep;
  if (!running && deps.now() - (stoppedAt ?? 0) < graceMs) return;
  let met: Awaited<ReturnType<typeof findLiveSession>>;
  try {
    met = await findLiveSession(deps, executionArn, startedAt);
  } catch (error) {
    // Named like a machine of the platform, and none.
    if (error instanceof BunsuiError && error.code === 'BS3003') return;
    throw error;
  }
  const { session, adopted } = met;
  if (adopted) done.adopted.push(session.session_id);
  if (session.execution_arn !== executionArn) return;
  const redriven = redriveCount > (session.redrive_count ?? 0);
  if (!running) {
    if (adopted || redriven || !isTerminal(session.status)) await endOne(sweep, session);
    return;
  }
  if (!redriven) return;
  await reopenSession(deps, { ...session, redrive_count: redriveCount }, iso(deps.now()));
  done.reopened.push(session.session_id);
}

async function endOne(sweep: Sweep, session: SessionItem): Promise<void> {
  const { deps, done, options, graceMs } = sweep;
  const request: EndRequest = { executionArn: session.execution_arn ?? '', endedBefore: deps.now() - graceMs };
  try {
    const { session_id, outcome } = await endSession(deps, request, options.renderReport, options.onEnded);
    if (outcome === 'ended') done.ended.push(session_id);
  } catch (error) {
    unlessGone(error);
    // Step Functions keeps executions for 90 days after their end: nobody will ever know more of this one.
    await giveUp(sweep, session, `execution ${session.execution_arn ?? ''} does not exist any more`);
  }
}

function unlessGone(error: unknown): void {
  if (!(error instanceof ExecutionDoesNotExist)) throw error;
}

/** A session that is accepted and whose execution was not started: whoever was to do it has died, or it waits its turn. */
async function startOne(sweep: Sweep, session: SessionItem): Promise<void> {
  const { deps, done } = sweep;
  try {
    if ((await continueStart(deps, session)) !== 'started') return;
    done.started.push(session.session_id);
  } catch (error) {
    if (!(error instanceof BunsuiError && error.code === 'BS3003')) throw error;
    await giveUp(sweep, session, error.message);
  }
}

/** Ends a session that nothing will ever be heard of again. It is told of by the next run. */
async function giveUp(sweep: Sweep, session: SessionItem, why: string): Promise<void> {
  const { deps, done } = sweep;
  const { notices } = deps;
  const at = iso(deps.now());
  const error = { error_code: lostError, error_message: why };
  const policy = await pipelineOf(sweep, session).then(
    (pipeline) => readPolicy(pipeline.policy),
    () => ({}),
  );
  const ended: SessionItem = { ...session, ...error, status: 'failed' };
  const notice = notices && noticeOf(notices, ended, policy, { event: 'failed', at, error });
  if (notice !== undefined) await enterOutbox(deps, notice, session.execution_arn ?? '', at);
  const moved = await advanceSession(deps, session, 'failed', { ...error, completed_at: at, updated_at: at });
  if (moved === 'ok') done.failed.push(session.session_id);
  else if (notice !== undefined) await leaveOutbox(deps, notice.delivery_id);
}

function pipelineOf({ deps, policies }: Sweep, session: SessionItem): Promise<PipelineItem> {
  const { pipeline_id: pipeline, pipeline_version: version } = session;
  const key = `${pipeline}#${version}`;
  const found = policies.get(key) ?? requirePipeline(deps, pipeline, version);
  policies.set(key, found);
  return found;
}

async function checkDeadline(sweep: Sweep, session: SessionItem): Promise<void> {
  const { deps, done } = sweep;
  if (deps.notices === undefined || session.deadline_noticed !== undefined) return;
  const policy = readPolicy((await pipelineOf(sweep, session)).policy);
  const due = deadlineOf(session, policy);
  if (due === undefined || deps.now() <= due) return;
  if (await tellDeadline(deps, session, policy)) done.deadlines.push(session.session_id);
}

/** Approvals that nobody was told of, and answers that Step Functions may not have. */
async function lookAtApprovals({ deps, done, problems, graceMs }: Sweep): Promise<void> {
  const { gatesTable } = deps;
  if (gatesTable === undefined) return;
  const swept = await sweepApprovals({ ...deps, gatesTable }, graceMs);
  done.noticed.push(...swept.told);
  done.answered.push(...swept.answered);
  problems.push(...swept.problems);
}

/** Ends that are recorded and not published, or that are not even recorded. */
async function emptyOutbox(sweep: Sweep): Promise<void> {
  const { deps, done, options, graceMs } = sweep;
  const { notices } = deps;
  if (notices === undefined) return;
  const entries = await listOutbox(deps, 500);
  for (const { created_at: delivery, execution_arn, entered_at, notice } of entries) {
    if (options.remainingMs() <= reserveMs) return;
    if (deps.now() - Date.parse(entered_at) < graceMs) continue;
    await attempt(sweep, { execution_arn }, async () => {
      const told = JSON.parse(notice) as Notice;
      await endSession(deps, { executionArn: execution_arn }, options.renderReport, options.onEnded).catch(unlessGone);
      const isVoid = await isOfNoCancelling(deps, told);
      // The session has gone on since, by a redrive or a rerun, or was given up: that is to be told of all the same.
      if (!isVoid && (await isInOutbox(deps, delivery))) await publishNotice(notices, told);
      await leaveOutbox(deps, delivery);
      if (!isVoid) done.noticed.push(told.session_id);
    });
  }
}
