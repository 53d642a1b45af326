/** Child machines in virtual time: the task that starts one and waits for its end (`states:startExecution.sync:2`). */
import type { Definition } from '../asl/definition.ts';
import { validateDefinition } from '../asl/validate.ts';
import type { Json, TaskOutcome, TaskRequest } from '../engine/ports.ts';
import { startExecution } from '../engine/run.ts';
import { BunsuiError } from '../errors.ts';
import { machinePlaceholder, type PipelineArtifact } from '../ir/artifact.ts';

type Ports = Parameters<typeof startExecution>[0];
type Handle = ReturnType<typeof startExecution>;

/** The checked definitions of a compiled pipeline: its own, then those of its child machines by what stands for them. */
export function checkedMachines({ definition, shards = [] }: Pick<PipelineArtifact, 'definition' | 'shards'>): {
  readonly root: Definition;
  readonly children: ReadonlyMap<string, Definition>;
} {
  const checked = (one: PipelineArtifact['definition']): Definition => {
    const validated = validateDefinition(one);
    if (validated.ok) return validated.definition;
    const reasons = JSON.stringify(validated.diagnostics);
    throw new BunsuiError('PipelineError', 'BS1113', `the compiled machine is refused: ${reasons}`);
  };
  return {
    root: checked(definition),
    children: new Map(shards.map((shard, index) => [machinePlaceholder(index + 1), checked(shard)])),
  };
}

/**
 * Runs a child machine when the task asks for one.
 *
 * @param onStarted hears of each child that begins
 * @returns undefined when the task does not
 */
export function runChild(
  ports: Ports,
  children: ReadonlyMap<string, Definition>,
  task: TaskRequest,
  signal: AbortSignal,
  onStarted: (child: Handle, executionArn: string) => void = () => {},
): Promise<TaskOutcome> | undefined {
  if (task.resource !== 'arn:aws:states:::states:startExecution.sync:2') return undefined;
  const { StateMachineArn: arn, Input: input } = task.arguments as {
    readonly StateMachineArn: string;
    readonly Input: Json;
  };
  const definition = children.get(arn);
  if (definition === undefined) throw new Error(`there is no machine "${arn}"`);
  const name = `${task.stateName}-${task.retryCount}`;
  const executionArn = `${task.executionArn}:${name.replaceAll(' ', '-')}`;
  const child = startExecution(ports, {
    executionArn,
    name,
    stateMachineArn: arn,
    stateMachineName: arn,
    definition,
    input: JSON.stringify(input),
  });
  onStarted(child, executionArn);
  const stop = () => void child.stop();
  signal.addEventListener('abort', stop, { once: true });
  return child.done.then(({ status, output = 'null', error, cause }) => {
    signal.removeEventListener('abort', stop);
    if (status === 'SUCCEEDED') return { ok: true, output: { Output: JSON.parse(output) as Json, Status: status } };
    return {
      ok: false,
      error: 'States.TaskFailed',
      cause: JSON.stringify({ Error: error, Cause: cause, Status: status }),
    };
  });
}
