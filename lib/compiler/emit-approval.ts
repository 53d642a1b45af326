/**
 * An approval: one state, which leaves its token and the question in an item of the gates table and waits for whoever
 * answers (`lib/sessions/answer-approval.ts`). No function, no transition beside its own. When nobody answers, the state
 * fails, or its Catch goes on with the answer that the pipeline takes then.
 */
import { approvalAttributes as at, approvalsPartition, longestMessage } from '../approval-layout.ts';
import { gateAttributes, gatesTablePlaceholder } from '../gate-layout.ts';
import { answerOfNobody } from '../ir/approvals.ts';
import type { Json } from '../ir/expressions.ts';
import type { ApprovalIr } from '../ir/nodes.ts';
import { type Emitter, type Exit, type Frame, noOverrides, noteOrigin } from './emit-context.ts';
import { handedOn, leaving, skipTo } from './emit-exits.ts';
import { printScope, taskResult } from './emit-values.ts';
import { itemExpires, waitRetry } from './gates.ts';
import { literal, print, quoted, text } from './jsonata.ts';
import { timedOutState } from './names.ts';

/** Emits an approval, without its condition. */
export function emitApproval(emitter: Emitter, node: ApprovalIr, frame: Frame, exit: Exit): void {
  emitter.approvals.add(node.id);
  const { execution, startedAt, block } = frame.identity;
  const job = frame.maps.length === 0 ? text(node.id) : `$states.input.path & ${text(`/${node.id}`)}`;
  const here = printScope(emitter, noOverrides, frame.known);
  const asked = [
    `"job": ${job}`,
    `"execution": ${execution}`,
    `"startedAt": ${startedAt}`,
    '"redrive": Execution.RedriveCount',
    `"timeout": ${node.timeoutSeconds}`,
    `"block": ${block}`,
    `"message": $substring(${print(here, node.message)}, 0, ${longestMessage})`,
    `"who": ${node.who === undefined ? '[]' : print(here, node.who)}`,
  ];
  frame.states[node.id] = {
    Type: 'Task',
    Resource: 'arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken',
    Arguments: {
      TableName: gatesTablePlaceholder,
      Key: {
        [gateAttributes.partitionKey]: { S: approvalsPartition },
        // As `approvalKey` makes it.
        [gateAttributes.sortKey]: { S: quoted(`$states.context.${execution} & " " & ${job}`) },
      },
      UpdateExpression: `SET ${at.token} = :token, ${at.asked} = :asked, ${at.askedAt} = :at, ${gateAttributes.expires} = :expires REMOVE ${at.answered}, ${at.noticed}`,
      ExpressionAttributeValues: {
        ':token': { S: quoted('$states.context.Task.Token') },
        ':asked': { S: quoted(`$string($states.context.{${asked.join(', ')}})`) },
        ':at': { S: quoted('$states.context.State.EnteredTime') },
        ':expires': { N: itemExpires },
      },
    },
    TimeoutSeconds: node.timeoutSeconds,
    Retry: waitRetry,
    ...catchOf(emitter, node, frame, exit),
    ...leaving(emitter, exit, frame, new Map([[node.id, taskResult]])),
  };
  noteOrigin(emitter, node.id, 'job', node);
  if (emitter.reads.has(node.id)) emitter.home.set(node.id, `$${emitter.variable(node.id, frame.depth)}`);
}

/** Goes on when nobody has answered, where there is something to go on with. */
function catchOf(emitter: Emitter, node: ApprovalIr, frame: Frame, exit: Exit): { readonly Catch?: readonly Json[] } {
  const answer = answerOfNobody(node);
  if (answer === undefined) return {};
  const known = Object.entries(answer).map(([name, value]) => `${text(name)}: ${literal(value as Json)}`);
  const raw = `{${known.join(', ')}, "at": $now()}`;
  const { next, assign } = skipTo(emitter, exit, frame, timedOutState(node.id), node, new Map([[node.id, raw]]));
  return { Catch: [{ ErrorEquals: ['States.Timeout'], ...assign, Output: handedOn(frame), Next: next }] };
}
