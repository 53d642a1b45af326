/**
 * Values that are mostly there at once. Awaiting one that is costs a turn of the queue of promises, and a state without
 * expressions would take eight such turns (bench/engine/README.md).
 */

/** A value, or the promise of one. */
export type Awaitable<T> = T | Promise<T>;

/** Goes on with a value: at once when it is there. Throws when `next` does, or rejects. */
export function andThen<T, U>(value: Awaitable<T>, next: (value: T) => Awaitable<U>): Awaitable<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Makes something of each item, one after the other. */
export function inOrder<T, U>(items: readonly T[], make: (item: T, index: number) => Awaitable<U>): Awaitable<U[]> {
  const made: U[] = [];
  const goOn = (): Awaitable<U[]> => {
    while (made.length < items.length) {
      const value = make(items[made.length] as T, made.length);
      if (value instanceof Promise) {
        return value.then((there) => {
          made.push(there);
          return goOn();
        });
      }
      made.push(value);
    }
    return made;
  };
  return goOn();
}
