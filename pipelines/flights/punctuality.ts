/** Punctuality: how late flights arrive. */
import type { Flight } from './flights.ts';

export interface Punctuality {
  readonly flights: number;
  /** Share of flights that were not late, 0 to 100, one decimal. */
  readonly onTimePercent: number;
  /** Early arrivals count as negative; one decimal. */
  readonly averageDelayMinutes: number;
  /** Half of the flights were this late or less. */
  readonly medianDelayMinutes: number;
  /** Nine flights of ten were this late or less. */
  readonly p90DelayMinutes: number;
}

export interface HourlyPunctuality extends Punctuality {
  /** Of the actual departure, local time, 0 to 23. */
  readonly hour: number;
}

/** Fewer flights than this say little about their hour: no hour with fewer is named best or worst. */
const enoughFlights = 100;

/** Sums up some flights. A flight is late from `lateAfterMinutes` on. Without flights every figure is 0. */
export function punctualityOf(flights: readonly Flight[], lateAfterMinutes: number): Punctuality {
  const delays = flights.map(({ delayMinutes }) => delayMinutes).sort((a, b) => a - b);
  const total = delays.reduce((sum, delay) => sum + delay, 0);
  const onTime = delays.filter((delay) => delay < lateAfterMinutes).length;
  return {
    flights: delays.length,
    onTimePercent: share(100 * onTime, delays.length),
    averageDelayMinutes: share(total, delays.length),
    medianDelayMinutes: nearestRank(delays, 0.5),
    p90DelayMinutes: nearestRank(delays, 0.9),
  };
}

/**
 * One row per hour of the day in which flights departed, in order. The source knows the actual departure only, so a
 * flight that left late counts for the hour it left in: one reason why late hours look worse.
 */
export function punctualityByHour(flights: readonly Flight[], lateAfterMinutes: number): HourlyPunctuality[] {
  const byHour = Map.groupBy(flights, ({ departure }) => Number(departure.slice(11, 13)));
  return [...byHour]
    .sort(([a], [b]) => a - b)
    .map(([hour, departures]) => ({ hour, ...punctualityOf(departures, lateAfterMinutes) }));
}

/** The hours with the lowest and the highest average delay; the earlier hour where two are equal. */
export function bestAndWorstHour(hours: readonly HourlyPunctuality[]): {
  best: HourlyPunctuality;
  worst: HourlyPunctuality;
} {
  const telling = hours.filter(({ flights }) => flights >= enoughFlights);
  const byDelay = (telling.length > 0 ? telling : hours).toSorted(
    (a, b) => a.averageDelayMinutes - b.averageDelayMinutes,
  );
  const [best] = byDelay;
  if (!best) throw new Error('there are no flights to compare hours by');
  const worst =
    byDelay.find(({ averageDelayMinutes }) => averageDelayMinutes === byDelay.at(-1)?.averageDelayMinutes) ?? best;
  return { best, worst };
}

/** A quotient to one decimal; 0 of nothing. */
export function share(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((10 * part) / whole) / 10;
}

function nearestRank(sorted: readonly number[], quantile: number): number {
  return sorted[Math.ceil(quantile * sorted.length) - 1] ?? 0;
}
