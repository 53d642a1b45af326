/** Freezes a value and everything in it. Data that several rooms read must not change under them. */
export function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) if (typeof inner === 'object') freeze(inner);
  }
  return value;
}
