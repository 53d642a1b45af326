/** The schedules of a platform, as EventBridge Scheduler has them, here and on AWS. */
import {
  GetScheduleCommand,
  type GetScheduleCommandOutput,
  ListSchedulesCommand,
  SchedulerClient,
  UpdateScheduleCommand,
} from '@aws-sdk/client-scheduler';
import { BunsuiError } from '../errors.ts';
import type { Timing } from '../schedules/schedule.ts';
import type { Platform } from './platform.ts';
import { nearest } from '../ir/spelling.ts';

/** A schedule of a pipeline. */
export interface ScheduleThere {
  /** `pipeline.schedule`, as commands take it. */
  readonly id: string;
  readonly pipeline: string;
  readonly schedule: string;
  readonly enabled: boolean;
  readonly timing: Timing;
  /** As Scheduler has it. */
  readonly found: GetScheduleCommandOutput;
}

/** The group that a platform's schedules belong to. */
function groupOf(platform: Platform): string {
  return platform.kind === 'aws' ? platform.parameter('schedule-group') : 'bunsui';
}

export function schedulerOf(platform: Platform): SchedulerClient {
  return new SchedulerClient(platform.clientConfig);
}

/** What a target's input says of whose it is; `undefined` for a schedule that is none of a pipeline's. */
function ownerOf(input: string | undefined): { readonly pipeline: string; readonly schedule: string } | undefined {
  try {
    const { pipeline, firing } = JSON.parse(input ?? '{}') as {
      readonly pipeline?: unknown;
      readonly firing?: { readonly schedule?: unknown };
    };
    const schedule = firing?.schedule;
    return typeof pipeline === 'string' && typeof schedule === 'string' ? { pipeline, schedule } : undefined;
  } catch {
    return undefined;
  }
}

function scheduleThere(found: GetScheduleCommandOutput): readonly ScheduleThere[] {
  const owner = ownerOf(found.Target?.Input);
  if (owner === undefined) return [];
  const {
    ScheduleExpression: expression = '',
    ScheduleExpressionTimezone: timezone = 'UTC',
    StartDate,
    EndDate,
  } = found;
  return [
    {
      id: `${owner.pipeline}.${owner.schedule}`,
      ...owner,
      enabled: found.State !== 'DISABLED',
      timing: {
        expression,
        timezone,
        ...(StartDate === undefined ? {} : { start: StartDate.toISOString() }),
        ...(EndDate === undefined ? {} : { end: EndDate.toISOString() }),
        createdAtMs: found.CreationDate?.getTime() ?? 0,
      },
      found,
    },
  ];
}

/** Every schedule of the platform's pipelines, by name. */
export async function schedulesThere(platform: Platform): Promise<readonly ScheduleThere[]> {
  const scheduler = schedulerOf(platform);
  const names: string[] = [];
  let from: string | undefined;
  const group = groupOf(platform);
  do {
    const page = await scheduler.send(
      new ListSchedulesCommand({ GroupName: group, ...(from === undefined ? {} : { NextToken: from }) }),
    );
    names.push(...(page.Schedules ?? []).map(({ Name = '' }) => Name));
    from = page.NextToken;
  } while (from !== undefined);
  const found: ScheduleThere[] = [];
  for (const name of names) {
    found.push(...scheduleThere(await scheduler.send(new GetScheduleCommand({ GroupName: group, Name: name }))));
  }
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/**
 * The schedule that is meant: `pipeline.schedule`, or the pipeline where it has one only.
 *
 * @throws {BunsuiError} BS3007 when there is none of that name, or several
 */
export function scheduleNamed(all: readonly ScheduleThere[], name: string): ScheduleThere {
  const exact = all.find(({ id }) => id === name);
  if (exact !== undefined) return exact;
  const ofPipeline = all.filter(({ pipeline }) => pipeline === name);
  const [only] = ofPipeline;
  if (only !== undefined && ofPipeline.length === 1) return only;
  const shown = JSON.stringify(name.slice(0, 100));
  if (only !== undefined) {
    throw new BunsuiError('PipelineError', 'BS3007', `pipeline ${shown} has ${ofPipeline.length} schedules`, {
      hint: `name one of ${ofPipeline.map(({ id }) => id).join(', ')}`,
    });
  }
  const ids = all.map(({ id }) => id);
  const close = nearest(name, ids);
  const known =
    ids.length === 0 ? 'no pipeline that is deployed has a schedule' : `there are ${ids.slice(0, 10).join(', ')}`;
  throw new BunsuiError('PipelineError', 'BS3007', `there is no schedule ${shown}`, {
    hint: close === undefined ? known : `did you mean "${close}"?`,
  });
}

/** Enables or disables a schedule. Scheduler takes a schedule only as a whole. */
export async function setEnabled(platform: Platform, { found }: ScheduleThere, enabled: boolean): Promise<void> {
  const { Arn: _, CreationDate: __, LastModificationDate: ___, $metadata: ____, ...rest } = found;
  const { Name, Target, ScheduleExpression, FlexibleTimeWindow } = rest;
  await schedulerOf(platform).send(
    new UpdateScheduleCommand({
      ...rest,
      Name,
      Target,
      ScheduleExpression,
      FlexibleTimeWindow,
      State: enabled ? 'ENABLED' : 'DISABLED',
    }),
  );
}
