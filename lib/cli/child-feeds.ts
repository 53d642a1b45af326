/**
 * Follows an execution together with its child machines: their events, as they come, are events of one history.
 */
import type { HistoryEvent } from '../asl/history.ts';
import { historySplicer } from '../sessions/splice-histories.ts';
import type { EventPage, Feed } from './follow.ts';

type Read = (executionArn: string, after: number) => Promise<EventPage | undefined>;

interface Followed {
  after: number;
  pending?: Promise<Arrived> | undefined;
}
interface Arrived {
  /** Undefined: of the root. */
  readonly child: string | undefined;
  readonly page: EventPage;
}

const nothing: EventPage = { events: [], status: 'RUNNING' };

/** @param read events of a child after an id; waits for some while there are none and it runs */
export function withChildren(root: Feed, read: Read): Feed {
  const splicer = historySplicer();
  const own: Followed = { after: 0 };
  const open = new Map<string, Followed>();
  const seen = new Set<string>();
  const ask = (followed: Followed, child: string | undefined): Promise<Arrived> => {
    followed.pending ??= (async () => {
      const page =
        child === undefined ? await root.eventsAfter(followed.after) : ((await read(child, followed.after)) ?? nothing);
      return { child, page };
    })();
    // Whoever is not waited for any more may fail unheard.
    followed.pending.catch(() => {});
    return followed.pending;
  };
  const taken = (followed: Followed, { child, page }: Arrived): readonly HistoryEvent[] => {
    followed.pending = undefined;
    followed.after = page.events.at(-1)?.id ?? followed.after;
    if (child === undefined) return page.events;
    if (page.status !== 'RUNNING') open.delete(child);
    return splicer.child(child, page.events);
  };
  /** All that is left of a child that has ended. */
  const rest = async (child: string): Promise<readonly HistoryEvent[]> => {
    const events: HistoryEvent[] = [];
    for (let followed = open.get(child); followed !== undefined; followed = open.get(child))
      events.push(...taken(followed, await ask(followed, child)));
    return events;
  };
  return {
    async eventsAfter() {
      try {
        const asked = [ask(own, undefined), ...[...open].map(([child, followed]) => ask(followed, child))];
        const arrived = await Promise.race(asked);
        const { child, page } = arrived;
        if (child !== undefined) {
          const followed = open.get(child);
          return followed === undefined ? nothing : { events: taken(followed, arrived), status: 'RUNNING' };
        }
        const events = taken(own, arrived);
        const ended = splicer.note(events);
        for (const one of splicer.children) if (!seen.has(one)) open.set(one, { after: 0 });
        for (const one of splicer.children) seen.add(one);
        const over = page.status === 'RUNNING' ? ended : [...open.keys()];
        const before: HistoryEvent[] = [];
        for (const one of over) before.push(...(await rest(one)));
        return { events: [...before, ...splicer.root(events)], status: page.status };
      } catch (thrown) {
        for (const followed of [own, ...open.values()]) followed.pending = undefined;
        throw thrown;
      }
    },
    recover: (thrown) => root.recover(thrown),
  };
}
