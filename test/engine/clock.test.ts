import { describe, expect, test } from 'vitest';
import { systemClock, virtualClock } from '../../lib/engine/clock.ts';

describe('the virtual clock', () => {
  test('jumps from wake-up to wake-up in order of time, those of one moment in the order of asking', async () => {
    const clock = virtualClock(1_000);
    const woken: string[] = [];
    const note = (name: string) => () => woken.push(`${name}@${clock.now()}`);
    clock.wakeAt(5_000, note('late'));
    clock.wakeAt(2_000, note('first'));
    clock.wakeAt(2_000, note('second'));
    clock.wakeAt(500, note('past'));
    const cancel = clock.wakeAt(3_000, note('cancelled'));
    cancel();
    clock.wakeAt(4_000, () => clock.wakeAt(4_500, note('nested')));
    await clock.idle();
    expect(woken).toStrictEqual(['past@1000', 'first@2000', 'second@2000', 'nested@4500', 'late@5000']);
    expect(clock.now()).toBe(5_000);
  });

  test('stands still while it is held', async () => {
    const clock = virtualClock(0);
    const woken: string[] = [];
    const release = clock.hold();
    clock.wakeAt(10, () => woken.push('woken'));
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect([clock.now(), woken]).toStrictEqual([0, []]);
    release();
    release();
    await clock.idle();
    expect([clock.now(), woken]).toStrictEqual([10, ['woken']]);
  });

  test('a wake-up that another one of the same moment cancels is not called', async () => {
    const clock = virtualClock(0);
    const woken: string[] = [];
    let cancel: () => void = () => undefined;
    clock.wakeAt(1, () => {
      woken.push('one');
      cancel();
    });
    cancel = clock.wakeAt(1, () => woken.push('two'));
    await clock.idle();
    expect(woken).toStrictEqual(['one']);
  });
});

describe('the system clock', () => {
  test('wakes at the time, and not when cancelled or far away', async () => {
    const clock = systemClock();
    const woken: string[] = [];
    const cancel = clock.wakeAt(clock.now(), () => woken.push('cancelled'));
    // Beyond 2^31 ms a bare timer would fire at once.
    const cancelFar = clock.wakeAt(clock.now() + 2 ** 32, () => woken.push('far'));
    cancel();
    await new Promise<void>((resolve) => {
      clock.wakeAt(clock.now() + 5, resolve);
    });
    cancelFar();
    expect(woken).toStrictEqual([]);
  });
});
