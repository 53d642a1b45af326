/** Copies between stores, of whatever kinds: through this process, in bounded memory. */
import type { Store } from './store.ts';

/**
 * Copies an object.
 * @param toKey its key in the other store. @default the same
 * @throws {BunsuiError} BS1162 when there is no such object
 */
export async function copyObject(
  from: Store,
  key: string,
  to: Store,
  toKey: string = key,
): Promise<{ readonly bytes: number }> {
  return to.write(toKey, await from.read(key));
}

/** What was copied. */
export interface Copied {
  readonly objects: number;
  readonly bytes: number;
}

/**
 * Copies all objects whose keys begin so, some at a time. The first failure ends it; what was copied before stays, and
 * copying again writes the same over it.
 *
 * @example await copyObjects(storage('az://exports', { credentials }), storage('s3://lake/raw'), { prefix: '2026-01-31/' })
 */
export async function copyObjects(
  from: Store,
  to: Store,
  options: {
    readonly prefix?: string;
    /** How many at once. @default 4 */
    readonly concurrency?: number;
    /** Told of each that is there. */
    readonly onCopied?: (key: string, bytes: number) => void;
  } = {},
): Promise<Copied> {
  const { prefix, concurrency = 4, onCopied } = options;
  const found = from.list(prefix)[Symbol.asyncIterator]();
  let objects = 0;
  let total = 0;
  let failed = false;
  const work = async (): Promise<void> => {
    while (!failed) {
      const next = await found.next();
      if (next.done === true) return;
      const { bytes } = await copyObject(from, next.value.key, to);
      objects += 1;
      total += bytes;
      onCopied?.(next.value.key, bytes);
    }
  };
  try {
    await Promise.all(
      Array.from({ length: Math.max(1, concurrency) }, () =>
        work().catch((error: unknown) => {
          failed = true;
          throw error;
        }),
      ),
    );
  } finally {
    await found.return?.(undefined);
  }
  return { objects, bytes: total };
}
