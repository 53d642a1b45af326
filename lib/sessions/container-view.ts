/**
 * The job of a container from the events of its states: one has brought its input, one has run it, one has taken its
 * output. Runs of the container are the job's attempts; the other two may fail the job as well.
 */
import type { HistoryEvent } from '../asl/history.ts';
import type { Json } from '../ir/expressions.ts';
import { containerStream, containerVariables } from '../storage-layout.ts';
import { containerVariable, type JobFacts, jobFacts } from './job-view.ts';
import { field, parseJson } from './json-parts.ts';
import type { StateShape } from './machine-map.ts';

type Part = readonly [state: StateShape, events: readonly HistoryEvent[]];

export function containerFacts(of: {
  readonly own: Part;
  readonly given: Part | undefined;
  readonly taken: Part | undefined;
  /** Whether an output is to be taken. */
  readonly leaves: boolean;
}): JobFacts {
  const facts = (part: Part | undefined) =>
    part === undefined || part[1].length === 0 ? undefined : jobFacts(...part);
  const [given, own, taken] = [facts(of.given), facts(of.own), facts(of.taken)];
  const last = taken ?? own ?? given;
  const first = given ?? own ?? taken;
  const isDone = of.leaves ? taken?.status === 'completed' : own?.status === 'completed';
  const isOpen = last?.status === 'completed' && !isDone;
  const input = field(given?.input, 'Body');
  const body = field(taken?.output, 'Body');
  const left = typeof body === 'string' ? parseJson(body) : undefined;
  const output: Json | undefined = of.leaves ? left : own?.delivered === true ? {} : undefined;
  const { endedAt } = last ?? {};
  return {
    status: isOpen || last === undefined ? 'running' : last.status,
    delivered: (of.leaves ? taken : own)?.delivered ?? false,
    attempts: own?.attempts ?? [],
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    ...(last?.error === undefined ? {} : { error: last.error }),
    startedAt: first?.startedAt ?? 0,
    ...(isOpen || endedAt === undefined ? {} : { endedAt }),
    lastEventId: Math.max(...[given, own, taken].map((one) => one?.lastEventId ?? 0)),
  };
}

/** A container that has run, or runs: whom it worked for, and where its log is. */
export interface RanContainer {
  readonly job: string;
  readonly operation: string;
  readonly attempt: number;
  readonly logGroup: string;
  readonly logStream: string;
}

/** The containers of a history: ECS has told, when it took each, which task it is. */
export function ranContainers(events: readonly HistoryEvent[]): readonly RanContainer[] {
  const byId = new Map(events.map((event) => [event.id, event]));
  return events.flatMap((event): readonly RanContainer[] => {
    if (event.type !== 'TaskSubmitted' || event.taskSubmittedEventDetails.resourceType !== 'ecs') return [];
    let before = byId.get(event.previousEventId);
    while (before !== undefined && before.type === 'TaskStarted') before = byId.get(before.previousEventId);
    if (before?.type !== 'TaskScheduled') return [];
    const given = parseJson(before.taskScheduledEventDetails.parameters);
    const told = (name: keyof typeof containerVariables) => {
      const value = containerVariable(given, containerVariables[name]);
      return typeof value === 'string' ? value : '';
    };
    const tasks = field(parseJson(event.taskSubmittedEventDetails.output), 'Tasks');
    const arn = field(Array.isArray(tasks) ? (tasks[0] as Json) : undefined, 'TaskArn');
    const task = typeof arn === 'string' ? (arn.split('/').at(-1) ?? '') : '';
    if (task === '' || told('logs') === '') return [];
    return [
      {
        job: told('job'),
        operation: told('operation'),
        attempt: Number(told('attempt')),
        logGroup: told('logs'),
        logStream: containerStream(task),
      },
    ];
  });
}
