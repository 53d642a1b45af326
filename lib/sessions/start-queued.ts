/** Starting the execution of a session that is queued, whoever queued it and however often it is asked for. */
import { ExecutionAlreadyExists, StartExecutionCommand, StateMachineDoesNotExist } from '@aws-sdk/client-sfn';
import { BunsuiError } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import { type ExecutionBlock, executionName, reservedInputKey } from '../storage-layout.ts';
import { stopIfCancelled } from './cancel.ts';
import type { StartDeps, StoreDeps } from './deps.ts';
import { fitText } from './fit-text.ts';
import type { SessionItem } from './items.ts';
import { advanceSession } from './store.ts';

/**
 * Starts the execution of a session that is queued, or finds it started: all that it needs is in the session's item.
 *
 * @param stateMachineArn what has the definition of the session's version: see `machineToStart`
 * @returns the execution's ARN
 * @throws {BunsuiError} BS3003 when the machine, or its version, is gone
 */
export async function startQueued(
  deps: StoreDeps & Pick<StartDeps, 'sfn' | 'now'>,
  item: SessionItem,
  stateMachineArn: string,
): Promise<string> {
  const { session_id: session, created_at: createdAt, generation } = item;
  const input = JSON.parse(item.input) as { readonly [key: string]: Json };
  const block: ExecutionBlock = { session, createdAt, generation };
  const name = executionName(session, generation);
  const executionArn = executionArnOf(stateMachineArn, name);
  await startExecution(deps, stateMachineArn, name, JSON.stringify({ ...input, [reservedInputKey]: block }));
  const updatedAt = new Date(deps.now()).toISOString();
  const moved = await advanceSession(deps, item, 'running', {
    execution_arn: executionArn,
    input: fitText(item.input, `the input of execution ${name}`),
    started_at: updatedAt,
    updated_at: updatedAt,
  });
  // A faster one has noted it already, or the execution has even ended since, or nobody wants it any more.
  if (moved === 'stale') await stopIfCancelled(deps, item);
  return executionArn;
}

/** Executions of a version of a machine are named like all others of it. */
export function executionArnOf(stateMachineArn: string, name: string): string {
  return `${stateMachineArn.replace(/:stateMachine:([^:]+).*$/, ':execution:$1')}:${name}`;
}

/** Starts the execution of that name unless it is there. */
async function startExecution(
  { sfn }: Pick<StartDeps, 'sfn'>,
  stateMachineArn: string,
  name: string,
  input: string,
): Promise<void> {
  try {
    await sfn.send(new StartExecutionCommand({ stateMachineArn, name, input }));
  } catch (thrown) {
    if (thrown instanceof ExecutionAlreadyExists) return;
    if (thrown instanceof StateMachineDoesNotExist) {
      throw new BunsuiError('PipelineError', 'BS3003', `${stateMachineArn} is not there any more`, {
        cause: thrown,
        hint: 'start the pipeline in the version that is deployed now',
      });
    }
    throw thrown;
  }
}
