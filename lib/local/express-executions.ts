/**
 * Executions of EXPRESS machines. They are in memory, as on AWS: nobody can list them, describe them or go on with them,
 * and one that a crash cuts off is gone.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html
 */
import { randomUUID } from 'node:crypto';
import type { Outcome } from '../engine/execution.ts';
import type { Clock, MapObjects, TaskRunner } from '../engine/ports.ts';
import { type ExecutionHandle, startExecution } from '../engine/run.ts';
import type { ExecutionLogs } from './execution-logs.ts';
import type { Machine, MachineStore } from './machines.ts';

/** An EXPRESS execution lasts no longer. */
const maxSeconds = 300;

export interface ExpressExecution {
  readonly executionArn: string;
  readonly name: string;
  readonly startedAtMs: number;
  readonly done: Promise<Outcome>;
}

export interface ExpressExecutions {
  /** @param kind whether somebody waits for the answer. @throws {BunsuiError} BS3001 when the input is none. */
  start(machine: Machine, name: string, input: string, kind: 'sync' | 'async'): Promise<ExpressExecution>;
  /** Ends all that runs, and starts no more. */
  close(): Promise<void>;
}

export function expressExecutions(parts: {
  readonly machines: MachineStore;
  readonly clock: Clock;
  readonly tasks: TaskRunner;
  readonly objects: MapObjects;
  readonly logs: ExecutionLogs;
}): ExpressExecutions {
  const { machines, clock, tasks, objects, logs } = parts;
  const running = new Set<ExecutionHandle>();
  let closing = false;
  return {
    async start(machine, name, input, kind) {
      if (closing) throw new Error('the runtime is closing');
      const whole = await machines.definition(machine.definition);
      const TimeoutSeconds = Math.min(whole.TimeoutSeconds ?? maxSeconds, maxSeconds);
      const executionArn = `${machine.arn.replace(':stateMachine:', ':express:')}:${name}:${randomUUID()}`;
      const startedAtMs = clock.now();
      const handle = startExecution(
        { clock, random: Math.random, uuid: randomUUID, tasks, objects, journal: { append: () => Promise.resolve() } },
        {
          executionArn,
          name,
          stateMachineArn: machine.arn,
          stateMachineName: machine.name,
          roleArn: machine.roleArn,
          definition: { ...whole, TimeoutSeconds },
          express: kind,
          input,
          startedAtMs,
        },
      );
      running.add(handle);
      const log = logs.express(machine, executionArn);
      handle.onEvents(log.write);
      handle.done.then(log.end, log.end);
      const forget = () => running.delete(handle);
      handle.done.then(forget, forget);
      return { executionArn, name, startedAtMs, done: handle.done };
    },
    async close() {
      closing = true;
      await Promise.all([...running].map((handle) => handle.suspend()));
    },
  };
}
