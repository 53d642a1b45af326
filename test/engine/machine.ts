/** A machine in virtual time for the engine's tests: definition, input and task answers in, everything recorded out. */
import type { Definition } from '../../lib/asl/definition.ts';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { validateDefinition } from '../../lib/asl/validate.ts';
import { type VirtualClock, virtualClock } from '../../lib/engine/clock.ts';
import type { ExecutionIdentity, Outcome } from '../../lib/engine/execution.ts';
import type {
  EnginePorts,
  JournalRecord,
  MapObjects,
  TaskOutcome,
  TaskProgress,
  TaskRequest,
} from '../../lib/engine/ports.ts';
import { type ExecutionHandle, resumeExecution, startExecution } from '../../lib/engine/run.ts';

export const startMs = Date.parse('2026-03-01T12:00:00Z');

/** Answers one try of a task; a promise that never resolves is a task that hangs. */
export type Answer = (
  task: TaskRequest,
  clock: VirtualClock,
  signal: AbortSignal,
  progress: TaskProgress,
) => TaskOutcome | Promise<TaskOutcome>;

export const ok = (output: Extract<TaskOutcome, { ok: true }>['output']): TaskOutcome => ({ ok: true, output });
export const failed = (error: string, cause = ''): TaskOutcome => ({ ok: false, error, cause });

export interface Run {
  readonly outcome: Outcome;
  readonly events: readonly HistoryEvent[];
  readonly records: readonly JournalRecord[];
  readonly tasks: readonly TaskRequest[];
  readonly clock: VirtualClock;
}

export function definitionOf(machine: object): Definition {
  const checked = validateDefinition({ QueryLanguage: 'JSONata', ...machine });
  if (!checked.ok) throw new Error(JSON.stringify(checked.diagnostics, undefined, 2));
  return checked.definition;
}

export function identityOf(definition: Definition): ExecutionIdentity {
  return {
    executionArn: 'arn:aws:states:us-east-1:000000000000:execution:machine:run',
    name: 'run',
    stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:machine',
    stateMachineName: 'machine',
    roleArn: 'arn:aws:iam::000000000000:role/machine',
    definition,
  };
}

/** Ports in virtual time that write down what goes through them. */
export function portsOf(
  answer: Answer,
  atMs: number,
  objects?: MapObjects,
): {
  readonly ports: EnginePorts;
  readonly records: JournalRecord[];
  readonly tasks: TaskRequest[];
  readonly clock: VirtualClock;
} {
  const clock = virtualClock(atMs);
  const records: JournalRecord[] = [];
  const tasks: TaskRequest[] = [];
  let drawn = 0;
  const ports: EnginePorts = {
    clock,
    random: () => ((drawn++ * 7) % 10) / 10,
    uuid: () => `00000000-0000-4000-8000-${String(drawn++).padStart(12, '0')}`,
    tasks: {
      run: async (task, signal, progress) => {
        tasks.push(task);
        return answer(task, clock, signal, progress);
      },
      hasActivity: (arn) => !arn.endsWith(':missing'),
    },
    ...(objects === undefined ? {} : { objects }),
    journal: {
      append: async (appended) => {
        records.push(...appended);
      },
    },
  };
  return { ports, records, tasks, clock };
}

/** Runs a machine to its end, or until nothing can happen any more. */
export async function run(
  machine: object,
  input: unknown = {},
  answer: Answer = () => ok(null),
  objects?: MapObjects,
  inputText = JSON.stringify(input),
): Promise<Run> {
  const definition = definitionOf(machine);
  const made = portsOf(answer, startMs, objects);
  const handle = startExecution(made.ports, { ...identityOf(definition), input: inputText });
  return ended(handle, made);
}

/** Resumes a machine from records, the clock standing at the last event's time. */
export async function resume(
  machine: object,
  records: readonly JournalRecord[],
  answer: Answer,
  objects?: MapObjects,
): Promise<Run> {
  const lastMs = Math.max(startMs, ...records.map((record) => (record.kind === 'event' ? record.event.timestamp : 0)));
  const made = portsOf(answer, lastMs, objects);
  const handle = resumeExecution(made.ports, identityOf(definitionOf(machine)), records);
  return ended(handle, made);
}

/** What a run has come to when it has ended, or nothing can happen any more. */
export async function ended(handle: ExecutionHandle, made: ReturnType<typeof portsOf>): Promise<Run> {
  const outcome = await Promise.race([handle.done, made.clock.idle().then(() => handle.outcome)]);
  await handle.suspend();
  return { outcome, events: handle.events, records: made.records, tasks: made.tasks, clock: made.clock };
}

/** Objects in memory; the bucket's name does not count, but one that is called `missing` takes nothing. */
export function memoryObjects(
  files: { readonly [key: string]: string } = {},
): MapObjects & { readonly texts: ReadonlyMap<string, string> } {
  const texts = new Map(Object.entries(files));
  return {
    texts,
    read: async (_bucket, key) => texts.get(key),
    list: async (_bucket, prefix) =>
      [...texts.keys()].filter((key) => key.startsWith(prefix)).map((key) => ({ Key: key })),
    write: async (bucket, key, text) => {
      if (bucket === 'missing') throw new Error('The bucket missing does not exist.');
      texts.set(key, text);
      return Buffer.byteLength(text);
    },
  };
}

/** A history as short lines: `2<-0 PassStateEntered A`. */
export function lines(events: readonly HistoryEvent[]): readonly string[] {
  return events.map((event) => {
    const details = Object.entries(event).find(([key]) => key.endsWith('Details'))?.[1] as
      | { name?: string; index?: number }
      | undefined;
    const index = details?.index === undefined ? '' : `[${details.index}]`;
    return `${event.id}<-${event.previousEventId} ${event.type}${details?.name === undefined ? '' : ` ${details.name}`}${index}`;
  });
}

export function task(next: string | undefined, more: object = {}): object {
  const resource = 'arn:aws:states:::lambda:invoke';
  return { Type: 'Task', Resource: resource, ...(next === undefined ? { End: true } : { Next: next }), ...more };
}
