/** Activities: tasks that are done by workers who ask for them. Their names are kept; what waits is in memory. */
import { join } from 'node:path';
import type { Json } from '../engine/ports.ts';
import { parseStored, readIfThere, writeFileAtomic } from './durable-files.ts';

export interface Activity {
  readonly arn: string;
  readonly name: string;
  readonly createdAtMs: number;
}

/** A task that waits for a worker. */
interface Offer {
  readonly token: string;
  readonly input: Json;
  readonly taken: (workerName?: string) => void;
}

export interface Activities {
  find(arn: string): Activity | undefined;
  list(): readonly Activity[];
  /** Does nothing to one that there is. */
  save(activity: Activity): Promise<void>;
  remove(arn: string): Promise<void>;
  /** Offers a task to workers until one takes it or `signal` is aborted. */
  offer(arn: string, offer: Offer, signal: AbortSignal): void;
  /** Takes a task for a worker; waits for one until `signal` is aborted. `undefined`: there was none. */
  take(arn: string, workerName: string | undefined, signal: AbortSignal): Promise<Omit<Offer, 'taken'> | undefined>;
}

/** Opens the activities of a state folder. */
export async function openActivities(stateDir: string): Promise<Activities> {
  const path = join(stateDir, 'activities.json');
  const text = await readIfThere(path);
  const stored = text === undefined ? [] : (parseStored(path, text, 'move the file away') as readonly Activity[]);
  let known = new Map(stored.map((activity) => [activity.arn, activity]));
  const offers = new Map<string, Offer[]>();
  const workers = new Map<string, ((offer: Offer) => void)[]>();
  let changing: Promise<unknown> = Promise.resolve();
  /** One after another, and known only once it is on the disk. */
  const change = (make: (activities: Map<string, Activity>) => void): Promise<void> => {
    const changed = changing.then(async () => {
      const next = new Map(known);
      make(next);
      await writeFileAtomic(path, JSON.stringify([...next.values()]));
      known = next;
    });
    changing = changed.catch(() => {});
    return changed;
  };
  const waiting = <T>(lists: Map<string, T[]>, arn: string): T[] => {
    const list = lists.get(arn) ?? [];
    lists.set(arn, list);
    return list;
  };
  const drop = <T>(list: T[], item: T): void => {
    const at = list.indexOf(item);
    if (at >= 0) list.splice(at, 1);
  };

  return {
    find: (arn) => known.get(arn),
    list: () => [...known.values()].sort((a, b) => b.createdAtMs - a.createdAtMs),
    save: (activity) => change((activities) => activities.set(activity.arn, activities.get(activity.arn) ?? activity)),
    remove: (arn) => change((activities) => activities.delete(arn)),
    offer(arn, offer, signal) {
      if (signal.aborted) return;
      const worker = waiting(workers, arn).shift();
      if (worker !== undefined) {
        worker(offer);
        return;
      }
      const list = waiting(offers, arn);
      list.push(offer);
      signal.addEventListener('abort', () => drop(list, offer), { once: true });
    },
    async take(arn, workerName, signal) {
      if (signal.aborted) return undefined;
      const waits = waiting(workers, arn);
      const offer =
        waiting(offers, arn).shift() ??
        (await new Promise<Offer | undefined>((resolve) => {
          waits.push(resolve);
          const giveUp = () => {
            drop(waits, resolve);
            resolve(undefined);
          };
          signal.addEventListener('abort', giveUp, { once: true });
        }));
      offer?.taken(workerName);
      return offer === undefined ? undefined : { token: offer.token, input: offer.input };
    },
  };
}
