/**
 * One history out of those of an execution and its child machines, as if the children's states stood in Parallels of
 * the root: the fold and whoever shows a session then see one pipeline. The live feed (`record-events.ts`) takes in the
 * root's events alone: jobs of child machines are recorded when the session ends.
 *
 * An event of a child lies between two of its root: after the one that says that the child was submitted (57), before
 * the next one (58). So its id is a fraction after that one's, 57.00012 for the child's event 12: ids stay in the order
 * of what came before what. A redriven child goes on under a later submission of its root.
 */
import type { HistoryEvent } from '../asl/history.ts';
import { begunBy } from './call-view.ts';
import { parseJson } from './json-parts.ts';

export interface Splicer {
  /** Notes children that events of the root tell of. @returns ARNs of those that begin, or go on, and that end by them */
  note(events: readonly HistoryEvent[]): { readonly submitted: readonly string[]; readonly ended: readonly string[] };
  /** ARNs of the children noted so far. */
  readonly children: readonly string[];
  /** Events of a noted child, in order, as events of the whole. */
  child(executionArn: string, events: readonly HistoryEvent[]): readonly HistoryEvent[];
  /** Events of the root. Of a child whose end is among them, all events must have been given before. */
  root(events: readonly HistoryEvent[]): readonly HistoryEvent[];
}

interface Child {
  /** Ids of the root's events that submitted it: the first, and one for each redrive. */
  readonly submitted: number[];
  /** The child's own events that matter to others: where its ends and beginnings continue. */
  readonly links: Map<number, { readonly previous: number; readonly isExecution: boolean; readonly id: number }>;
  redrives: number;
  /** Ids in the whole of what its failures came after, by the number of redrives before. */
  readonly failedAfter: number[];
}

const childTask = 'startExecution.sync:2';

function detailsOf(event: HistoryEvent): { readonly [field: string]: unknown } {
  const found = Object.entries(event).find(([name]) => name.endsWith('EventDetails'))?.[1] as unknown;
  return typeof found === 'object' && found !== null ? (found as { readonly [field: string]: unknown }) : {};
}

function submittedChild(event: HistoryEvent): string | undefined {
  if (event.type !== 'TaskSubmitted') return undefined;
  const { resource, output } = detailsOf(event);
  if (resource !== childTask || typeof output !== 'string') return undefined;
  try {
    const { ExecutionArn: arn } = JSON.parse(output) as { readonly ExecutionArn?: unknown };
    return typeof arn === 'string' ? arn : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an event schedules the call of another pipeline: that is a session of its own, and no part of this one. */
function isCall(event: HistoryEvent): boolean {
  if (event.type !== 'TaskScheduled') return false;
  const { resource, parameters } = event.taskScheduledEventDetails;
  return resource === childTask && begunBy(parseJson(parameters)) !== undefined;
}

const isOfTask = ({ type }: HistoryEvent) => type.startsWith('Task') && !type.startsWith('TaskState');
const isChildEnd = (event: HistoryEvent) =>
  /^Task(Succeeded|Failed|TimedOut)$/.test(event.type) && detailsOf(event)['resource'] === childTask;

/** `57` and `12` → `57.00012`. Histories have at most 25,000 events, so this is exact. */
function fraction(submitted: number, id: number): number {
  return Number(`${submitted}.${String(id).padStart(5, '0')}`);
}

export function historySplicer(): Splicer {
  const children = new Map<string, Child>();
  const bySubmission = new Map<number, string>();
  /** Events of tasks that call other pipelines. */
  const ofCalls = new Set<number>();
  const childOf = (event: HistoryEvent): string | undefined => bySubmission.get(event.previousEventId);
  return {
    get children() {
      return [...children.keys()];
    },
    note(events) {
      const submitted: string[] = [];
      const ended: string[] = [];
      for (const event of events) {
        if (isCall(event) || (isOfTask(event) && ofCalls.has(event.previousEventId))) {
          ofCalls.add(event.id);
          continue;
        }
        const arn = submittedChild(event);
        if (arn !== undefined && !bySubmission.has(event.id)) {
          bySubmission.set(event.id, arn);
          submitted.push(arn);
          const known = children.get(arn);
          if (known === undefined)
            children.set(arn, { submitted: [event.id], links: new Map(), redrives: 0, failedAfter: [] });
          else known.submitted.push(event.id);
        }
        const over = isChildEnd(event) ? childOf(event) : undefined;
        if (over !== undefined) ended.push(over);
      }
      return { submitted, ended };
    },
    child(executionArn, events) {
      const child = children.get(executionArn);
      if (child === undefined) return [];
      const base = () => child.submitted[child.redrives] ?? child.submitted.at(-1) ?? 0;
      /** What an event comes after, in the whole: events of the child's execution itself are none of it. */
      const after = (id: number): number => {
        let at = id;
        for (let link = child.links.get(at); link?.isExecution; link = child.links.get(at)) at = link.previous;
        return child.links.get(at)?.id ?? base();
      };
      return events.flatMap((event) => {
        const { id, previousEventId } = event;
        const isExecution = event.type.startsWith('Execution');
        if (event.type === 'ExecutionRedriven') child.redrives += 1;
        if (event.type === 'ExecutionFailed') child.failedAfter[child.redrives] = after(previousEventId);
        const placed = fraction(base(), id);
        child.links.set(id, { previous: previousEventId, isExecution, id: placed });
        return isExecution ? [] : [{ ...event, id: placed, previousEventId: after(previousEventId) }];
      });
    },
    root(events) {
      return events.map((event): HistoryEvent => {
        if (!isChildEnd(event) || event.type === 'TaskSucceeded' || ofCalls.has(event.id)) return event;
        const { id, timestamp, previousEventId } = event;
        const child = children.get(childOf(event) ?? '');
        const failedAfter = child?.failedAfter[child.submitted.indexOf(previousEventId)] ?? child?.failedAfter.at(-1);
        return { type: 'ParallelStateFailed', id, timestamp, previousEventId: failedAfter ?? previousEventId };
      });
    },
  };
}

/** A history with those of its child machines. @param read the history of a child so far */
export async function wholeHistory(
  own: readonly HistoryEvent[],
  read: (executionArn: string) => Promise<readonly HistoryEvent[]>,
): Promise<readonly HistoryEvent[]> {
  const splicer = historySplicer();
  splicer.note(own);
  if (splicer.children.length === 0) return own;
  const inside: HistoryEvent[] = [];
  for (const child of splicer.children) inside.push(...splicer.child(child, await read(child)));
  return [...inside, ...splicer.root(own)].sort((a, b) => a.id - b.id);
}
