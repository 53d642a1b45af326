/**
 * Whose an execution is. One that bunsui has started names its session in its input; any other is adopted: its session
 * is derived from the execution, so that whoever looks at it comes to the same.
 */
import {
  type Caller,
  type ExecutionBlock,
  executionName,
  readCaller,
  readExecutionBlock,
  reservedInputKey,
  sessionNamed,
  sessionOfExecution,
} from '../storage-layout.ts';
import type { StartDeps } from './deps.ts';
import { fitText } from './fit-text.ts';
import type { ExecutionFacts } from './history.ts';
import type { PipelineItem, SessionItem } from './items.ts';

/** The session an execution belongs to: as its input says, or derived from the execution itself. */
export function blockOf(execution: Pick<ExecutionFacts, 'executionArn' | 'startedAt' | 'input'>): ExecutionBlock {
  const derived = sessionOfExecution(execution.executionArn, execution.startedAt);
  let input: unknown;
  try {
    input = JSON.parse(execution.input);
  } catch {
    return derived;
  }
  const given = (input as { readonly [key: string]: unknown } | null)?.[reservedInputKey];
  const block = readExecutionBlock(given);
  // Whoever may start executions may write any block: only an execution of that session's own name speaks for it.
  const name = execution.executionArn.split(':').at(-1);
  const own = block !== undefined && name === executionName(block.session, block.generation);
  return own ? block : derived;
}

/** Who has called the session of an execution, if it was called. */
export function callerOf({ input, executionArn }: Pick<ExecutionFacts, 'input' | 'executionArn'>): Caller | undefined {
  if (sessionNamed(executionArn) === undefined) return undefined;
  try {
    return readCaller((JSON.parse(input) as { readonly [key: string]: unknown } | null)?.[reservedInputKey]);
  } catch {
    return undefined;
  }
}

/** What a called pipeline was given, without what names its session. */
function withoutBlock(input: string): string {
  const { [reservedInputKey]: _, ...given } = JSON.parse(input) as { readonly [key: string]: unknown };
  return JSON.stringify(given);
}

/** The item of an execution's session that nobody has recorded. */
export function adoptedItem(
  deps: Pick<StartDeps, 'environment' | 'region'>,
  execution: ExecutionFacts,
  pipeline: PipelineItem,
): SessionItem {
  const block = blockOf(execution);
  const caller = callerOf(execution);
  return {
    session_id: block.session,
    created_at: block.createdAt,
    pipeline_id: pipeline.pipeline_id,
    pipeline_name: pipeline.pipeline_id,
    pipeline_version: pipeline.version,
    status: 'running',
    started_at: execution.startedAt,
    total_jobs: pipeline.total_jobs,
    completed_jobs: 0,
    failed_jobs: 0,
    execution_arn: execution.executionArn,
    execution_name: execution.executionArn.split(':').at(-1) ?? '',
    generation: block.generation,
    ...(execution.redriveCount === 0 ? {} : { redrive_count: execution.redriveCount }),
    input: fitText(
      caller === undefined ? execution.input : withoutBlock(execution.input),
      `the input of execution ${execution.executionArn}`,
    ),
    ...(caller === undefined
      ? { trigger: { kind: 'manual', detail: 'started without bunsui' } }
      : {
          trigger: { kind: 'call', detail: `${caller.job} of session ${caller.session}` },
          called_by: { session_id: caller.session, created_at: caller.createdAt, job_id: caller.job },
        }),
    ...(deps.environment === undefined ? {} : { environment: deps.environment }),
    region: deps.region,
    updated_at: execution.startedAt,
  };
}
