/** Durations as authors write them: seconds as a number, or text such as `500ms`, `30s`, `2m`, `1h`, `3d`. */

export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const unitSeconds: { readonly [unit: string]: number } = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of a duration; `undefined` for text that is none, or a number that is negative or not finite. */
export function durationSeconds(duration: Duration): number | undefined {
  if (typeof duration === 'number') return Number.isFinite(duration) && duration >= 0 ? duration : undefined;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration);
  const unit = unitSeconds[match?.[2] ?? ''];
  return unit === undefined ? undefined : Number(match?.[1]) * unit;
}
