/**
 * What starts a pipeline by itself: schedules in EventBridge Scheduler, and rules for events. Each calls the platform's
 * `start-session` and says which schedule or trigger of the pipeline it is; the input and the key under which at most
 * one session starts are made there.
 */
import { createHash } from 'node:crypto';
import { CfnRule } from 'aws-cdk-lib/aws-events';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';
import type { PipelineIr, ScheduleIr, TriggerIr } from '../ir/nodes.ts';
import type { IPlatform } from './platform-interface.ts';

/** Both services try for a day, with growing waits: the most that they take. */
const retryPolicy = { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 };
/** Longest name of a rule or a schedule. */
const maxName = 64;

/** A name that says what it is for; where it would be too long, its end is a hash of the whole. */
function nameOf(...parts: readonly string[]): string {
  // Ids hold no dot: `a-b.c` and `a.b-c` are two.
  const name = parts.join('.');
  if (name.length <= maxName) return name;
  return `${name.slice(0, maxName - 9)}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

/** The name of a schedule within its platform's group. */
export function scheduleName(pipeline: string, schedule: string): string {
  return nameOf(pipeline, schedule);
}

/** The schedule of a pipeline. */
export function pipelineSchedule(
  scope: Construct,
  platform: IPlatform,
  pipeline: PipelineIr,
  schedule: ScheduleIr,
  firing: boolean,
): CfnSchedule {
  const { id, flexibleWindowMinutes, start, end } = schedule;
  return new CfnSchedule(scope, `Schedule-${id}`, {
    name: scheduleName(pipeline.id, id),
    groupName: platform.scheduleGroupName,
    description: `bunsui: starts ${pipeline.id}`,
    scheduleExpression: schedule.expression,
    scheduleExpressionTimezone: schedule.timezone,
    flexibleTimeWindow:
      flexibleWindowMinutes === undefined
        ? { mode: 'OFF' }
        : { mode: 'FLEXIBLE', maximumWindowInMinutes: flexibleWindowMinutes },
    ...(start === undefined ? {} : { startDate: start }),
    ...(end === undefined ? {} : { endDate: end }),
    state: schedule.enabled && firing ? 'ENABLED' : 'DISABLED',
    target: {
      arn: platform.startSession.functionArn,
      roleArn: platform.schedulerRoleArn,
      input: JSON.stringify({
        pipeline: pipeline.id,
        firing: { kind: 'schedule', schedule: id, scheduledTime: '<aws.scheduler.scheduled-time>' },
      }),
      retryPolicy,
      deadLetterConfig: { arn: platform.deadLetterQueue.queueArn },
    },
  });
}

/** The rule of a trigger. The platform lets every rule whose name begins with its prefix start sessions. */
export function pipelineTrigger(
  scope: Construct,
  platform: IPlatform,
  pipeline: PipelineIr,
  trigger: TriggerIr,
  firing: boolean,
): CfnRule {
  const { id } = trigger;
  const said = JSON.stringify({ pipeline: pipeline.id, firing: { kind: 'event', trigger: id, event: 0 } });
  return new CfnRule(scope, `Trigger-${id}`, {
    name: nameOf(`${platform.prefix}-${pipeline.id}`, id),
    description: `bunsui: starts ${pipeline.id}`,
    state: firing ? 'ENABLED' : 'DISABLED',
    eventPattern: patternOf(platform, trigger),
    ...(trigger.kind === 'event' && trigger.bus !== undefined ? { eventBusName: trigger.bus } : {}),
    targets: [
      {
        id: 'StartSession',
        arn: platform.startSession.functionArn,
        // The whole event, as a value: within quotation marks it would be a text.
        inputTransformer: { inputTemplate: said.replace('"event":0', '"event":<aws.events.event.json>') },
        retryPolicy,
        deadLetterConfig: { arn: platform.deadLetterQueue.queueArn },
      },
    ],
  });
}

/** A text as it stands in a wildcard pattern of EventBridge. */
function literally(text: string): string {
  return text.replaceAll(/[\\*]/g, (special) => `\\${special}`);
}

/** The keys that a trigger for objects means; `undefined` for all of them. */
function keyPattern({ prefix, suffix }: { readonly prefix?: string; readonly suffix?: string }) {
  // Two conditions on one field are alternatives in a pattern, so both in one go as a wildcard.
  if (prefix !== undefined && suffix !== undefined) {
    return [{ wildcard: `${literally(prefix)}*${literally(suffix)}` }];
  }
  if (prefix !== undefined) return [{ prefix }];
  return suffix === undefined ? undefined : [{ suffix }];
}

/**
 * The events that a trigger means.
 *
 * S3 sends events to EventBridge only for a bucket whose notifications to it are on (`eventBridgeEnabled: true` in CDK,
 * or the bucket's properties in the console).
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html
 */
function patternOf(platform: IPlatform, trigger: TriggerIr): object {
  switch (trigger.kind) {
    case 's3': {
      const key = keyPattern(trigger);
      return {
        source: ['aws.s3'],
        'detail-type': ['Object Created'],
        detail: { bucket: { name: [trigger.bucket] }, ...(key === undefined ? {} : { object: { key } }) },
      };
    }
    case 'pipeline':
      return {
        source: ['aws.states'],
        'detail-type': ['Step Functions Execution Status Change'],
        detail: { status: ['SUCCEEDED'], stateMachineArn: [`${platform.machinesArn}${trigger.pipeline}`] },
      };
    case 'event':
      return trigger.pattern;
  }
}
