/**
 * What starts sessions by itself on this machine: schedules that are due and events that triggers wait for, while
 * somebody has asked for it (`start`). A firing is told to `start-session` as EventBridge tells it there.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Json } from '../ir/expressions.ts';
import type { ScheduleIr, TriggerIr } from '../ir/nodes.ts';
import type { Unplaced } from '../ir/policy.ts';
import { fitsTrigger, type JsonObject, unservedOperator } from './event-patterns.ts';
import type { FunctionPool } from './function-pool.ts';
import type { Service } from './http.ts';
import type { RuntimeLog } from './runtime-log.ts';
import { type ScheduleLoop, startScheduleLoop } from './schedule-loop.ts';
import { openScheduleStore, type StoredSchedule } from './schedule-store.ts';
import { functionOf, scheduleArn, schedulerService, updated } from './scheduler.ts';

/** What a pipeline starts by. */
export interface PipelineFirings {
  readonly pipeline: string;
  /** The function that starts sessions. */
  readonly functionName: string;
  readonly schedules: readonly Unplaced<ScheduleIr>[];
  readonly triggers: readonly Unplaced<TriggerIr>[];
}

export interface Firings {
  readonly service: Service;
  /** Puts a pipeline's schedules and triggers in the place of those that it had. */
  deploy(firings: PipelineFirings): Promise<void>;
  /** Fires from now on. */
  start(): void;
  /** Tells of an event; does not wait for what it starts. */
  hear(event: JsonObject): void;
  close(): Promise<void>;
}

/** Beginnings of what the runtime's log says of firings; its fields say which and what came of it. */
export const fired = 'fired';
export const notFired = 'a firing started no session';

/** The group of schedules of pipelines, named as a deployed platform's is. */
export const pipelineGroup = 'bunsui';
/** As Lambda does with an event: twice more. */
const pausesMs = [1_000, 5_000];
/** What is told of a firing that will fail again. */
const lasting = /^(ValidationError|PipelineError|SessionError)$/;

/** Opens the firings of a state folder. */
export async function openFirings(
  stateDir: string,
  place: { readonly region: string; readonly accountId: string },
  pool: FunctionPool,
  log: RuntimeLog,
): Promise<Firings> {
  const store = await openScheduleStore(stateDir);
  const closing = new AbortController();
  const delivering = new Set<Promise<void>>();
  let loop: ScheduleLoop | undefined;

  /** Calls a function until it has taken a firing, or has refused it for good. */
  const deliver = async (functionName: string, payload: string, about: Readonly<Record<string, unknown>>) => {
    for (let attempt = 0; ; attempt += 1) {
      const config = pool.find(functionName);
      const result = config && (await pool.invoke(config, payload, closing.signal));
      closing.signal.throwIfAborted();
      if (result?.ok === true) {
        log('info', fired, { ...about, ...answered(result.payload) });
        return;
      }
      const { errorType, errorMessage } = result?.error ?? {
        errorType: 'ResourceNotFoundException',
        errorMessage: `no such function: ${functionName}`,
      };
      const pauseMs = lasting.test(errorType) ? undefined : pausesMs[attempt];
      if (pauseMs === undefined) {
        log('error', `${notFired}: ${errorMessage}`, { ...about, error: errorType });
        return;
      }
      await wait(pauseMs, undefined, { signal: closing.signal });
    }
  };

  const fire = (schedule: StoredSchedule, scheduledMs: number) => {
    const { target, owner } = schedule;
    const time = `${new Date(scheduledMs).toISOString().slice(0, 19)}Z`;
    const payload = filled(target.input, {
      'scheduled-time': time,
      'schedule-arn': scheduleArn(place, schedule),
      'execution-id': randomUUID(),
      'attempt-number': '1',
    });
    const { pipeline, schedule: id } = owner ?? { schedule: schedule.name };
    return deliver(functionOf(target.arn) ?? '', payload, {
      ...(pipeline === undefined ? {} : { pipeline }),
      schedule: id,
      scheduledTime: time,
    });
  };

  return {
    service: schedulerService(store, place, log),
    async deploy(firings) {
      for (const trigger of firings.triggers) {
        const why = silentTrigger(trigger);
        if (why !== undefined) log('warn', `trigger ${trigger.id} of ${firings.pipeline} hears nothing here: ${why}`);
      }
      // Whole seconds, as AWS tells them: due times of a rate are counted from here.
      const nowMs = Math.floor(Date.now() / 1000) * 1000;
      await store.change((before) => {
        const others = before.schedules.filter(({ owner }) => owner?.pipeline !== firings.pipeline);
        const own = firings.schedules.map((spec) => {
          const next = storedSchedule(firings, spec, place, nowMs);
          const old = before.schedules.find(
            ({ owner, name }) => owner?.pipeline === firings.pipeline && name === next.name,
          );
          if (old === undefined) return next;
          // Deploying the same again leaves the word of whoever has enabled or disabled it since.
          const enabled = old.owner?.enabled === spec.enabled ? old.enabled : spec.enabled;
          return updated(old, { ...next, enabled });
        });
        const hasGroup = before.groups.some(({ name }) => name === pipelineGroup);
        return {
          groups: hasGroup ? before.groups : [...before.groups, { name: pipelineGroup, createdAtMs: nowMs }],
          schedules: [...others, ...own],
          triggers: [
            ...before.triggers.filter(({ pipeline }) => pipeline !== firings.pipeline),
            ...firings.triggers.map((trigger) => ({
              pipeline: firings.pipeline,
              trigger,
              functionName: firings.functionName,
            })),
          ],
        };
      });
    },
    start() {
      loop ??= startScheduleLoop({
        store,
        now: Date.now,
        wait: (ms, signal) => wait(ms, undefined, { signal }).catch(() => {}),
        fire,
        log,
      });
    },
    hear(event) {
      if (loop === undefined || closing.signal.aborted) return;
      for (const { pipeline, trigger, functionName } of store.now().triggers) {
        if (!fitsTrigger(trigger, event)) continue;
        const payload = JSON.stringify({ pipeline, firing: { kind: 'event', trigger: trigger.id, event } });
        const delivery = deliver(functionName, payload, { pipeline, trigger: trigger.id })
          .catch(() => {})
          .finally(() => delivering.delete(delivery));
        delivering.add(delivery);
      }
    },
    async close() {
      closing.abort();
      await loop?.close();
      await Promise.allSettled(delivering);
    },
  };
}

/** Why a trigger never hears an event on this machine. */
function silentTrigger(trigger: Unplaced<TriggerIr>): string | undefined {
  if (trigger.kind !== 'event') return undefined;
  if (trigger.bus !== undefined) return `there is only the default event bus, not ${trigger.bus}`;
  const operator = unservedOperator(trigger.pattern);
  return operator === undefined ? undefined : `the operator ${JSON.stringify(operator.slice(0, 60))} is not served`;
}

/** A name as a deployed platform gives it: ids hold no dot. */
function storedSchedule(
  { pipeline, functionName }: PipelineFirings,
  spec: Unplaced<ScheduleIr>,
  { region, accountId }: { readonly region: string; readonly accountId: string },
  nowMs: number,
): StoredSchedule {
  const { id, expression, timezone, start, end, flexibleWindowMinutes: window, enabled, catchUp } = spec;
  const input = {
    pipeline,
    firing: { kind: 'schedule', schedule: id, scheduledTime: '<aws.scheduler.scheduled-time>' },
  };
  return {
    group: pipelineGroup,
    name: `${pipeline}.${id}`,
    description: `bunsui: starts ${pipeline}`,
    expression,
    timezone,
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    ...(window === undefined ? {} : { flexibleWindowMinutes: window }),
    enabled,
    target: {
      arn: `arn:aws:lambda:${region}:${accountId}:function:${functionName}`,
      roleArn: `arn:aws:iam::${accountId}:role/bunsui-local`,
      input: JSON.stringify(input),
    },
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    doneUntilMs: nowMs - 1,
    catchUp,
    owner: { pipeline, schedule: id, enabled },
  };
}

/** Puts values in the place of AWS's placeholders. They hold nothing that JSON text would have to escape. */
function filled(input: string, values: { readonly [placeholder: string]: string }): string {
  return input.replaceAll(/<aws\.scheduler\.([a-z-]+)>/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? (values[name] ?? whole) : whole,
  );
}

/** What `start-session` has answered, for the log. */
function answered(payload: string): Readonly<Record<string, Json>> {
  const value = JSON.parse(payload) as Json;
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, Json>>)
    : {};
}
