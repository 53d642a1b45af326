/** `bunsui schedule enable` and `disable`. */
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { readFromPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { openPlatform } from '../platform.ts';
import { nextDueTimes } from '../../schedules/schedule.ts';
import { scheduleNamed, schedulesThere, setEnabled } from '../schedules-there.ts';
import { zonedTime } from '../zoned-times.ts';

export async function enableSchedule(
  context: CommandContext,
  name: string,
  enabled: boolean,
  options: PlatformOptions,
): Promise<number> {
  const { out } = context.terminal;
  const { schedule, changed } = await readFromPlatform(
    () => openPlatform(context, options.target),
    async (platform) => {
      const found = scheduleNamed(await schedulesThere(platform), name);
      if (found.enabled !== enabled) await setEnabled(platform, found, enabled);
      return { schedule: found, changed: found.enabled !== enabled };
    },
  );
  const { id, timing } = schedule;
  const [next] = enabled ? nextDueTimes(timing, Date.now(), 1) : [];
  if (options.json) {
    const at = next === undefined ? {} : { next: isoTime(next) };
    out.write(jsonLine(enabled ? 'schedule.enabled' : 'schedule.disabled', { id, changed, ...at }));
    return exitCodes.ok;
  }
  const was = changed ? '' : ', as it was';
  const then = next === undefined ? '' : `, next ${zonedTime(next, timing.timezone)}`;
  out.write(`${id} is ${enabled ? 'enabled' : 'disabled'}${was}${then}\n`);
  return exitCodes.ok;
}
