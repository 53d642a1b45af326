/** Local times of a zone and instants, by the runtime's own time zone data. Local times are written as if in UTC, in milliseconds. */

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formats.set(zone, made);
  return made;
}

/** Why a text is no time zone that AWS knows; `undefined` when it is one. */
export function zoneProblem(zone: string): { readonly message: string; readonly hint: string } | undefined {
  const unknown = {
    message: `there is no time zone ${JSON.stringify(zone.slice(0, 60))}`,
    hint: 'give an IANA name such as "Asia/Tokyo", "Europe/Berlin" or "UTC"',
  };
  // Offsets and abbreviations are zones to Intl, and not to EventBridge Scheduler.
  if (!/^(UTC|GMT|[A-Z][A-Za-z_]+(\/[A-Za-z0-9_+-]+){1,2})$/i.test(zone)) return unknown;
  try {
    const found = formatOf(zone).resolvedOptions().timeZone;
    if (found.toLowerCase() === zone.toLowerCase() && found !== zone) {
      return { ...unknown, hint: `did you mean "${found}"?` };
    }
    return undefined;
  } catch {
    return unknown;
  }
}

/** The zone's local time at an instant. */
export function localTimeAt(zone: string, instantMs: number): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(instantMs)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((instantMs % 1000) + 1000) % 1000);
}

/** What local time is ahead of UTC by at an instant, milliseconds. */
export function offsetAt(zone: string, instantMs: number): number {
  return localTimeAt(zone, instantMs) - instantMs;
}

/** The offset of a whole local day; `undefined` when clocks are changed in it or close to it. */
export function steadyOffset(zone: string, localDayMs: number): number | undefined {
  const before = offsetAt(zone, localDayMs - 15 * hourMs);
  return before === offsetAt(zone, localDayMs + dayMs + 15 * hourMs) ? before : undefined;
}

/** The instants at which clocks of the zone show a local time, in order: none when they skip it, two when they show it twice. */
export function instantsOf(zone: string, localMs: number): readonly number[] {
  const offsets = new Set([offsetAt(zone, localMs - dayMs), offsetAt(zone, localMs + dayMs)]);
  return [...offsets]
    .map((offset) => localMs - offset)
    .filter((instant) => localTimeAt(zone, instant) === localMs)
    .sort((a, b) => a - b);
}
