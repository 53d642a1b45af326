/**
 * The state that runs a child machine, and what it hands to it: the pipeline's input as the root has it, and under the
 * reserved key whose execution it is and the values that are read inside.
 */
import { machinePlaceholder } from '../ir/artifact.ts';
import { reservedInputKey } from '../storage-layout.ts';
import type { Identity, State } from './emit-context.ts';
import { access, quoted, text } from './jsonata.ts';

/** Where an execution finds what it was handed. */
export interface Handed {
  /** Its root's. */
  readonly identity: Identity;
  /** A value, as JSONata. */
  value(name: string): string;
  /** The pipeline's input, where that was handed by itself, as JSONata. */
  readonly input: string;
}

/** @param holder what has the reserved key, as steps of a path into the context */
export function handedAt(holder: string): Handed {
  const handed = `${holder}.${reservedInputKey}`;
  return {
    identity: {
      execution: `${handed}.root.execution`,
      startedAt: `${handed}.root.startedAt`,
      block: `${handed}.root.block`,
    },
    value: (name) => access(`$states.context.${handed}.values`, [name]),
    input: `$states.context.${handed}.input`,
  };
}

/** Of a child machine. */
export const handedToMachine = handedAt('Execution.Input');

/** Whose execution it is, as an object for those that it starts: JSONata. */
export function rootIdentity({ execution, startedAt, block }: Identity): string {
  return `$states.context.{"execution": ${execution}, "startedAt": ${startedAt}, "block": ${block}}`;
}

/** Faults of the service itself. A child that has failed is not begun anew: its jobs have their own retries. */
const serviceErrors = ['StepFunctions.ThrottlingException', 'StepFunctions.SdkClientException'];

/** @param values names and JSONata of what is read inside */
export function shardFields(
  number: number,
  identity: Identity,
  values: readonly (readonly [name: string, where: string])[],
): State {
  const given = values.map(([name, where]) => `${text(name)}: ${where}`);
  const own = `{"root": ${rootIdentity(identity)}, "values": {${given.join(', ')}}}`;
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
