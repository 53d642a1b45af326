/** What schedules of pipelines share: a group in EventBridge Scheduler, and the role that it starts sessions with. */
import { Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

export interface PlatformSchedules {
  readonly group: CfnScheduleGroup;
  readonly role: Role;
}

/**
 * Makes the group and the role. The role may start sessions, and leave what could not be started in the dead letters;
 * only schedules of this group may take it.
 *
 * @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
 */
export function platformSchedules(
  scope: Construct,
  props: {
    readonly prefix: string;
    readonly startSession: IFunction;
    readonly deadLetterQueue: IQueue;
    readonly encryptionKey: IKey | undefined;
  },
): PlatformSchedules {
  const { prefix, startSession, deadLetterQueue, encryptionKey } = props;
  const stack = Stack.of(scope);
  const group = new CfnScheduleGroup(scope, 'Schedules', { name: prefix });
  const role = new Role(scope, 'SchedulerRole', {
    description: 'bunsui: EventBridge Scheduler starts sessions with it',
    assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
      conditions: {
        StringEquals: {
          'aws:SourceAccount': stack.account,
          'aws:SourceArn': stack.formatArn({ service: 'scheduler', resource: 'schedule-group', resourceName: prefix }),
        },
      },
    }),
  });
  role.addToPolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [startSession.functionArn] }));
  role.addToPolicy(new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [deadLetterQueue.queueArn] }));
  if (encryptionKey !== undefined) {
    role.addToPolicy(
      new PolicyStatement({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [encryptionKey.keyArn] }),
    );
  }
  return { group, role };
}
