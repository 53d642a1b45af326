/**
 * Schedules and triggers as a file: `.bunsui/schedules.json` says what there is, and up to when each schedule has been
 * fired, so that nothing that was due is lost with the process, or fired behind its author's back.
 */
import { join } from 'node:path';
import type { TriggerIr } from '../ir/nodes.ts';
import type { Unplaced } from '../ir/policy.ts';
import type { Timing } from '../schedules/schedule.ts';
import { parseStored, readIfThere, writeFileAtomic } from './durable-files.ts';

export type CatchUp = 'none' | 'last' | 'all';

/** A schedule of EventBridge Scheduler. Times in milliseconds since the epoch. */
export interface StoredSchedule extends Timing {
  readonly group: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly flexibleWindowMinutes?: number;
  readonly description?: string;
  readonly deleteAfterwards?: true;
  readonly target: {
    readonly arn: string;
    readonly roleArn: string;
    /** JSON text, with AWS's placeholders. */
    readonly input: string;
    /** As given: shown, and of no effect here. */
    readonly retryPolicy?: unknown;
    readonly deadLetterConfig?: unknown;
  };
  readonly updatedAtMs: number;
  /** What was due until then has been fired, or dropped for good. */
  readonly doneUntilMs: number;
  /** Which firings are made up that were due while nobody could fire them. */
  readonly catchUp: CatchUp;
  /** Whose it is, and whether its definition has it enabled: deploying the same again leaves an operator's word. */
  readonly owner?: { readonly pipeline: string; readonly schedule: string; readonly enabled: boolean };
}

/** A trigger of a pipeline. */
export interface StoredTrigger {
  readonly pipeline: string;
  readonly trigger: Unplaced<TriggerIr>;
  /** The function that starts sessions. */
  readonly functionName: string;
}

export interface Schedules {
  readonly groups: readonly { readonly name: string; readonly createdAtMs: number }[];
  readonly schedules: readonly StoredSchedule[];
  readonly triggers: readonly StoredTrigger[];
}

export interface ScheduleStore {
  now(): Schedules;
  /** Changes what there is; one change after the other. Resolves when it is on the disk. */
  change(to: (before: Schedules) => Schedules): Promise<void>;
  /** Calls back after each change. */
  onChange(listener: () => void): void;
}

/** The group that is always there. */
export const defaultGroup = 'default';

/** Opens the schedules of a state folder. */
export async function openScheduleStore(stateDir: string): Promise<ScheduleStore> {
  const path = join(stateDir, 'schedules.json');
  const text = await readIfThere(path);
  const none: Schedules = { groups: [{ name: defaultGroup, createdAtMs: 0 }], schedules: [], triggers: [] };
  let current =
    text === undefined
      ? none
      : (parseStored(path, text, 'move the file away and deploy the pipelines again') as Schedules);
  let writing: Promise<unknown> = Promise.resolve();
  const listeners: (() => void)[] = [];
  return {
    now: () => current,
    change(to) {
      const turn = writing.then(async () => {
        const next = to(current);
        if (next === current || JSON.stringify(next) === JSON.stringify(current)) return;
        await writeFileAtomic(path, JSON.stringify(next));
        current = next;
        for (const listener of listeners) listener();
      });
      writing = turn.catch(() => {});
      return turn;
    },
    onChange: (listener) => void listeners.push(listener),
  };
}

/** The same schedules with one of them changed; as they are when it is gone. */
export function withSchedule(
  before: Schedules,
  { group, name }: Pick<StoredSchedule, 'group' | 'name'>,
  change: (schedule: StoredSchedule) => StoredSchedule | undefined,
): Schedules {
  const schedules = before.schedules.flatMap((one) => {
    if (one.group !== group || one.name !== name) return [one];
    const changed = change(one);
    return changed === undefined ? [] : [changed];
  });
  return { ...before, schedules };
}
