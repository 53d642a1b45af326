/** What tells a platform that something has happened: ends of executions, their live events, and the clock. */
import { Duration, Stack } from 'aws-cdk-lib';
import type { CfnRule, IRuleTarget } from 'aws-cdk-lib/aws-events';
import { Match, Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup, LogGroup } from 'aws-cdk-lib/aws-logs';
import { FilterPattern, SubscriptionFilter } from 'aws-cdk-lib/aws-logs';
import { LambdaDestination } from 'aws-cdk-lib/aws-logs-destinations';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

/** The most that EventBridge does. */
const wholeDay = { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 };
/** The next minute comes of itself. */
const oneMinute = { maximumEventAgeInSeconds: 60, maximumRetryAttempts: 0 };

/**
 * Events that EventBridge could not hand over in time go to the dead letters. Not CDK's own target: that gives
 * each rule a statement in the queue's policy, which trusts the rules of the account already.
 */
function invocation(
  target: IFunction,
  deadLetterQueue: IQueue,
  retryPolicy: CfnRule.RetryPolicyProperty = wholeDay,
): IRuleTarget {
  return {
    bind: (rule, id) => {
      target.addPermission(`${id ?? 'Rule'}Invokes`, {
        principal: new ServicePrincipal('events.amazonaws.com'),
        sourceArn: rule.ruleRef.ruleArn,
      });
      return {
        arn: target.functionArn,
        deadLetterConfig: { arn: deadLetterQueue.queueArn },
        retryPolicy,
      };
    },
  };
}

/**
 * Every end of an execution of the platform's state machines, those that are deployed later included.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
 */
export function endsOfExecutions(
  scope: Construct,
  props: { readonly machinesArn: string; readonly target: IFunction; readonly deadLetterQueue: IQueue },
): Rule {
  const rule = new Rule(scope, 'Ended', {
    description: 'bunsui: an execution of a pipeline has ended',
    eventPattern: {
      source: ['aws.states'],
      detailType: ['Step Functions Execution Status Change'],
      detail: {
        status: ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'],
        stateMachineArn: Match.prefix(props.machinesArn),
      },
    },
  });
  rule.addTarget(invocation(props.target, props.deadLetterQueue));
  return rule;
}

/**
 * Lets the rules of pipelines start sessions: `{prefix}-…` on any bus of the account. Not one permission per rule,
 * because a function's policy holds 20 KiB, which is some fifty of them.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
export function allowTriggers(startSession: IFunction, prefix: string): void {
  const stack = Stack.of(startSession);
  for (const [id, bus] of [
    ['TriggersInvoke', ''],
    ['TriggersOfBusesInvoke', '*/'],
  ] as const) {
    startSession.addPermission(id, {
      principal: new ServicePrincipal('events.amazonaws.com'),
      sourceArn: stack.formatArn({ service: 'events', resource: 'rule', resourceName: `${bus}${prefix}-*` }),
    });
  }
}

/** Everything that the platform's state machines log, as they log it. */
export function liveEvents(
  scope: Construct,
  { logGroup, target }: { readonly logGroup: ILogGroup; readonly target: IFunction },
): void {
  new SubscriptionFilter(scope, 'LiveEvents', {
    logGroup,
    destination: new LambdaDestination(target),
    filterPattern: FilterPattern.allEvents(),
  });
}

/** Once a minute, as soon as the function can leave a log of it: it would come before its log group otherwise. */
export function everyMinute(
  scope: Construct,
  props: { readonly target: IFunction; readonly logGroup: LogGroup; readonly deadLetterQueue: IQueue },
): Rule {
  const { target, logGroup, deadLetterQueue } = props;
  const rule = new Rule(scope, 'EveryMinute', {
    description: 'bunsui: what events did not tell is looked for',
    schedule: Schedule.rate(Duration.minutes(1)),
  });
  rule.addTarget(invocation(target, deadLetterQueue, oneMinute));
  rule.node.addDependency(logGroup);
  return rule;
}
