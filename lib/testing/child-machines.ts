/** Child machines and called pipelines in virtual time: the tasks that start one (`states:startExecution`, `.sync:2`). */
import type { Definition } from '../asl/definition.ts';
import { validateDefinition } from '../asl/validate.ts';
import type { Json, TaskOutcome, TaskRequest } from '../engine/ports.ts';
import { startExecution } from '../engine/run.ts';
import { BunsuiError } from '../errors.ts';
import { machinePlaceholder, pipelinePlaceholder, type PipelineArtifact } from '../ir/artifact.ts';

type Ports = Parameters<typeof startExecution>[0];
type Handle = ReturnType<typeof startExecution>;

/** The checked definitions of a compiled pipeline: its own, then those of its child machines and of what it calls by what stands for them. */
export function checkedMachines(
  { definition, shards = [] }: Pick<PipelineArtifact, 'definition' | 'shards'>,
  called: readonly PipelineArtifact[] = [],
): {
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
    children: new Map([
      ...shards.map((shard, index) => [machinePlaceholder(index + 1), checked(shard)] as const),
      ...called.map((one) => [pipelinePlaceholder(one.pipeline.id), checked(one.definition)] as const),
    ]),
  };
}

/**
 * Runs a child machine, or a called pipeline, when the task asks for one.
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
  if (!/^arn:aws:states:::states:startExecution(\.sync:2)?$/.test(task.resource)) return undefined;
  const {
    StateMachineArn: arn,
    Input: input,
    Name: chosen,
  } = task.arguments as { readonly StateMachineArn: string; readonly Input: Json; readonly Name?: string };
  const definition = children.get(arn);
  if (definition === undefined) throw new Error(`there is no machine "${arn}"`);
  const [, called] = /^\$\{pipeline:(.*)\}$/.exec(arn) ?? [];
  const name = chosen ?? `${task.stateName}-${task.retryCount}`;
  const executionArn =
    called === undefined
      ? `${task.executionArn}:${name.replaceAll(' ', '-')}`
      : [...task.executionArn.split(':').slice(0, 6), called, name].join(':');
  const child = startExecution(ports, {
    executionArn,
    name,
    stateMachineArn: arn,
    stateMachineName: called ?? arn,
    definition,
    input: JSON.stringify(input),
  });
  onStarted(child, executionArn);
  if (!task.resource.endsWith('.sync:2'))
    return Promise.resolve({ ok: true, output: { ExecutionArn: executionArn, StartDate: '' } });
  const stop = () => void child.stop();
  signal.addEventListener('abort', stop, { once: true });
  return child.done.then(({ status, output = 'null', error, cause }) => {
    signal.removeEventListener('abort', stop);
    if (status === 'SUCCEEDED') return { ok: true, output: { Output: JSON.parse(output) as Json, Status: status } };
    return {
      ok: false,
      error: 'States.TaskFailed',
      cause: JSON.stringify({ Error: error, Cause: cause, Name: name, Status: status }),
    };
  });
}
