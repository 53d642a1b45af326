/**
 * One LevelDB write for an item and its index entries. dynalite writes them one after another, entries first, so that a
 * process which is killed in between leaves an item that no index lists, or the other way round, until it is written again.
 */

/** What is written to LevelDB at once: whole, or not at all. */
export type LevelOperation =
  | { readonly type: 'put'; readonly key: string; readonly value: unknown }
  | { readonly type: 'del'; readonly key: string };

type Done = (error?: unknown) => void;

/** A part of the database, as dynalite makes it: its keys stand behind the part's name and `~`. */
interface Part {
  put(key: string, value: unknown, done: Done): void;
  del(key: string, done: Done): void;
}

/** What dynalite hands to its actions. */
export interface DynaliteStore {
  readonly db: {
    open(): Promise<void>;
    close(): Promise<void>;
    batch(operations: readonly LevelOperation[], done: Done): void;
    /** Calls back as dynalite has changed it to. The value is `undefined` when there is none. */
    get(key: string, done: (error: unknown, value?: unknown) => void): void;
    getSync(key: string): unknown;
  };
  getItemDb(table: string): Part;
  getIndexDb(type: string, table: string, index: string): Part;
}

const itemPart = (table: string) => `item-${table}`;
const indexPart = (type: string, table: string, index: string) => `index-${type.toLowerCase()}~${table}~${index}`;

const writing: readonly string[] = ['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem'];

/**
 * The store for one action. Of an action that writes items, index entries are held back until their item is written,
 * which dynalite does in the same turn of the event loop, and then go with it.
 */
export function storeFor(operation: string, store: DynaliteStore): DynaliteStore {
  if (!writing.includes(operation)) return store;
  const heldBack: LevelOperation[] = [];
  const keyIn = (part: string, key: string) => `${part}~${key}`;
  const write = (operation: LevelOperation, done: Done) => store.db.batch([...heldBack.splice(0), operation], done);
  const changed = (part: Part, own: Part): Part => Object.assign(Object.create(part) as Part, own);
  return {
    ...store,
    getIndexDb(type, table, index) {
      const part = indexPart(type, table, index);
      return changed(store.getIndexDb(type, table, index), {
        put(key, value, done) {
          heldBack.push({ type: 'put', key: keyIn(part, key), value });
          done();
        },
        del(key, done) {
          heldBack.push({ type: 'del', key: keyIn(part, key) });
          done();
        },
      });
    },
    getItemDb(table) {
      const part = itemPart(table);
      return changed(store.getItemDb(table), {
        put: (key, value, done) => write({ type: 'put', key: keyIn(part, key), value }, done),
        del: (key, done) => write({ type: 'del', key: keyIn(part, key) }, done),
      });
    },
  };
}
