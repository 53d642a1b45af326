/** What an engine in virtual time needs besides its tasks: ids in order, the same draws each time, nothing kept. */
import type { virtualClock } from '../engine/clock.ts';
import type { EnginePorts } from '../engine/ports.ts';

/** The ports but for the tasks. @param random gives 0 ≤ n < 1. @default always 0.5 */
export function virtualPorts<C extends ReturnType<typeof virtualClock>>(
  clock: C,
  random: () => number = () => 0.5,
): Omit<EnginePorts, 'tasks' | 'clock'> & { readonly clock: C } {
  let ids = 0;
  return {
    clock,
    random,
    uuid: () => `00000000-0000-4000-8000-${String(ids++).padStart(12, '0')}`,
    journal: { append: async () => {} },
  };
}
