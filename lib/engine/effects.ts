/** What an execution does in the world: tasks in flight and alarms, kept in line with what is durable of its threads. */
import type { Execution, Failure, Thread } from './execution.ts';
import { exportResults } from './map-results.ts';
import type { ExportedResults, RunChanges } from './map-run-state.ts';
import type { EnginePorts, Json, TaskOutcome, TaskRequest } from './ports.ts';
import { isRunnable, wakeUpMs } from './step.ts';
import { isActivity, taskRequest } from './task.ts';

/** Something that happened outside and that the execution has to look at. */
export type Arrival =
  | { readonly kind: 'outcome'; readonly thread: Thread; readonly scheduledId: number; readonly outcome: TaskOutcome }
  | { readonly kind: 'progress'; readonly thread: Thread; readonly scheduledId: number; readonly news: TaskNews }
  | { readonly kind: 'wake'; readonly thread: Thread }
  | { readonly kind: 'exported'; readonly thread: Thread; readonly exported: ExportedResults }
  | ({ readonly kind: 'runChanged'; readonly arn: string; readonly changes: RunChanges } & Asked)
  | ({ readonly kind: 'stopChild'; readonly executionArn: string; readonly failure: Failure } & Asked)
  | { readonly kind: 'timeout' }
  | { readonly kind: 'stop'; readonly error?: string; readonly cause?: string };

/** What somebody waits for: called once it is durable with true, with false when there was nothing to do it to. */
interface Asked {
  readonly done: (done: boolean) => void;
}

/** What a task has told before its end. */
export type TaskNews =
  | { readonly kind: 'submitted'; readonly answer: Json }
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'taken'; readonly workerName?: string };

export interface Effects {
  /** Starts or aborts the thread's task, exports its map run's results, and sets its alarm, as the thread now is. */
  act(thread: Thread): void;
  /** Notes that a task has answered. @returns false when that try is not awaited any more. */
  answered(thread: Thread, scheduledId: number): boolean;
  /** Whether the try of a thread's task that has told something is still awaited. */
  awaits(thread: Thread, scheduledId: number): boolean;
  /** Notes that the thread's alarm has rung, and sets it again when it rang too early. */
  rang(thread: Thread): void;
  /** Aborts all tasks, for that reason, and cancels all alarms. */
  letGo(reason?: Error): void;
}

interface Alarm {
  readonly atMs: number;
  readonly cancel: () => void;
}

/** The time of a redriven execution is counted anew. */
function lastBeginMs({ startedAtMs, redrivenAtMs }: Execution): number {
  return Math.max(startedAtMs, redrivenAtMs);
}

export function effectsOf(ports: EnginePorts, execution: Execution, arrive: (arrival: Arrival) => void): Effects {
  const tasks = new Map<Thread, { readonly scheduledId: number; readonly controller: AbortController }>();
  const alarms = new Map<Thread, Alarm>();
  const exporting = new Set<Thread>();
  const { TimeoutSeconds } = execution.identity.definition;
  const cancelDeadline =
    TimeoutSeconds === undefined
      ? undefined
      : ports.clock.wakeAt(lastBeginMs(execution) + TimeoutSeconds * 1_000, () => arrive({ kind: 'timeout' }));

  const inFlight = (thread: Thread) => {
    const alive = execution.threads.get(thread.id) === thread;
    if (!alive) return undefined;
    // An activity's task is offered to workers before one of them has started it.
    const runs = thread.phase.kind === 'started' || (thread.phase.kind === 'scheduled' && isActivity(thread));
    return runs && 'task' in thread.phase ? thread.phase.task : undefined;
  };

  const setAlarm = (thread: Thread): void => {
    const alive = execution.threads.get(thread.id) === thread;
    const atMs = alive ? wakeUpMs(thread) : undefined;
    const alarm = alarms.get(thread);
    if (alarm?.atMs === atMs) return;
    alarm?.cancel();
    alarms.delete(thread);
    if (atMs === undefined) return;
    const cancel = ports.clock.wakeAt(atMs, () => arrive({ kind: 'wake', thread }));
    alarms.set(thread, { atMs, cancel });
  };

  const exportOnce = (thread: Thread): void => {
    const { phase } = thread;
    const isWanted = phase.kind === 'writing' && execution.threads.get(thread.id) === thread;
    if (!isWanted || exporting.has(thread)) return;
    exporting.add(thread);
    void exportResults(ports.objects, phase.fan, phase.run).then((exported) => {
      exporting.delete(thread);
      arrive({ kind: 'exported', thread, exported });
    });
  };

  return {
    act: (thread) => {
      exportOnce(thread);
      const task = inFlight(thread);
      const run = tasks.get(thread);
      if (run !== undefined && run.scheduledId !== task?.scheduledId) {
        tasks.delete(thread);
        run.controller.abort();
      }
      // A task whose time was up while nobody ran it is not begun any more; its alarm rings at once.
      if (task !== undefined && !tasks.has(thread) && !isRunnable(thread, ports.clock)) {
        const { scheduledId } = task;
        const controller = new AbortController();
        tasks.set(thread, { scheduledId, controller });
        const tell = (news: TaskNews): void => {
          if (!controller.signal.aborted) arrive({ kind: 'progress', thread, scheduledId, news });
        };
        void runTask(ports, taskRequest(execution, thread, task), controller.signal, tell).then((outcome) =>
          arrive({ kind: 'outcome', thread, scheduledId, outcome }),
        );
      }
      setAlarm(thread);
    },
    answered: (thread, scheduledId) => {
      // The thread may be at its next try by now, and that one is still in flight.
      if (tasks.get(thread)?.scheduledId === scheduledId) tasks.delete(thread);
      return inFlight(thread)?.scheduledId === scheduledId;
    },
    awaits: (thread, scheduledId) => inFlight(thread)?.scheduledId === scheduledId,
    rang: (thread) => {
      alarms.delete(thread);
      // Real timers may ring a moment early.
      if (ports.clock.now() < (wakeUpMs(thread) ?? 0)) setAlarm(thread);
    },
    letGo: (reason) => {
      for (const { controller } of tasks.values()) controller.abort(reason);
      for (const { cancel } of alarms.values()) cancel();
      cancelDeadline?.();
      tasks.clear();
      alarms.clear();
    },
  };
}

/** Runs a task; whatever goes wrong with the runner itself is a failure of the task. */
async function runTask(
  ports: EnginePorts,
  request: TaskRequest,
  signal: AbortSignal,
  tell: (news: TaskNews) => void,
): Promise<TaskOutcome> {
  try {
    return await ports.tasks.run(request, signal, {
      submitted: (answer) => tell({ kind: 'submitted', answer }),
      heartbeat: () => tell({ kind: 'heartbeat' }),
      taken: (workerName) => tell({ kind: 'taken', ...(workerName === undefined ? {} : { workerName }) }),
    });
  } catch (thrown) {
    return { ok: false, error: 'States.TaskFailed', cause: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}
