/**
 * What starts a pipeline by itself: schedules, and triggers of three kinds. Their inputs are typed by the pipeline's
 * input schema; what only a firing knows stands in them as `logical(…)` and `eventField(…)`.
 */
import type { SourcePosition } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import { eventMark, logicalMark } from '../ir/firing-input.ts';
import type { NoticeEvent, TriggerIr } from '../ir/nodes.ts';
import type { LogicalOffset } from '../schedules/logical.ts';
import { callSite } from './call-site.ts';
import type { Duration } from './durations.ts';

declare const known: unique symbol;

/** A value of type `T` that only a firing of that kind knows. */
export interface FiringValue<out Kind extends 'logical' | 'event', out T> {
  readonly [known]: () => readonly [Kind, T];
}

/** What may be given where a `T` is wanted: a constant, what the firing gives, or a structure of both. */
export type FiringIn<T, Kind extends 'logical' | 'event'> =
  | FiringValue<Kind, T>
  | (T extends string | number | boolean | null | undefined
      ? T
      : T extends readonly (infer E)[]
        ? readonly FiringIn<E, Kind>[]
        : { readonly [K in keyof T]: FiringIn<T[K], Kind> });

/** The fields of an input, as a schedule or trigger gives them. */
export type FiringFields<T, Kind extends 'logical' | 'event'> = { readonly [K in keyof T]: FiringIn<T[K], Kind> };

/** An input that may be left out when no field of it is required. */
type FiringInputOption<T> =
  Record<never, never> extends FiringFields<T, 'logical'>
    ? { readonly input?: FiringFields<T, 'logical'> }
    : { readonly input: FiringFields<T, 'logical'> };

/** When a schedule is due: one of three. */
export type ScheduleTimes =
  /** AWS's six fields: minutes, hours, day of month, month, day of week (1 to 7 from Sunday), year. One day field is `?`. */
  | { readonly cron: string; readonly rate?: never; readonly at?: never }
  /** A whole number of minutes, hours or days of 24 hours, counted from `start`, or from when it is deployed. */
  | {
      readonly rate: `${number} ${'minute' | 'minutes' | 'hour' | 'hours' | 'day' | 'days'}`;
      readonly cron?: never;
      readonly at?: never;
    }
  /** Once: local time of the time zone, `2026-12-01T06:00:00`. */
  | { readonly at: string; readonly cron?: never; readonly rate?: never };

/** What a schedule says besides its times and its input. */
export interface ScheduleSettings {
  /** Needed when there are several. @default "schedule" */
  readonly id?: string;
  /** IANA name. Local times that clocks skip are skipped, those they show twice are due once. @default "UTC" */
  readonly timezone?: string;
  /** Started at some minute of this window. @default exactly when due */
  readonly window?: Duration;
  /** Not before; ISO 8601 with a zone, `2026-12-01T00:00:00+09:00`. */
  readonly start?: string;
  /** Not after. */
  readonly end?: string;
  /** @default true */
  readonly enabled?: boolean;
  /** Which firings are made up that were due while nothing could fire them, as a laptop that is off. @default "none" */
  readonly catchUp?: 'none' | 'last' | 'all';
}

/** A schedule as authors write it. */
export type Schedule<T> = ScheduleTimes & FiringInputOption<T> & ScheduleSettings;

/** Who is told of what. */
export interface Notify {
  readonly on: NoticeEvent | readonly NoticeEvent[];
  /** Names of channels of the platform. */
  readonly to: string | readonly string[];
}

type TriggerKind<T> = T extends unknown ? Omit<T, 'id' | 'input' | 'source'> : never;

/** What `s3`, `event` and `pipelineSucceeded` make; `F` is the input that it gives. */
export interface Trigger<out F> {
  readonly kind: 'bunsui.trigger';
  readonly [known]?: () => F;
  readonly id: string;
  readonly source: SourcePosition;
  readonly spec: TriggerKind<TriggerIr>;
  readonly input: unknown;
}

/** Name and input of a trigger. */
export interface TriggerOptions<F> {
  /** Needed when there are several of a kind. */
  readonly id?: string;
  readonly input?: F;
}

/**
 * The time for which a schedule fires, as text in its time zone: what a run is *for*, not when it began. Made of
 * `yyyy MM dd HH mm ss XXX` and what stands between them; other letters in single quotes.
 *
 * @example schedule: { cron: '0 6 * * ? *', timezone: 'Asia/Tokyo', input: { date: logical('yyyy-MM-dd', { days: -1 }) } }
 */
export function logical(format: string, offset?: LogicalOffset): FiringValue<'logical', string> {
  return logicalMark(format, offset) as unknown as FiringValue<'logical', string>;
}

/**
 * A field of the event that starts a session, by names with dots between them. Which type it has only its author knows;
 * the pipeline's schema has the last word. A field that the event does not have is left out.
 *
 * @example s3('incoming', { input: { key: eventField('detail.object.key'), size: eventField<number>('detail.object.size') } })
 */
export function eventField<T = string>(path: string): FiringValue<'event', T> {
  return eventMark(path) as unknown as FiringValue<'event', T>;
}

function trigger<F>(spec: TriggerKind<TriggerIr>, id: string, options: TriggerOptions<F>): Trigger<F> {
  return { kind: 'bunsui.trigger', id: options.id ?? id, source: callSite(), spec, input: options.input ?? {} };
}

/**
 * Starts a session for each object that is put into a bucket. The event is EventBridge's "Object Created": the bucket
 * must send its events there (`eventBridgeEnabled`).
 *
 * @example on: [s3('incoming', { prefix: 'flights/', input: { key: eventField('detail.object.key') } })]
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
export function s3<const F = Record<never, never>>(
  bucket: string,
  options: TriggerOptions<F> & { readonly prefix?: string; readonly suffix?: string } = {},
): Trigger<F> {
  const { prefix, suffix } = options;
  const spec = {
    kind: 's3' as const,
    bucket,
    ...(prefix === undefined ? {} : { prefix }),
    ...(suffix === undefined ? {} : { suffix }),
  };
  return trigger(spec, 's3', options);
}

/**
 * Starts a session for each event that fits an EventBridge pattern.
 *
 * @example on: [event({ source: ['shop.orders'], 'detail-type': ['Order placed'] }, { input: { order: eventField('detail.id') } })]
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
 */
export function event<const F = Record<never, never>>(
  pattern: { readonly [field: string]: Json },
  options: TriggerOptions<F> & {
    /** Name of an event bus. @default the default bus */
    readonly bus?: string;
  } = {},
): Trigger<F> {
  const { bus } = options;
  return trigger({ kind: 'event' as const, pattern, ...(bus === undefined ? {} : { bus }) }, 'event', options);
}

/**
 * Starts a session for each session of another pipeline that has completed. In the event, `detail.output` and
 * `detail.input` are what that pipeline gave and was given.
 *
 * @example on: [pipelineSucceeded('ingest', { input: { key: eventField('detail.output.key') } })]
 */
export function pipelineSucceeded<const F = Record<never, never>>(
  pipeline: string | { readonly id: string },
  options: TriggerOptions<F> = {},
): Trigger<F> {
  const id = typeof pipeline === 'string' ? pipeline : pipeline.id;
  return trigger({ kind: 'pipeline' as const, pipeline: id }, id, options);
}

/** The options of a pipeline that say what starts it and who is told. `T` is what its input schema takes. */
export interface FiringOptions<T> extends StartOptions {
  /** When it starts by itself. */
  readonly schedule?: Schedule<T> | readonly Schedule<T>[];
  /** What starts it: `s3(…)`, `event(…)`, `pipelineSucceeded(…)`. */
  readonly on?: readonly Trigger<FiringFields<T, 'event'>>[];
}

/** The same without the types of inputs. */
export interface UntypedFiringOptions extends StartOptions {
  readonly schedule?: UntypedSchedule | readonly UntypedSchedule[];
  readonly on?: readonly Trigger<unknown>[];
}
type UntypedSchedule = ScheduleTimes & ScheduleSettings & { readonly input?: unknown };

interface StartOptions {
  /**
   * What happens when it is to start while a session of it runs: `allow` runs them side by side, `skip` drops the new
   * one (on record), `queue` starts it when the others have ended, in order, `cancel-running` cancels what runs.
   * @default "allow"
   */
  readonly overlap?: 'allow' | 'skip' | 'queue' | 'cancel-running';
  /** Who is told of what, beyond what the platform says. */
  readonly notify?: Notify | readonly Notify[];
  /** Whole run: when it takes longer somebody is told (`deadline`), and it goes on. */
  readonly deadline?: Duration;
}

/** The expression of a schedule in AWS's grammar: `rate(1 minute)` has no "s". */
export function expressionOf({ cron, rate, at }: ScheduleTimes): string {
  if (cron !== undefined) return `cron(${cron})`;
  if (at !== undefined) return `at(${at})`;
  const [, value, unit] = /^(\d+) (minute|hour|day)s?$/.exec(rate ?? '') ?? [];
  return `rate(${value === undefined ? rate : `${value} ${unit}${value === '1' ? '' : 's'}`})`;
}

/** A moment with a zone as ISO 8601 in UTC; other text as it is, for the check to refuse. */
export function instantText(text: string): string {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? text : new Date(ms).toISOString();
}

/** One or several, as a list. */
export function listOf<T>(value: T | readonly T[] | undefined): readonly T[] | undefined {
  if (value === undefined) return undefined;
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}
