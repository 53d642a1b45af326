/**
 * Fires schedules: when one is due its target is called, with AWS's placeholders filled in, until it has been taken. At
 * least once: what is due is noted as done only afterwards, so after a crash it is fired again, with the same time.
 *
 * What was due while nobody could fire it, a machine that was off or asleep, is made up as the schedule's catch-up
 * policy says. On AWS that cannot happen.
 */
import { dueTimes, isProblem, parseSchedule } from '../schedules/schedule.ts';
import type { RuntimeLog } from './runtime-log.ts';
import { type ScheduleStore, type StoredSchedule, withSchedule } from './schedule-store.ts';

/** EventBridge Scheduler is precise to a minute: what is later than that has been missed. */
const missedAfterMs = 60_000;
/** Clocks are set and machines sleep: the time is looked at this often, whatever is due next. */
const longestWaitMs = 30_000;
/** More firings than this are not made up: a schedule by the minute is missed 1,440 times a day. */
const maxMadeUp = 10_000;

export interface ScheduleLoopOptions {
  readonly store: ScheduleStore;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Resolves after some time, or when the signal says so. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Calls the target until it has taken the firing, or has refused it for good. Rejects when it is closed before. */
  readonly fire: (schedule: StoredSchedule, scheduledMs: number) => Promise<void>;
  readonly log: RuntimeLog;
}

export interface ScheduleLoop {
  /** Resolves when what is being fired has been fired or given up. */
  close(): Promise<void>;
}

const keyOf = ({ group, name }: StoredSchedule) => `${group}/${name}`;

/** What is to be fired of a schedule at a moment, in order, and what was missed and is dropped. */
export function dueNow(
  schedule: StoredSchedule,
  nowMs: number,
): { readonly fire: readonly number[]; readonly dropped: number } {
  const missed: number[] = [];
  const fresh: number[] = [];
  let many = 0;
  for (const instant of dueTimes(schedule, schedule.doneUntilMs)) {
    if (instant > nowMs) break;
    if (instant > nowMs - missedAfterMs) fresh.push(instant);
    else if (missed.push(instant) > maxMadeUp) {
      missed.shift();
      many += 1;
    }
  }
  const madeUp = schedule.catchUp === 'all' ? missed : schedule.catchUp === 'last' ? missed.slice(-1) : [];
  return { fire: [...madeUp, ...fresh], dropped: many + missed.length - madeUp.length };
}

/** Whether a schedule has no due time any more after the one that was fired. */
function isOver(schedule: StoredSchedule, firedMs: number): boolean {
  const parsed = parseSchedule(schedule.expression);
  return !isProblem(parsed) && dueTimes(schedule, firedMs).next().done === true;
}

/** Starts firing. */
export function startScheduleLoop({ store, now, wait, fire, log }: ScheduleLoopOptions): ScheduleLoop {
  const closing = new AbortController();
  const busy = new Map<string, Promise<void>>();
  let changed = Promise.withResolvers<void>();
  store.onChange(() => changed.resolve());

  const work = async (schedule: StoredSchedule) => {
    const nowMs = now();
    const { fire: due, dropped } = dueNow(schedule, nowMs);
    const name = keyOf(schedule);
    if (dropped > 0) log('info', droppedFirings, { schedule: name, count: dropped, catchUp: schedule.catchUp });
    for (const scheduledMs of due) {
      closing.signal.throwIfAborted();
      await fire(schedule, scheduledMs);
      await store.change((before) =>
        withSchedule(before, schedule, (one) =>
          one.deleteAfterwards === true && isOver(one, scheduledMs)
            ? undefined
            : { ...one, doneUntilMs: Math.max(one.doneUntilMs, scheduledMs) },
        ),
      );
    }
    if (due.length > 0 || dropped === 0) return;
    await store.change((before) =>
      withSchedule(before, schedule, (one) => ({
        ...one,
        doneUntilMs: Math.max(one.doneUntilMs, nowMs - missedAfterMs),
      })),
    );
  };

  const nextDueMs = () => {
    let next = now() + longestWaitMs;
    for (const schedule of store.now().schedules) {
      if (!schedule.enabled || busy.has(keyOf(schedule))) continue;
      for (const instant of dueTimes(schedule, schedule.doneUntilMs)) {
        next = Math.min(next, instant);
        break;
      }
    }
    return next;
  };

  const loop = async () => {
    while (!closing.signal.aborted) {
      changed = Promise.withResolvers<void>();
      for (const schedule of store.now().schedules) {
        const name = keyOf(schedule);
        const [first] = dueTimes(schedule, schedule.doneUntilMs);
        if (!schedule.enabled || busy.has(name) || first === undefined || first > now()) continue;
        const working = work(schedule)
          .catch(async (error: unknown) => {
            if (closing.signal.aborted) return;
            log('error', `schedule ${name} could not be fired: ${String(error)}`);
            await wait(longestWaitMs, closing.signal);
          })
          .finally(() => {
            busy.delete(name);
            changed.resolve();
          });
        busy.set(name, working);
      }
      const turn = new AbortController();
      const signal = AbortSignal.any([turn.signal, closing.signal]);
      await Promise.race([wait(Math.max(0, nextDueMs() - now()), signal), changed.promise]);
      turn.abort();
    }
  };
  const looping = loop();
  return {
    async close() {
      closing.abort();
      changed.resolve();
      await looping;
      await Promise.allSettled(busy.values());
    },
  };
}

/** What the runtime's log says when firings that were missed are not made up. */
export const droppedFirings = 'firings that were due while nobody could fire them are not made up';
