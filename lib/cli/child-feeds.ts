/**
 * Follows an execution together with its child machines: their events, as they come, are events of one history.
 *
 * A page of the root that tells of a child's end is given out after all that the child has done before it. It is kept
 * until then: whoever follows may ask again after a fault, and nobody would read it a second time.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { HistoryEvent } from '../asl/history.ts';
import { historySplicer } from '../sessions/splice-histories.ts';
import type { EventPage, Feed } from './follow.ts';

type Read = (executionArn: string, after: number) => Promise<EventPage | undefined>;

interface Followed {
  after: number;
  pending?: Promise<Arrived> | undefined;
}
interface Child extends Followed {
  /** Something may still come of it. */
  isOpen: boolean;
  /** How often the root has submitted it, how many ends the root has told of, and how many of its own were read. */
  submitted: number;
  told: number;
  read: number;
}
interface Arrived {
  /** Undefined: of the root. */
  readonly child: Child | undefined;
  readonly page: EventPage;
}

const nothing: EventPage = { events: [], status: 'RUNNING' };
/** A child is there a moment after its root says so. */
const pauseMs = 500;
/** How often a child whose end is told is asked in vain: its own history lags behind, and a child may be gone. */
const triesForEnd = 4;

const isEnd = ({ type }: HistoryEvent) => /^Execution(Succeeded|Failed|TimedOut|Aborted)$/.test(type);

/**
 * @param read events of a child after an id; waits for some while there are none and it runs. `undefined` while there is
 *   no such execution
 * @param pause how to wait, milliseconds
 */
export function withChildren(root: Feed, read: Read, pause: (ms: number) => Promise<unknown> = wait): Feed {
  const splicer = historySplicer();
  const own: Followed = { after: 0 };
  const children = new Map<string, Child>();
  let held: { readonly page: EventPage; readonly before: HistoryEvent[]; readonly over: readonly string[] } | undefined;

  const asked = (followed: Followed, ask: () => Promise<Arrived>): Promise<Arrived> => {
    followed.pending ??= ask();
    // Whoever is not waited for any more may fail unheard.
    followed.pending.catch(() => {});
    return followed.pending;
  };
  const askRoot = () => asked(own, async () => ({ child: undefined, page: await root.eventsAfter(own.after) }));
  const askChild = (arn: string, child: Child) =>
    asked(child, async () => {
      const page = await read(arn, child.after);
      if (page === undefined) await pause(pauseMs);
      return { child, page: page ?? nothing };
    });
  const taken = (followed: Followed, { events }: EventPage): void => {
    followed.pending = undefined;
    followed.after = events.at(-1)?.id ?? followed.after;
  };
  const takenOfChild = (arn: string, child: Child, page: EventPage): readonly HistoryEvent[] => {
    taken(child, page);
    child.read += page.events.filter(isEnd).length;
    // What was asked before a redrive may be answered after it.
    if (page.status !== 'RUNNING' && (child.read >= child.submitted || page.events.length === 0)) child.isOpen = false;
    return splicer.child(arn, page.events);
  };
  const noteRoot = (page: EventPage): void => {
    const { submitted, ended } = splicer.note(page.events);
    for (const arn of submitted) {
      const child = children.get(arn) ?? { after: 0, isOpen: true, submitted: 0, told: 0, read: 0 };
      child.submitted += 1;
      child.isOpen = true;
      children.set(arn, child);
    }
    for (const arn of ended) {
      const child = children.get(arn);
      if (child !== undefined) child.told += 1;
    }
    held = { page, before: [], over: page.status === 'RUNNING' ? ended : [...children.keys()] };
  };
  /** Reads a child up to the end that its root tells of; what the root leaves behind is read as far as it is. */
  const readOver = async (arn: string, before: HistoryEvent[], isRootOver: boolean): Promise<void> => {
    const child = children.get(arn);
    let inVain = 0;
    while (child?.isOpen && (isRootOver || child.read < child.told)) {
      const { page } = await askChild(arn, child);
      inVain = page.events.length === 0 ? inVain + 1 : 0;
      before.push(...takenOfChild(arn, child, page));
      if (inVain >= (child.read < child.told ? triesForEnd : 1)) return;
    }
  };
  const give = async ({ page, before, over }: NonNullable<typeof held>): Promise<EventPage> => {
    for (const arn of over) await readOver(arn, before, page.status !== 'RUNNING');
    held = undefined;
    return { events: [...before, ...splicer.root(page.events)], status: page.status };
  };
  return {
    async eventsAfter() {
      try {
        if (held !== undefined) return await give(held);
        const open = [...children].filter(([, { isOpen }]) => isOpen);
        const { child, page } = await Promise.race([
          askRoot(),
          ...open.map(([arn, followed]) => askChild(arn, followed)),
        ]);
        const arn = open.find(([, followed]) => followed === child)?.[0];
        if (child !== undefined && arn !== undefined)
          return { events: takenOfChild(arn, child, page), status: 'RUNNING' };
        taken(own, page);
        noteRoot(page);
        return held === undefined ? nothing : await give(held);
      } catch (thrown) {
        for (const followed of [own, ...children.values()]) followed.pending = undefined;
        throw thrown;
      }
    },
    recover: (thrown) => root.recover(thrown),
  };
}
