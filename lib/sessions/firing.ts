/**
 * Firings: a due time of a schedule, or an event that a trigger waits for. Each starts at most one session, however
 * often it is delivered: its key is made of what the firing is, not of what delivers it.
 */
import { BunsuiError } from '../errors.ts';
import { eventInput, scheduledInput } from '../ir/firing-input.ts';
import type { Json } from '../ir/expressions.ts';
import { readPolicy } from '../ir/policy.ts';
import { reservedInputKey } from '../storage-layout.ts';
import type { StartDeps, StoreDeps } from './deps.ts';
import type { SessionTrigger } from './items.ts';
import { type StartedSession, startPlanned } from './start-session.ts';
import { getSession } from './store.ts';

type JsonObject = { readonly [field: string]: Json };

export type Firing =
  /** `scheduledTime` is ISO 8601 with a zone; the same for every attempt to deliver the firing. */
  | { readonly kind: 'schedule'; readonly schedule: string; readonly scheduledTime: string }
  /** `event` as EventBridge delivers it. */
  | { readonly kind: 'event'; readonly trigger: string; readonly event: JsonObject };

export interface FiringRequest {
  readonly pipeline: string;
  readonly firing: Firing;
  /** Who asked, where somebody did: a backfill. */
  readonly user?: string;
}

/** A session that was started by the end of one, that was started by the end of one, … @see `SessionTrigger.chain` */
export const maxChain = 10;
const maxDetailCharacters = 300;

/**
 * Starts the session of a firing, or finds it started.
 *
 * @throws {BunsuiError} as `startSession` does; BS3007 when the pipeline has no such schedule or trigger (any more);
 *   BS3001 when the firing tells no time, or nothing that it could be known by again; BS3012 when pipelines start each
 *   other in a circle
 */
export async function fireSession(deps: StartDeps, request: FiringRequest): Promise<StartedSession> {
  const { firing, ...rest } = request;
  return firing.kind === 'schedule' ? fireSchedule(deps, { firing, ...rest }) : fireEvent(deps, { firing, ...rest });
}

/** The key under which a due time starts its session: whoever fires it, a schedule or a backfill, comes to the same. */
export function scheduleKey(pipeline: string, schedule: string, scheduledMs: number): string {
  return `schedule/${pipeline}/${schedule}/${new Date(scheduledMs).toISOString()}`;
}

async function fireSchedule(
  deps: StartDeps,
  { pipeline, firing, user }: FiringRequest & { readonly firing: { readonly kind: 'schedule' } },
): Promise<StartedSession> {
  const { schedule: id, scheduledTime } = firing;
  const scheduledMs = timeOf(scheduledTime);
  const key = scheduleKey(pipeline, id, scheduledMs);
  return startPlanned(deps, {
    pipeline,
    key,
    identity: ['firing', key],
    ...(user === undefined ? {} : { user }),
    from(version) {
      const spec = named(readPolicy(version.policy).schedules, id, 'schedule', pipeline);
      return {
        input: scheduledInput(spec.input, scheduledMs, spec.timezone),
        trigger: { kind: 'schedule', detail: `${id} ${new Date(scheduledMs).toISOString()}` },
      };
    },
  });
}

async function fireEvent(
  deps: StartDeps,
  { pipeline, firing, user }: FiringRequest & { readonly firing: { readonly kind: 'event' } },
): Promise<StartedSession> {
  const { trigger: id, event } = firing;
  // What a trigger waits for may change its kind from version to version; an event does not.
  const known = knownEvent(event);
  const chain = known.execution === undefined ? 0 : await chainAfter(deps, known.execution);
  if (chain > maxChain) {
    const message = `pipeline "${pipeline}" would be number ${chain} in a chain of pipelines that start each other`;
    throw new BunsuiError('PipelineError', 'BS3012', message, {
      context: { pipeline_id: pipeline, trigger: id },
      hint: `${maxChain} are allowed; look for a circle among the triggers`,
    });
  }
  const key = `event/${pipeline}/${id}/${known.identity}`;
  const started: SessionTrigger = {
    kind: 'event',
    detail: `${id} ${known.detail}`.slice(0, maxDetailCharacters),
    ...(chain === 0 ? {} : { chain }),
  };
  return startPlanned(deps, {
    pipeline,
    key,
    identity: ['firing', key],
    ...(user === undefined ? {} : { user }),
    from(version) {
      const spec = named(readPolicy(version.policy).triggers, id, 'trigger', pipeline);
      return {
        input: eventInput(spec.input, spec.kind === 'pipeline' ? withParsedData(event) : event),
        trigger: started,
      };
    },
  });
}

function named<T extends { readonly id: string }>(
  specs: readonly T[] | undefined,
  id: string,
  what: 'schedule' | 'trigger',
  pipeline: string,
): T {
  const found = specs?.find((spec) => spec.id === id);
  if (found !== undefined) return found;
  const names = specs?.map((spec) => spec.id).join(', ') ?? '';
  const message = `pipeline "${pipeline}" has no ${what} "${id.slice(0, 80)}"`;
  throw new BunsuiError('PipelineError', 'BS3007', message, {
    context: { pipeline_id: pipeline, [what]: id },
    hint: names === '' ? `it has no ${what}s` : `it has ${names}`,
  });
}

function timeOf(text: string): number {
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.test(text);
  const ms = isTime ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return ms;
  throw new BunsuiError('ValidationError', 'BS3001', `scheduledTime is ${JSON.stringify(text.slice(0, 60))}`, {
    hint: 'give ISO 8601 with a zone, as in "2026-12-01T06:00:00Z"',
  });
}

interface KnownEvent {
  /** The same for each delivery of the same event. */
  readonly identity: string;
  readonly detail: string;
  /** The execution whose end it is. */
  readonly execution?: string;
}

/** What an event is known by again. S3 and Step Functions may send the same one twice under two ids. */
function knownEvent(event: JsonObject): KnownEvent {
  const { id, source, detail } = event;
  const data = isObject(detail) ? detail : {};
  const type = event['detail-type'];
  if (source === 'aws.s3' && isObject(data['bucket']) && isObject(data['object'])) {
    const { name: bucket } = data['bucket'];
    const { key, sequencer, 'version-id': version = '' } = data['object'];
    if (typeof bucket === 'string' && typeof key === 'string' && typeof sequencer === 'string') {
      const identity = JSON.stringify([type ?? '', bucket, key, version, sequencer]);
      return { identity, detail: `s3://${bucket}/${key}` };
    }
  }
  const { executionArn, status } = data;
  if (source === 'aws.states' && typeof executionArn === 'string') {
    const name = executionArn.split(':').at(-1) ?? '';
    const identity = JSON.stringify([executionArn, status ?? '']);
    return { identity, detail: name, execution: executionArn };
  }
  if (typeof id === 'string' && id !== '') return { identity: id, detail: `event ${id}` };
  throw new BunsuiError('ValidationError', 'BS3001', 'the event has no id, by which it would be known again', {
    hint: 'give the event as EventBridge delivers it',
  });
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** How many sessions stand before one that the end of this execution starts. */
async function chainAfter(deps: StoreDeps, executionArn: string): Promise<number> {
  const session = /:session-([0-9a-z]{26})-\d+$/.exec(executionArn)?.[1];
  const item = session === undefined ? undefined : await getSession(deps, session);
  return (item?.trigger.chain ?? 0) + 1;
}

/** Input and output of an execution stand in its event as JSON text, input with what bunsui has added. */
function withParsedData(event: JsonObject): JsonObject {
  const { detail } = event;
  if (!isObject(detail)) return event;
  const { [reservedInputKey]: _, ...input } = asObject(parsed(detail['input']));
  return { ...event, detail: { ...detail, input, output: parsed(detail['output']) ?? null } };
}

function asObject(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}

function parsed(text: Json | undefined): Json | undefined {
  if (typeof text !== 'string') return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
