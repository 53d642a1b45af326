/** Our engine as it is measured: with its history in memory, or with the journal that executions have. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { validateDefinition } from '../../lib/asl/validate.ts';
import { systemClock } from '../../lib/engine/clock.ts';
import type { EnginePorts, TaskRunner } from '../../lib/engine/ports.ts';
import { type ExecutionHandle, startExecution } from '../../lib/engine/run.ts';
import { createJournal } from '../../lib/local/journal.ts';
import { type Machine, taskAnswer } from './machines.ts';

export const names = {
  executionArn: 'arn:aws:states:us-east-1:000000000000:execution:bench:run',
  name: 'run',
  stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:bench',
  stateMachineName: 'bench',
};

/** Tasks answer at once: functions by their ARN, or through Step Functions' own integration. */
const tasks: TaskRunner = {
  run: async ({ resource }) => ({
    ok: true,
    output: resource.startsWith('arn:aws:lambda:') ? taskAnswer : { Payload: taskAnswer, StatusCode: 200 },
  }),
};

/** A machine, ready to run: what is checked and parsed once when it is deployed is not measured. */
export function engineRun({
  definition,
  input,
}: Machine): (journal?: EnginePorts['journal']) => Promise<ExecutionHandle> {
  // As text and back, because that is how every engine gets a definition.
  const checked = validateDefinition(JSON.parse(JSON.stringify(definition)));
  if (!checked.ok) throw new Error(JSON.stringify(checked.diagnostics.slice(0, 3)));
  const start = { ...names, definition: checked.definition, input: JSON.stringify(input) };
  return async (journal = { append: async () => {} }) => {
    const ports = { clock: systemClock(), random: Math.random, uuid: randomUUID, tasks, journal };
    const handle = startExecution(ports, start);
    const { status, error, cause } = await handle.done;
    if (status !== 'SUCCEEDED') throw new Error(`the run ended as ${status}: ${error} ${cause}`);
    return handle;
  };
}

let files = 0;

/** The same with a journal in `folder`, from the file's creation to its end. */
export function durableRun(machine: Machine, folder: string): () => Promise<ExecutionHandle> {
  const run = engineRun(machine);
  return async () => {
    const path = join(folder, `${files++}.jsonl`);
    const header = {
      ...names,
      roleArn: '',
      definition: '',
      input: JSON.stringify(machine.input),
      startedAtMs: Date.now(),
    };
    const journal = await createJournal(path, { journalVersion: 1, ...header });
    try {
      return await run(journal);
    } finally {
      await journal.close();
    }
  };
}
