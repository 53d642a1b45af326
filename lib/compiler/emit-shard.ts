/**
 * The state that runs a child machine, and what it hands to it: the pipeline's input as the root has it, and under the
 * reserved key whose execution it is and the values that are read inside.
 */
import { machinePlaceholder } from '../ir/artifact.ts';
import { reservedInputKey } from '../storage-layout.ts';
import type { Identity, State } from './emit-context.ts';
import { access, quoted, text } from './jsonata.ts';

const handed = `Execution.Input.${reservedInputKey}`;

/** Of a child machine: its root's, which it was handed. */
export const handedIdentity: Identity = {
  execution: `${handed}.root.execution`,
  startedAt: `${handed}.root.startedAt`,
  block: `${handed}.root.block`,
};

/** Where a child machine finds a value that it was handed, as JSONata. */
export function handedValue(name: string): string {
  return access(`$states.context.${handed}.values`, [name]);
}

/** Faults of the service itself. A child that has failed is not begun anew: its jobs have their own retries. */
const serviceErrors = ['StepFunctions.ThrottlingException', 'StepFunctions.SdkClientException'];

/** @param values names and JSONata of what is read inside */
export function shardFields(
  number: number,
  { execution, startedAt, block }: Identity,
  values: readonly (readonly [name: string, where: string])[],
): State {
  const root = `$states.context.{"execution": ${execution}, "startedAt": ${startedAt}, "block": ${block}}`;
  const given = values.map(([name, where]) => `${text(name)}: ${where}`);
  const own = `{"root": ${root}, "values": {${given.join(', ')}}}`;
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::states:startExecution.sync:2',
    Arguments: {
      StateMachineArn: machinePlaceholder(number),
      Input: quoted(`$merge([$states.context.Execution.Input, {${text(reservedInputKey)}: ${own}}])`),
    },
    Retry: [
      {
        ErrorEquals: serviceErrors,
        IntervalSeconds: 2,
        MaxAttempts: 6,
        BackoffRate: 2,
        JitterStrategy: 'FULL',
      },
    ],
  };
}
