/**
 * Who may do what with items of the gates table. Tokens of approvals stand in the same table as gates, under a partition
 * key of their own: whoever has to do with gates does not come near them, and only who answers reads them.
 */
import { approvalAttributes, approvalsPartition, linksPartition } from '../approval-layout.ts';
import { gateAttributes } from '../gate-layout.ts';

const calls = (actions: readonly string[]): string[] => actions.map((action) => `dynamodb:${action}`);

/** Gates are keyed by the ARNs of executions. */
export function gateItems(...actions: readonly string[]) {
  return {
    actions: calls(actions),
    conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['arn:*'] } },
  };
}

/** Items of approvals, with whatever stands in them. */
export function approvalItems(...actions: readonly string[]) {
  return {
    actions: calls(actions),
    conditions: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [approvalsPartition] } },
  };
}

/** The item that holds the key of links. */
export function linkKeyItems(...actions: readonly string[]) {
  return {
    actions: calls(actions),
    conditions: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [linksPartition] } },
  };
}

/**
 * Items of approvals without their tokens: calls have to name the attributes that they mean.
 *
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
 */
export function approvalItemsWithoutTokens(...actions: readonly string[]) {
  const { partitionKey, sortKey } = gateAttributes;
  const { token: _, ...others } = approvalAttributes;
  return {
    actions: calls(actions),
    conditions: {
      'ForAllValues:StringEquals': {
        'dynamodb:LeadingKeys': [approvalsPartition],
        'dynamodb:Attributes': [partitionKey, sortKey, ...Object.values(others)],
      },
      StringEqualsIfExists: {
        'dynamodb:Select': 'SPECIFIC_ATTRIBUTES',
        'dynamodb:ReturnValues': ['NONE', 'UPDATED_OLD', 'UPDATED_NEW'],
      },
    },
  };
}
